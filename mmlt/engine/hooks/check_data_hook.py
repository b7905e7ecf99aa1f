"""What no dataset can see alone, checked before a training: what splits share and lack."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmlt.fileio.dataset_checks.finding import MISTAKES, Finding
from mmlt.fileio.dataset_checks.settings import SplitSettings, splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits
from mmlt.functional.checks import check_choice
from mmlt.registry import HOOKS

#: What mmlt.AVADataset says itself when it is built.
_TOLD_BY_DATASET = frozenset(
    ('repeated_rows', 'no_proposal', 'low_scores', 'unused_columns', 'keyframe_at_end')
)


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Checks the files of the config's AVA datasets as ``tools/data/check_dataset.py`` does.

    Before the first iteration the main rank reads the annotations of train, val and test, and
    compares them with the proposals and with one another: videos or keyframes that two splits
    share, classes without a box, columns in the order y1, x1, y2, x2, proposals that find few of
    the boxes, and the rest of :mod:`mmlt.fileio.dataset_checks`. An error stops every rank;
    warnings and doubts are logged. Datasets of mmlt and of mmaction2 alike.

    Args:
        on_error: 'raise', or 'warn' to go on.
        frames: Whether to look for holes in the frames too: a listing of each video's folder.
        ignore: Kinds of findings (keys of ``MISTAKES``) that are meant to be, such as
            'shared_video'.

    Raises:
        ValueError: The splits have a mistake that makes the numbers wrong. Each names file, line,
            value and mend.
    """

    priority = 'VERY_HIGH'

    def __init__(
        self, on_error: str = 'raise', frames: bool = True, ignore: Sequence[str] = ()
    ) -> None:
        self.on_error = check_choice('on_error', on_error, ('raise', 'warn'))
        self.frames = frames
        for kind in ignore:
            check_choice('ignore', kind, tuple(MISTAKES))
        self.ignore = frozenset(ignore)

    def before_train(self, runner: Runner) -> None:
        """Check on the main rank; an error ends all of them."""
        errors = ['']
        if is_main_process():
            errors = [self._check(runner)]
        broadcast_object_list(errors)
        if errors[0]:
            raise ValueError(errors[0])

    def _check(self, runner: Runner) -> str:
        """Log the warnings; return the errors, a line each."""
        datasets = [
            dataset
            for loader in _built_loaders(runner)
            for dataset in _inner_datasets(loader.dataset)
        ]
        splits = [split for split in splits_of_config(runner.cfg) if _is_used(split)]
        known = {
            os.fspath(dataset.proposal_file): dataset.proposals
            for dataset in datasets
            if getattr(dataset, 'proposal_file', None) and getattr(dataset, 'proposals', None)
        }
        check = check_splits(splits, frames=self.frames, known_proposals=known)
        told = _files_of([d for d in datasets if type(d).__module__.startswith('mmlt.')])
        findings = [
            finding
            for finding in check.findings
            if finding.kind not in self.ignore and not _is_told(finding, told)
        ]
        errors = [finding for finding in findings if finding.severity == 'error']
        for finding in findings:
            if finding not in errors or self.on_error == 'warn':
                print_log(str(finding), 'current', logging.WARNING)
        return '\n'.join(map(str, errors)) if self.on_error == 'raise' else ''


def _is_used(split: SplitSettings) -> bool:
    """A test split that is not here yet does not stop a training."""
    return split.name.split()[0] != 'test' or Path(split.ann_file).is_file()


def _is_told(finding: Finding, files: frozenset[str]) -> bool:
    return finding.kind in _TOLD_BY_DATASET and finding.file in files


def _built_loaders(runner: Runner) -> Iterator[Any]:
    for loop in (runner.train_loop, runner.val_loop):
        loader = getattr(loop, 'dataloader', None)
        if hasattr(loader, 'dataset'):
            yield loader


def _inner_datasets(dataset: Any) -> Iterator[Any]:
    """A dataset, or those inside of its wrappers."""
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None)
    if inner is None:
        yield dataset
        return
    if isinstance(inner, dict):
        inner = list(inner.values())
    for each in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from _inner_datasets(each)


def _files_of(datasets: Sequence[Any]) -> frozenset[str]:
    names = ('ann_file', 'proposal_file', 'label_file')
    paths = (getattr(dataset, name, None) for dataset in datasets for name in names)
    return frozenset(os.fspath(path) for path in paths if path)
