"""A detector of three branches (report of the 2019 ActivityNet challenge, section 4) as steps."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mmlt.experiments.commands import Later, last_checkpoint, tool
from mmlt.experiments.detector_steps import DetectorSteps
from mmlt.experiments.steps import Step
from mmlt.experiments.videolt_steps import best_checkpoint

if TYPE_CHECKING:
    from mmengine.config import Config

#: Where the configs with a long-term branch look for the bank's folders.
VARIABLE = 'FEATURE_BANK'
#: A person of the bank scores more.
SCORE_THR = 0.9
_SPLITS = ('train', 'val', 'test')


class ThreeBranch(NamedTuple):
    """Baseline (phase one), its feature bank, the whole, tests of both, report.

    A training that keeps the best checkpoint on val is validated, and that one is taken; of others
    the last is.

    Attributes:
        config: The whole's.
        num_ranks: Processes, one a GPU.
        work_dir: Folder of all results.
        baseline: Config of phase one; None: ``CONFIG_phase_one.py``.
        score_thr: Persons of the bank are proposals of a score above.
        with_tta: Whether the whole is tested with its test-time augmentation too.
        seed: Of the trainings.
        options: KEY=VALUE wherever a detector is built.
    """

    config: Path
    num_ranks: int
    work_dir: Path
    baseline: Path | None = None
    score_thr: float = SCORE_THR
    with_tta: bool = False
    seed: int = 0
    options: tuple[str, ...] = ()

    @property
    def phase_one(self) -> Path:
        """Config of the baseline."""
        return self.baseline or self.config.with_name(f'{self.config.stem}_phase_one.py')

    @property
    def bank(self) -> Path:
        """Folder of the bank's folders."""
        return self.work_dir / 'bank'

    def asked(self) -> str:
        """What binds the folder; tests and a report may be added to it."""
        asked = f'{self.config} {self.num_ranks} --baseline {self.phase_one}'
        options = f' --cfg-options {" ".join(self.options)}' if self.options else ''
        return f'{asked} --score-thr {self.score_thr} --seed {self.seed}{options}'

    def check(self) -> None:
        """Refuse what cannot be run.

        Raises:
            FileNotFoundError: A config is absent.
            ValueError: ``score_thr``, a phase one that reads a bank itself, a whole whose bank is
                not the one that is made here, or that has no augmentation where it is asked for, a
                test that leaves no file for the report.
        """
        if not self.config.is_file():
            raise FileNotFoundError(f'no config {self.config}')
        if not self.phase_one.is_file():
            raise FileNotFoundError(f'no config {self.phase_one}: name phase one by --baseline')
        if not 0 <= self.score_thr <= 1:
            raise ValueError(f'--score-thr must be from 0 to 1, not {self.score_thr}')
        for path in (self.phase_one, self.config):
            _check_evaluator(path, self._read(path).get('test_evaluator'))
        phase_one = self._read(self.phase_one)
        if _has_long_term(phase_one) or any(_bank_dirs(_loaders(phase_one))):
            raise ValueError(
                f'{self.phase_one} reads a feature bank: phase one, which fills it, has no '
                'long-term branch'
            )
        if self.with_tta and not self._read(self.config).get('tta_pipeline'):
            raise ValueError(
                f'{self.config} has no tta_pipeline, which --tta needs; '
                'configs/_base_/datasets/ava_tta.py has one'
            )
        self.bank_splits()

    def bank_splits(self) -> list[str]:
        """The splits whose persons the whole's pipelines read; none without a long-term branch.

        Raises:
            ValueError: They read another bank, or the branch has none to read.
        """
        config = self._read(self.config)
        found = set()
        for folder in _bank_dirs([_loaders(config), config.get('tta_pipeline')]):
            if Path(folder).parent != self.bank or Path(folder).name not in _SPLITS:
                raise ValueError(
                    f'{self.config}: LoadFeatureBank reads {folder}, not the bank that is made '
                    f"here: write bank_dir='{{{{${VARIABLE}:work_dirs/bank}}}}/train', and so for "
                    'val and test'
                )
            found.add(Path(folder).name)
        if _has_long_term(config) and not found:
            raise ValueError(
                f'{self.config}: its model has a long-term branch, but no pipeline has a '
                'LoadFeatureBank'
            )
        return [split for split in _SPLITS if split in found]

    def _read(self, path: Path) -> Config:
        return _read_config(path, self.bank, path.stat().st_mtime_ns)

    def steps(self) -> list[Step]:
        """All steps; those of the bank only where the whole reads one."""
        make = DetectorSteps(self.work_dir, self.num_ranks, self.seed, self.options)
        one, whole = self._keeps_best(self.phase_one), self._keeps_best(self.config)
        of_one, of_whole = self._checkpoint('baseline', one), self._checkpoint('whole', whole)
        splits = self.bank_splits()
        banks = [self.bank / split / 'index.json' for split in splits]
        read = dict(inputs=banks, env=[f'{VARIABLE}={self.bank}'] if splits else [])
        names = {'baseline_test': 'phase one', 'whole_test': 'the whole'}
        steps = [
            make.train('baseline', self.phase_one, with_val=one),
            *([self._fill_bank(make, of_one, splits, banks)] if splits else []),
            make.train('whole', self.config, with_val=whole, **read),
            make.judge('baseline_test', self.phase_one, of_one),
            make.judge('whole_test', self.config, of_whole, **read),
            make.report('report', names, 'Three branches'),
        ]
        if self.with_tta:
            names['whole_tta_test'] = 'the whole, augmented test'
            judged = make.judge('whole_tta_test', self.config, of_whole, flags=['--tta'], **read)
            steps += [judged, make.report('report_tta', names, 'Three branches')]
        return steps

    def _keeps_best(self, config: Path) -> bool:
        hooks = self._read(config).get('default_hooks') or {}
        return bool((hooks.get('checkpoint') or {}).get('save_best'))

    def _checkpoint(self, name: str, is_best: bool) -> Later:
        return (best_checkpoint if is_best else last_checkpoint)(self.work_dir / name)

    def _fill_bank(
        self, make: DetectorSteps, checkpoint: Later, splits: list[str], outputs: list[Path]
    ) -> Step:
        ranks = ['--standalone', f'--nproc_per_node={self.num_ranks}']
        build = tool('features/build_feature_bank.py', self.phase_one, checkpoint)
        how = ['--out', self.bank, '--data-split', *splits, '--score-thr', str(self.score_thr)]
        how += ['--overwrite', '--launcher', 'pytorch']  # one that is begun here is gone on with
        options = ['--cfg-options', *self.options] if self.options else []
        command = tool('launch.py', *ranks, *build[1:], *how, *options)
        step = make.step('bank', [self.phase_one, checkpoint], outputs, command)
        return step._replace(is_cache=True)


@cache
def _read_config(path: Path, bank: Path, _: int) -> Config:
    """A config as the steps read it, by the variable of this bank; not to be changed."""
    from mmengine.config import Config

    before, level = os.environ.get(VARIABLE), logging.root.manager.disable
    os.environ[VARIABLE] = str(bank)
    logging.disable(logging.INFO)  # mmengine tells each variable
    try:
        return Config.fromfile(path)
    finally:
        logging.disable(level)
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before


def _check_evaluator(path: Path, evaluator: Any) -> None:
    """Refuse a test without metrics.json, which would be missed after the trainings."""
    kind = evaluator.get('type') if isinstance(evaluator, Mapping) else evaluator
    if str(kind).rpartition('.')[2] != 'AVALongTailMetric':
        raise ValueError(
            f'{path}: test_evaluator is {kind}, the report needs '
            "test_evaluator=dict(type='mmlt.AVALongTailMetric', ...)"
        )


def _has_long_term(config: Config) -> bool:
    return (config.get('model', {}).get('roi_head') or {}).get('long_term') is not None


def _loaders(config: Config) -> list:
    return [config.get(f'{split}_dataloader') for split in _SPLITS]


def _bank_dirs(part: Any) -> Iterator[str]:
    """The folders of all LoadFeatureBank in a part of a config."""
    if isinstance(part, Mapping):
        if str(part.get('type')).rpartition('.')[2] == 'LoadFeatureBank':
            folders = part['bank_dir']
            yield from [folders] if isinstance(folders, str) else folders
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from _bank_dirs(each)
