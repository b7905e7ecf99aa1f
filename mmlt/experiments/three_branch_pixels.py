"""Three branches on the drawn toy world with context: what is run, as steps, and what came out.

The configs read the world in ``data/toy_context``; one world, several trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmlt.datasets.toy_world.labels import HELD_OBJECTS, POSES
from mmlt.evaluation.runs.folder import METRICS_FILE, read_metrics
from mmlt.experiments.cofinetune_pixels import best_checkpoint
from mmlt.experiments.commands import ROOT, Later, Word, tool
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.seed_table import mean_and_error, with_error
from mmlt.experiments.steps import Step
from mmlt.experiments.toy_runs import ToyRuns

WORLD = Path('data/toy_context')
GROUPS = ('all', 'head', 'medium', 'tail', 'objects')
#: As configs/three_branch/contrasts.json names them -> what the table calls them.
ROWS = {
    'roi': 'RoI branch alone (phase one)',
    'all': 'all branches',
    'all_tta': 'all branches, tested at three scales',
}
_WHOLE = ROOT / 'configs' / 'toy' / 'slowonly_toy_three_branch.py'
_CONFIGS = {'roi': _WHOLE.with_name(f'{_WHOLE.stem}_phase_one.py'), 'all': _WHOLE}
#: Persons of the bank; the toy's detector is less sure than AVA's, of which the report takes .9.
_SCORE_THR = 0.5


class PixelRuns(ToyRuns):
    """The rows of one seed; see :class:`mmlt.experiments.toy_runs.ToyRuns`."""

    def add_all(self) -> None:
        """Phase one, its bank, the whole; a test of each row."""
        world = self.data / 'ava' / 'world.json'
        phase_one = self._train('roi', [world])
        bank = self.folder / 'bank'
        splits = ('train', 'val', 'test')
        how = ['--out', bank, '--data-split', *splits, '--score-thr', str(_SCORE_THR)]
        command = tool('features/build_feature_bank.py', _CONFIGS['roi'], phase_one, *how)
        outputs = [bank / split / 'index.json' for split in splits]
        self._add('bank', [_CONFIGS['roi'], world, phase_one], outputs, command)
        env: list[Word] = ['env', f'FEATURE_BANK={bank}']
        whole = self._train('all', [world, *outputs], env)
        self._test('roi', phase_one, [])
        self._test('all', whole, env)
        self._test('all_tta', whole, env, '--tta')

    def _train(self, name: str, inputs: Sequence[Path | Later], env: Sequence[Word] = ()) -> Later:
        folder = self.folder / name
        # 2 ranks x 8 in one process, which spares a rank's start
        options = ['train_dataloader.batch_size=16', *self.options]
        how = ['--work-dir', folder, '--seed', self.seed, '--resume', '--cfg-options', *options]
        command = [*env, *tool('train.py', _CONFIGS[name], *how)]
        self._add(name, [_CONFIGS[name], *inputs], [folder / 'last_checkpoint'], command)
        return best_checkpoint(folder)

    def _test(self, name: str, checkpoint: Later, env: Sequence[Word], *flags: Word) -> None:
        config = _CONFIGS[name.removesuffix('_tta')]
        out = self.folder / f'{name}_{self.on}'
        options = ['--cfg-options', f'test_evaluator.out_dir={out}']
        test = tool('test.py', config, checkpoint, '--work-dir', out / 'log', *flags, *options)
        outputs = [out / METRICS_FILE]
        self._add(out.name, [config, checkpoint], outputs, [*env, *test], remove=out)


def pixel_steps(work_dir: Path, seeds: Sequence[int], *, options: Sequence[str] = ()) -> list[Step]:
    """All trainings, banks and tests, seed by seed.

    Args:
        work_dir: Folder of all seeds.
        seeds: Of the trainings; the world is one.
        options: KEY=VALUE of every training.
    """
    steps: list[Step] = []
    for seed in seeds:
        runs = PixelRuns(work_dir, WORLD, seed, options=options)
        runs.add_all()
        steps += runs.steps.values()
    return steps


def read_pixel_results(work_dir: Path, seeds: Sequence[int]) -> dict[str, dict[str, list[float]]]:
    """Row -> measure -> a fraction for each seed.

    Measures are ``AP`` and ``SAP`` of all classes, of each group and of the objects, of which a
    share depends on context, as ``SAP objects``.
    """
    results: dict[str, dict[str, list[float]]] = {}
    for name in ROWS:
        found = results[name] = {}
        for seed in seeds:
            for measure, value in _read_run(work_dir / f'seed{seed}' / f'{name}_test').items():
                found.setdefault(measure, []).append(value)
    return results


def _read_run(folder: Path) -> dict[str, float]:
    metrics = read_metrics(folder / METRICS_FILE)
    first = len(POSES) + 1
    ids = range(first, first + len(HELD_OBJECTS))
    objects = [of_class for of_class in metrics['per_class'].values() if of_class['id'] in ids]
    measures = {}
    for group in GROUPS[:-1]:
        summary = metrics if group == 'all' else metrics['groups'][group]
        measures[f'AP {group}'] = summary['frame_mAP']
        measures[f'SAP {group}'] = summary['mSAP']
    for measure in ('AP', 'SAP'):
        values = [of_class[measure] for of_class in objects]
        measures[f'{measure} {GROUPS[-1]}'] = float(np.mean(values))
    return measures


def pixel_table(results: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The rows in percent, as Markdown: means over the seeds with their standard errors."""
    measures = [f'{measure} {group}' for measure in ('SAP', 'AP') for group in GROUPS]
    lines = [
        (ROWS[name], *(with_error(*mean_and_error(found[measure])) for measure in measures))
        for name, found in results.items()
    ]
    return markdown_table(('row', *measures), lines)
