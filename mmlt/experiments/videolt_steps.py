"""The bench of VideoLT as steps: a training and a test of every method, head and features."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.experiments.commands import ROOT, Later, Word, check_plain_path, tool
from mmlt.experiments.steps import Step
from mmlt.experiments.videolt_bench import (
    HEADS,
    METHODS,
    Data,
    config_of,
    data_environment,
    empty_groups_warning,
    environment_words,
    find_features,
    loader_options,
    read_data,
)


class Bench(NamedTuple):
    """What the bench is to run.

    Attributes:
        data_root: Folder of the lists and features, in VideoLT's layout.
        work_dir: Folder of all runs.
        heads: Of the model, names of :data:`HEADS`.
        methods: Rows of the table, names of :data:`METHODS`.
        features: Names of folders of features; None: all that are found.
        seed: Of the trainings.
        head_min: See :func:`data_environment`.
        tail_max: See :func:`data_environment`.
        max_epochs: See :func:`data_environment`.
        num_workers: Of each loader; None leaves the configs'.
    """

    data_root: Path
    work_dir: Path
    heads: Sequence[str] = tuple(HEADS)
    methods: Sequence[str] = tuple(METHODS)
    features: Sequence[str] | None = None
    seed: int = 0
    head_min: int | None = None
    tail_max: int | None = None
    max_epochs: int | None = None
    num_workers: int | None = None

    def asked(self) -> str:
        """What binds the folder."""
        given = {
            '--head-min': self.head_min,
            '--tail-max': self.tail_max,
            '--epochs': self.max_epochs,
        }
        told = ' '.join(f'{name} {value}' for name, value in given.items() if value is not None)
        return f'{self.data_root} seed {self.seed} {told}'

    def read_data(self) -> dict[str, Data]:
        """The data set with each kind of features that is asked for.

        Raises:
            FileNotFoundError: A list or the features are absent.
            ValueError: A name of features is none, or none that options can hold; bad data.
        """
        found = find_features(self.data_root)
        names = self.features or list(found)
        for name in names:
            if name not in found:
                raise ValueError(
                    f'{self.data_root}/features has no {name!r}; it has {", ".join(found)}'
                )
            check_plain_path(f'{found[name]}: the name of a folder of features', name)
        return {name: read_data(self.data_root, found[name]) for name in names}

    def warning(self) -> str | None:
        """Which groups have no class; see :func:`empty_groups_warning`."""
        return empty_groups_warning(self.data_root, self.head_min, self.tail_max)

    def steps(self) -> list[Step]:
        """All steps; raises as :meth:`read_data` does."""
        all_data = self.read_data()
        steps = [self._count()]
        for name, data in all_data.items():
            for head in self.heads:
                for method in sorted(self.methods, key=lambda method: method != 'baseline'):
                    steps += self._train_and_test(name, data, head, method)
        return steps

    @property
    def _counts(self) -> Path:
        return self.work_dir / 'train_counts.json'

    def _count(self) -> Step:
        where = [self.data_root, '--out', self._counts, '--overwrite']
        inputs = [self.data_root / 'count-labels-train.lst']
        stamp, log = self.work_dir / 'counts.done', self.work_dir / 'counts.log'
        command = tool('analysis/videolt_bench.py', 'counts', *where)
        return Step('counts', inputs, [self._counts], command, stamp, log)

    def _train_and_test(self, name: str, data: Data, head: str, method: str) -> Iterator[Step]:
        run = self.work_dir / name / f'{head}_{method}'
        config = ROOT / 'configs' / 'videolt' / config_of(method)
        groups = {'head_min': self.head_min, 'tail_max': self.tail_max}
        variables = data_environment(data, self._counts, **groups, max_epochs=self.max_epochs)
        env = environment_words(variables)
        options, inputs = self._options(head), [config, self._counts]
        if method == 'lmr' and self._starts_from_baseline(run, head):
            start = best_checkpoint(run.with_name(f'{head}_baseline'))
            inputs.append(start)
            options.append('model.init_cfg.type=Pretrained')
            options.append(start.after('model.init_cfg.checkpoint='))
        lists = [self.data_root / f'{split}.lst' for split in ('train', 'val', 'test')]
        how = ['--work-dir', run, '--resume', '--seed', self.seed, '--cfg-options', *options]
        command, left = tool('train.py', config, *how), [run / 'last_checkpoint']
        yield _step(run, 'training', [*inputs, *lists[:2]], left, [*env, *command])
        checkpoint, out = best_checkpoint(run), run / 'test'
        how = ['--work-dir', out / 'log', '--cfg-options', *options]
        command = tool('test.py', config, checkpoint, *how, f'test_evaluator.out_dir={out}')
        inputs, left = [*inputs, checkpoint, lists[2]], [out / 'metrics.json']
        test = _step(run, 'test', inputs, left, [*env, *command])
        yield test._replace(remove=out, older=run / 'trained')

    def _starts_from_baseline(self, run: Path, head: str) -> bool:
        """LMR is a second training where there is a first; begun, it goes on as it began."""
        for file in (run / 'trained', run / config_of('lmr')):  # its record, or mmengine's config
            if file.exists():
                return 'Pretrained' in file.read_text(encoding='utf-8')
        baseline = run.with_name(f'{head}_baseline')
        return 'baseline' in self.methods or (baseline / 'trained').exists()

    def _options(self, head: str) -> list[Word]:
        options = [f'model.head.type={HEADS[head]}']
        if self.num_workers is not None:
            options += [f'{key}={value}' for key, value in loader_options(self.num_workers).items()]
        return options


def _step(
    run: Path,
    part: str,
    inputs: Sequence[Path | Later],
    outputs: Sequence[Path],
    command: Sequence[Word],
) -> Step:
    """The training or the test of a run."""
    stamp, log = {'training': ('trained', 'train.log'), 'test': ('tested', 'test.log')}[part]
    free = ('num_workers', 'persistent_workers')
    name = f'{run}: {part}'
    return Step(name, inputs, outputs, command, run / stamp, run / log, free_options=free)


def find_best_checkpoint(run: Path) -> Path:
    """The checkpoint that was best on val, of a finished training.

    Raises:
        FileNotFoundError: There is none.
    """
    found = sorted(run.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    if not found:
        raise FileNotFoundError(f'{run}: no best_*.pth; was the training validated?')
    return found[-1]


def best_checkpoint(run: Path) -> Later:
    """:func:`find_best_checkpoint`, when the training has been done."""
    words = map(str, tool('analysis/videolt_bench.py', 'best', run))
    return Later(lambda: str(find_best_checkpoint(run)), f'"$({shlex.join(words)})"')
