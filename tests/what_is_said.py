"""What check_dataset and a training say of each planted mistake; run, it prints a table."""

from __future__ import annotations

import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, DefaultScope
from planted_mistakes import TRAPS
from planting import Trap
from small_own_data import write_small_set

from mmlt.engine.hooks import CheckDataHook
from mmlt.fileio.dataset_checks.finding import Finding
from mmlt.fileio.dataset_checks.settings import splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits

_HEAD = '| planted | `check_dataset.py` | a training |\n|---|---|---|\n'
_MOST = 150  # characters of a cell


def planted_config(good: Mapping[bool, Path], trap: Trap, root: Path) -> Config:
    """The config of a copy of the good set, with table or without, that has a mistake."""
    shutil.copytree(good[trap.table], root)
    trap.plant(root)
    return Config.fromfile(root / 'config.py')


def findings_of(cfg: Config, trap: Trap, root: Path) -> list[Finding]:
    """The findings of the kind that is due, in the file that is due."""
    found = check_splits(splits_of_config(cfg)).findings
    own = [f for f in found if f.kind == trap.kind and f.file == str(root / trap.file)]
    assert own, [str(finding) for finding in found]
    return own


def training_says(cfg: Config) -> str:
    """Build the datasets and run the hook as a training does: its error, or all its warnings."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(f'warning: {record.getMessage()}')
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        with DefaultScope.overwrite_default_scope('mmaction'):
            datasets = [DATASETS.build(cfg[f'{n}_dataloader'].dataset) for n in ('train', 'val')]
            loops = [SimpleNamespace(dataloader=SimpleNamespace(dataset=d)) for d in datasets]
            runner = SimpleNamespace(cfg=cfg, train_loop=loops[0], val_loop=loops[1])
            CheckDataHook().before_train(runner)
    except (ValueError, FileNotFoundError) as error:
        return '\n'.join(f'error: {line}' for line in str(error).splitlines())
    finally:
        logger.removeHandler(handler)
    return '\n'.join(said)


def mistakes_table(folder: Path) -> str:
    """A row for each planted mistake, as Markdown."""
    good = {table: write_small_set(folder / f'good{table}', table=table) for table in (False, True)}
    rows = []
    for number, (name, trap) in enumerate(TRAPS.items()):
        root = folder / str(number)
        cfg = planted_config(good, trap, root)
        finding = findings_of(cfg, trap, root)[0]
        told = f'{finding.severity}: {finding.file}: {finding.what}'
        told += f' ({finding._replace(places=finding.places[:1]).where})' if finding.places else ''
        lines = training_says(cfg).splitlines()
        said = next(line for line in lines if re.search(trap.training, line))
        rows.append(f'| {name} | {_cell(told)} | {_cell(said)} |')
    return _HEAD + '\n'.join(rows)


def _cell(text: str) -> str:
    """Short, with the names of files alone, and nothing that Markdown would take for its own."""
    text = re.sub(r'[^\s(\'"]*/([\w.]+)', r'\1', text)
    if len(text) > _MOST:
        text = text[:_MOST].rpartition(' ')[0] + ' …'
    return re.sub(r'([|<>*_`])', r'\\\1', text)


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    with tempfile.TemporaryDirectory() as temporary:
        print(mistakes_table(Path(temporary)))
