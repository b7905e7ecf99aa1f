"""The steps that experiments with an AVA detector share: its trainings, tests and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.experiments.commands import Later, Word, ranks_tool, tool
from mmlt.experiments.steps import Step


class DetectorSteps(NamedTuple):
    """Makes steps whose stamps are in ``WORK_DIR/done`` and whose logs are in ``WORK_DIR/logs``.

    Attributes:
        work_dir: Folder of all results.
        num_ranks: Processes, one a GPU.
        seed: Of the trainings.
        options: KEY=VALUE wherever the detector is built.
    """

    work_dir: Path
    num_ranks: int
    seed: int
    options: Sequence[str]

    def step(
        self,
        name: str,
        inputs: Sequence[Path | Later],
        outputs: Sequence[Path],
        command: Sequence[Word],
        *,
        is_shown: bool = False,
        remove: Path | None = None,
    ) -> Step:
        """A step; what one prints that is not shown goes into its log."""
        log = None if is_shown else self.work_dir / 'logs' / f'{name}.log'
        return Step(name, inputs, outputs, command, self.work_dir / 'done' / name, log, remove)

    def train(
        self,
        name: str,
        config: Path,
        *options: str,
        inputs: Sequence[Path | Later] = (),
        env: Sequence[Word] = (),
        with_val: bool = False,
    ) -> Step:
        """A training into the folder of its name, with no validation unless it is asked for."""
        folder, given = self.work_dir / name, [*options, *self.options]
        how = ['--work-dir', folder, '--resume', *([] if with_val else ['--no-validate'])]
        how += ['--seed', self.seed, *(['--cfg-options', *given] if given else [])]
        command = ranks_tool('dist_train.sh', config, self.num_ranks, *how)
        outputs = [folder / 'last_checkpoint']
        return self.step(name, [config, *inputs], outputs, _with_env(command, env))

    def judge(
        self,
        name: str,
        config: Path,
        checkpoint: Path | Later,
        *options: str,
        on: str = 'test',
        flags: Sequence[Word] = (),
        inputs: Sequence[Path | Later] = (),
        env: Sequence[Word] = (),
    ) -> Step:
        """A test into the folder of its name, anew if a stopped test has left one there."""
        folder = self.work_dir / name
        given = [*self.options, *options, f'test_evaluator.out_dir={folder}']
        how = ['--data-split', on, '--work-dir', folder / 'log', *flags, '--cfg-options', *given]
        command = ranks_tool('dist_test.sh', config, checkpoint, self.num_ranks, *how)
        outputs, inputs = [folder / 'metrics.json'], [config, checkpoint, *inputs]
        return self.step(name, inputs, outputs, _with_env(command, env), remove=folder)

    def report(self, name: str, tests: Mapping[str, str], title: str) -> Step:
        """The report of tests, ``WORK_DIR/NAME.html``.

        Args:
            name: Of the step.
            tests: Name of a test's step -> what the report calls it, the baseline first.
            title: Of the report.
        """
        folders, out = [self.work_dir / test for test in tests], self.work_dir / f'{name}.html'
        how = ['--names', *tests.values(), '--title', title, '--out', out, '--overwrite']
        command = tool('analysis/report.py', *folders, *how)
        metrics = [folder / 'metrics.json' for folder in folders]
        return self.step(name, metrics, [out], command, is_shown=True)


def _with_env(command: Sequence[Word], env: Sequence[Word]) -> list[Word]:
    """Variables beside those of a command that begins with ``env``."""
    return [command[0], *env, *command[1:]]
