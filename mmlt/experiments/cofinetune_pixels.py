"""Co-finetuning on the drawn toy world: what is run, as steps, and what came out.

The configs read the world in ``data/toy``; one world, several trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.labels import POSES
from mmlt.evaluation.runs.folder import METRICS_FILE, read_metrics
from mmlt.experiments.commands import ROOT, Later, Word, tool
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.seed_table import mean_and_error, with_error
from mmlt.experiments.steps import Step
from mmlt.experiments.toy_runs import ToyRuns
from mmlt.fileio.json_files import read_json_object

WORLD = Path('data/toy')
#: Data set of a config -> its part of the toy world.
PARTS = {'ava': 'ava', 'actors': 'actor_clips', 'motion': 'clips'}
#: Data sets of clips -> what the contrasts call them.
CLIP_SETS = {'actors': 'A', 'motion': 'B'}
GROUPS = ('all', 'head', 'medium', 'tail')
#: The tail's poses that are classes of the clips of actors, and those that are not.
SHARED = ('tail poses shared', 'tail poses not shared')


class PixelRow(NamedTuple):
    """A line of the table.

    Attributes:
        label: What the table calls it.
        config: Name of its config.
        datasets: Those that it is trained and tested on.
        trunk: Row whose trunk it starts from.
    """

    label: str
    config: str
    datasets: tuple[str, ...]
    trunk: str | None = None


_CNN = 'slowonly_toy_cofinetune'
#: As configs/cofinetune/contrasts.json names them, and two more; a trunk comes before its user.
ROWS = {
    'ava': PixelRow('AVA from scratch', f'{_CNN}_ava_alone', ('ava',)),
    'clips_a': PixelRow('A from scratch', f'{_CNN}_clips_alone', ('actors',)),
    'pretraining_on_a': PixelRow(
        'A from scratch, as many updates on A as co-finetuned', f'{_CNN}_pretraining', ('actors',)
    ),
    'a_then_ava': PixelRow(
        'pre-trained on A, finetuned on AVA', f'{_CNN}_finetuning', ('ava',), 'pretraining_on_a'
    ),
    'a_with_ava': PixelRow('A + AVA', _CNN, ('ava', 'actors')),
    'ab_with_ava': PixelRow('A + B + AVA, weighted', f'{_CNN}_three', tuple(PARTS)),
    'ab_with_ava_alternating': PixelRow(
        'A + B + AVA, alternating', f'{_CNN}_alternating', tuple(PARTS)
    ),
    'plain_bn': PixelRow('A + AVA, plain BatchNorm', f'{_CNN}_plain_bn', ('ava', 'actors')),
    'vivit': PixelRow('A + AVA, a small ViViT', 'vivit_toy_cofinetune', ('ava', 'actors')),
}


class PixelRuns(ToyRuns):
    """The rows of one seed; see :class:`mmlt.experiments.toy_runs.ToyRuns`."""

    def row(self, name: str) -> Path:
        """Add the steps of a row; the folder with its results."""
        row = ROWS[name]
        inputs: list[Path | Later] = [_config(row)]
        inputs += [self.data / PARTS[each] / 'world.json' for each in row.datasets]
        options: list[Word] = [f'datasets.{each}.batch_size=16' for each in row.datasets]
        if row.trunk:
            trunk = best_checkpoint(self.folder / row.trunk)
            inputs.append(trunk)
            options.append(trunk.after('custom_hooks.0.checkpoint='))
        folder = self.folder / name
        how = ['--work-dir', folder, '--seed', self.seed, '--resume', '--cfg-options']
        # 2 ranks x 8 in one process, which spares a rank's start
        command = tool('train.py', _config(row), *how, *options, *self.options)
        self._add(name, inputs, [folder / 'last_checkpoint'], command)
        return self._test(name, row, best_checkpoint(folder))

    def _test(self, name: str, row: PixelRow, checkpoint: Later) -> Path:
        out = self.folder / f'{name}_{self.on}'
        options, outputs = [], []
        if 'ava' in row.datasets:
            options = ['--cfg-options', f'test_evaluator.ava.out_dir={out / "ava"}']
            outputs = [out / 'ava' / METRICS_FILE]
        command = tool('test.py', _config(row), checkpoint, '--work-dir', out / 'log', *options)
        self._add(out.name, [_config(row), checkpoint], outputs, command, remove=out)
        return out


def _config(row: PixelRow) -> Path:
    return ROOT / 'configs' / 'toy' / f'{row.config}.py'


def best_checkpoint(folder: Path) -> Later:
    """The checkpoint of a training that was best on val, by ``save_best``."""

    def read() -> str:
        found = sorted(folder.glob('best_*.pth'))
        if len(found) != 1:
            raise FileNotFoundError(f'{folder}: {len(found)} files best_*.pth, not one')
        return str(found[0])

    return Later(read, f'{folder}/best_*.pth')


def pixel_steps(
    work_dir: Path,
    seeds: Sequence[int],
    *,
    rows: Sequence[str] = tuple(ROWS),
    options: Sequence[str] = (),
) -> list[Step]:
    """All trainings and tests, seed by seed.

    Args:
        work_dir: Folder of all seeds.
        seeds: Of the trainings; the world is one.
        rows: Names in :data:`ROWS`; what they start from comes with them.
        options: KEY=VALUE of every training.
    """
    steps: list[Step] = []
    for seed in seeds:
        runs = PixelRuns(work_dir, WORLD, seed, options=options)
        for name in ROWS:
            if name in rows or any(ROWS[each].trunk == name for each in rows):
                runs.row(name)
        steps += runs.steps.values()
    return steps


def read_pixel_results(
    work_dir: Path, seeds: Sequence[int], rows: Sequence[str] = tuple(ROWS)
) -> dict[str, dict[str, list[float]]]:
    """Row -> measure -> a fraction for each seed.

    Measures are ``AP`` and ``SAP`` of all classes and of each group, as ``SAP tail``, SAP of the
    tail's poses that the clips share and of those that they do not, and ``top1 A``, ``top1 B``.
    """
    shared_ids = read_json_object(WORLD / PARTS['actors'] / 'world.json')['facts']['ava_ids']
    results: dict[str, dict[str, list[float]]] = {}
    for name in rows:
        found = results[name] = {}
        for seed in seeds:
            folder = work_dir / f'seed{seed}' / f'{name}_test'
            for measure, value in _read_run(folder, ROWS[name], shared_ids).items():
                found.setdefault(measure, []).append(value)
    return results


def _read_run(folder: Path, row: PixelRow, shared_ids: Sequence[int]) -> dict[str, float]:
    measures = {}
    if 'ava' in row.datasets:
        metrics = read_metrics(folder / 'ava' / METRICS_FILE)
        for group in GROUPS:
            summary = metrics if group == 'all' else metrics['groups'][group]
            measures[f'AP {group}'] = summary['frame_mAP']
            measures[f'SAP {group}'] = summary['mSAP']
        for label, is_shared in zip(SHARED, (True, False)):
            saps = [
                of_class['SAP']
                for of_class in metrics['per_class'].values()
                if of_class['group'] == 'tail'
                and of_class['id'] <= len(POSES)
                and (of_class['id'] in shared_ids) == is_shared
            ]
            measures[f'SAP {label}'] = float(np.mean(saps))
    (log,) = (folder / 'log').glob('*/[0-9]*.json')  # what mmengine writes of a test
    logged = read_json_object(log)
    for each in row.datasets:
        if each in CLIP_SETS:
            measures[f'top1 {CLIP_SETS[each]}'] = logged[f'{each}/top1']
    return measures


def pixel_table(results: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The rows in percent, as Markdown: means over the seeds with their standard errors."""
    measures = [f'SAP {group}' for group in (*GROUPS, *SHARED)]
    measures += ['AP all', 'AP tail', *(f'top1 {name}' for name in CLIP_SETS.values())]
    lines = []
    for name, found in results.items():
        cells = [ROWS[name].label]
        for measure in measures:
            has_it = measure in found
            cells.append(with_error(*mean_and_error(found[measure])) if has_it else '')
        lines.append(cells)
    return markdown_table(['trained on', *measures], lines)
