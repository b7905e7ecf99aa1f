"""Each mistake planted in a copy of a small good set: what check_dataset and a training say."""

from __future__ import annotations

import logging
import re
import shutil
from types import SimpleNamespace

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, DefaultScope
from planted_mistakes import TRAPS
from small_own_data import write_small_set

from mmlt.engine.hooks import CheckDataHook
from mmlt.fileio.dataset_checks.settings import splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """Table or not -> a folder of the good set."""
    return {
        table: write_small_set(tmp_path_factory.mktemp('good'), table=table)
        for table in (False, True)
    }


def _planted(good, trap, root):
    shutil.copytree(good[trap.table], root)
    trap.plant(root)
    return Config.fromfile(root / 'config.py')


@pytest.mark.parametrize('name', TRAPS)
def test_check_dataset_finds_it(name, good, tmp_path):
    trap, root = TRAPS[name], tmp_path / 'set'
    check = check_splits(splits_of_config(_planted(good, trap, root)))
    found = [
        finding
        for finding in check.findings
        if finding.kind == trap.kind and finding.file == str(root / trap.file)
    ]
    assert found, [str(finding) for finding in check.findings]
    if trap.place is not None:
        places = [(place.line, place.value) for finding in found for place in finding.places]
        line, value = trap.place
        assert any(at == line and value in text for at, text in places), places
    assert found[0].effect and found[0].mend


@pytest.fixture
def warnings_said():
    """The warnings of mmengine's logger."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield said
    logger.removeHandler(handler)


def _training_says(cfg, warnings_said):
    """Build the datasets and run the hook as a training does: its error, or all its warnings."""
    with DefaultScope.overwrite_default_scope('mmaction'):
        try:
            datasets = [DATASETS.build(cfg[f'{n}_dataloader'].dataset) for n in ('train', 'val')]
            loops = [SimpleNamespace(dataloader=SimpleNamespace(dataset=d)) for d in datasets]
            runner = SimpleNamespace(cfg=cfg, train_loop=loops[0], val_loop=loops[1])
            CheckDataHook().before_train(runner)
        except (ValueError, FileNotFoundError) as error:
            return str(error)
    return '\n'.join(warnings_said)


@pytest.mark.parametrize('name', TRAPS)
def test_a_training_names_it(name, good, tmp_path, warnings_said):
    trap = TRAPS[name]
    said = _training_says(_planted(good, trap, tmp_path / 'set'), warnings_said)
    assert re.search(trap.training, said), said


@pytest.mark.parametrize('table', [False, True])
def test_a_good_set_gives_nothing(table, good, warnings_said):
    cfg = Config.fromfile(good[table] / 'config.py')
    assert check_splits(splits_of_config(cfg)).findings == ()
    assert str(good[table]) not in _training_says(cfg, warnings_said)
