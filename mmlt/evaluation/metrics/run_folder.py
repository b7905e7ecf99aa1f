"""The folder that a metric of a running job writes to."""

from __future__ import annotations

import itertools
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.dist import broadcast_object_list, get_world_size, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger, print_log

from mmlt.evaluation.runs.folder import METRICS_FILE


class RunFolder:
    """Where a metric writes, evaluation after evaluation, without touching another job's results.

    The folder is ``out_dir``, by default that of the running job's log file
    (``work_dir/timestamp``). Each evaluation replaces the files of the one before in the same job.
    Where the folder already holds the files of another job or metric, they stay, and
    ``<folder>-2`` (-3, ...) is used instead.

    Args:
        owner: Name of the metric, for the log.
        out_dir: The folder.
        also: Names of further files that the owner writes; a folder that holds one is taken.
        main_file: Name of the file that the log points to.
    """

    def __init__(
        self,
        owner: str,
        out_dir: str | None = None,
        also: Sequence[str] = (),
        main_file: str = METRICS_FILE,
    ) -> None:
        self.owner = owner
        self.out_dir = out_dir
        self.also = tuple(also)
        self.main_file = main_file
        self._claimed: dict[Path, Path] = {}

    def write(self, write_files: Callable[[Path, bool], object]) -> Path | None:
        """Have the files written.

        Args:
            write_files: Called as ``write_files(folder, overwrite)``; raises ``FileExistsError``
                where it may not overwrite and there is something.

        Returns:
            The folder, or None outside of a runner, where nothing is written.
        """
        wanted = self.wanted()
        if wanted is None:
            return None
        if wanted in self._claimed:
            write_files(self._claimed[wanted], True)
        else:
            self._claimed[wanted] = self._claim(wanted, write_files)
        print_log(f'{self.owner}: see {self._claimed[wanted] / self.main_file}', 'current')
        return self._claimed[wanted]

    def make_collect_dir(self) -> str:
        """Make a folder that all ranks know, in the run's; mmengine removes it when it has read it.

        mmengine's own default leaves an empty ``.dist_test`` behind where the job was started.
        Collective: every rank must call it.
        """
        folder = ['']
        if is_main_process():
            parent = self.wanted() or Path()
            parent.mkdir(parents=True, exist_ok=True)
            folder = [tempfile.mkdtemp(prefix='.collect-', dir=parent)]
        broadcast_object_list(folder)
        return folder[0]

    @contextmanager
    def lend_collect_dir(self, metric: BaseMetric) -> Iterator[None]:
        """Have a metric gather in a new folder in the run's, unless it is told where, or how.

        Collective where there are several ranks: see :meth:`make_collect_dir`.
        """
        told = metric.collect_device != 'cpu' or metric.collect_dir is not None
        if told or get_world_size() == 1:
            yield
            return
        metric.collect_dir = self.make_collect_dir()
        try:
            yield
        finally:
            metric.collect_dir = None

    def wanted(self) -> Path | None:
        """The folder asked for, or None outside of a runner."""
        # A metric never meets its runner. What mmengine makes global for each runner is the
        # logger, and its file lies in the run's own folder, work_dir/timestamp.
        if self.out_dir is not None:
            return Path(self.out_dir)
        log_file = MMLogger.get_current_instance().log_file
        return Path(log_file).parent if log_file else None

    def _claim(self, wanted: Path, write_files: Callable[[Path, bool], object]) -> Path:
        """Write to the first of folder, folder-2, ... that has none of the files yet."""
        for number in itertools.count(1):
            free = wanted if number == 1 else wanted.with_name(f'{wanted.name}-{number}')
            if any((free / name).exists() for name in self.also):
                continue
            try:
                write_files(free, False)
            except FileExistsError:
                continue
            if number > 1:
                print_log(
                    f'{self.owner}: {wanted} holds the results of another evaluation; '
                    f'they stay, ours go to {free}',
                    'current',
                    logging.WARNING,
                )
            return free
