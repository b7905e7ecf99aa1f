"""Drawing the boxes, clips or features of a dataset so that rare classes come more often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmlt.datasets.samplers.drawn_index import DrawnIndex
from mmlt.datasets.samplers.sample_labels import LabelledBoxes, class_names, read_labelled_boxes
from mmlt.functional import ClassMembers, expected_draws, group_by_class, plan_draws
from mmlt.functional.checks import check_choice, check_class_ids, check_integer
from mmlt.registry import DATA_SAMPLERS

_BLOCK = 4096  # places drawn at a time: what an iterator holds, and computes before it starts


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(Sampler):
    """Draw what carries rare classes more often; see :func:`mmlt.functional.plan_draws`.

    What is drawn are boxes where the dataset's samples have ``gt_bboxes`` (AVA's keyframes), else
    whole samples, with any number of labels each. It yields :class:`DrawnIndex`, a plain index that
    remembers the box; ``dict(type='mmlt.KeepDrawnBox')`` in the pipeline then takes the other boxes
    out of the keyframe. Labels are read once, through ``get_data_info``.

    The sequence depends on (seed, epoch) alone; rank r of w gets places r, r + w, ... of it. It is
    computed place by place, so that ten million draws need no more memory than the boxes do.

    Args:
        dataset: Any dataset of mmengine's kind, or a wrapper of one.
        mode: 'uniform', 'sqrt' (a class, then one of its boxes), 'repeat_factor' or 'duplicate'.
        num_samples: Draws in an epoch, over all ranks. None: as many as there are boxes; the sum of
            the factors; with 'duplicate' the largest class times the number of classes.
        classes: Ids of the classes to balance; boxes without one of them are never drawn. None: all
            that the labels can hold. Labels of other classes stay in the samples.
        empty_classes: 'error', or 'ignore' to leave out classes without a box.
        repeat_threshold: t of 'repeat_factor': classes in a smaller share of the boxes are
            repeated; at 0 every box comes once.
        seed: None: one drawn and shared by all ranks.
        round_up: Whether all ranks draw equally many, some again from the start of the sequence.

    Raises:
        ValueError: a class without a box; a bad argument; labels of an unknown layout.
    """

    def __init__(
        self,
        dataset: Any,
        mode: str = 'uniform',
        num_samples: int | None = None,
        classes: Sequence[int] | None = None,
        empty_classes: str = 'error',
        repeat_threshold: float | None = None,
        seed: int | None = None,
        round_up: bool = True,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset, self.mode, self.round_up = dataset, mode, round_up
        self.seed = check_integer('seed', sync_random_seed() if seed is None else seed, 0)
        self.epoch, self._repeat_threshold = 0, repeat_threshold
        check_choice('empty_classes', empty_classes, ('error', 'ignore'))
        labelled = read_labelled_boxes(dataset)
        self.class_ids = _resolve_classes(classes, labelled.class_ids)
        self.members, kept = _group_allowed(labelled, self.class_ids)
        if empty_classes == 'error' or not self.members.counts.any():
            self._refuse_empty_classes()
        self._samples = labelled.samples[kept]
        self._boxes = None if labelled.boxes is None else labelled.boxes[kept]
        self._plan = plan_draws(self.members, mode=mode, repeat_threshold=repeat_threshold)
        if num_samples is None:
            num_samples = self._plan.natural_length
        self.epoch_length = check_integer('num_samples', num_samples, 1)

    @property
    def boxes(self) -> list[tuple[int, int | None]]:
        """(sample, box) of every candidate, in the order of ``members``."""
        nothing = [None] * len(self._samples)
        boxes = nothing if self._boxes is None else self._boxes.tolist()
        return list(zip(self._samples.tolist(), boxes))

    def expected_draws(self) -> np.ndarray:
        """Expected draws of every candidate in an epoch, over all ranks, (N,) float64."""
        draws = expected_draws(
            self.members, mode=self.mode, repeat_threshold=self._repeat_threshold
        )
        return draws * (self.epoch_length / draws.sum())

    @property
    def total_size(self) -> int:
        """Draws of an epoch over all ranks."""
        if not self.round_up:
            return self.epoch_length
        return -(-self.epoch_length // self.world_size) * self.world_size

    def __len__(self) -> int:
        """Draws of an epoch on this rank."""
        return max(0, -(-(self.total_size - self.rank) // self.world_size))

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration give the sequence of this epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[DrawnIndex]:
        epoch, stride = self.epoch, _BLOCK * self.world_size
        for start in range(self.rank, self.total_size, stride):
            places = np.arange(start, min(start + stride, self.total_size), self.world_size)
            yield from self._draw(places % self.epoch_length, epoch)

    def _draw(self, places: np.ndarray, epoch: int) -> Iterator[DrawnIndex]:
        draws = self._plan.draw(places, seed=self.seed, epoch=epoch)
        nothing = [None] * len(places)
        samples = self._samples[draws.candidates].tolist()
        boxes = nothing if self._boxes is None else self._boxes[draws.candidates].tolist()
        has_class = draws.classes[0] >= 0
        class_ids = self.class_ids[draws.classes].tolist() if has_class else nothing
        return map(DrawnIndex, samples, boxes, class_ids)

    def _refuse_empty_classes(self) -> None:
        empty = self.class_ids[self.members.counts == 0]
        if not empty.size:
            return
        names = class_names(self.dataset)
        listed = ', '.join(f'{i} ({names[i]})' if i in names else str(i) for i in empty.tolist())
        files = [getattr(self.dataset, name, None) for name in ('ann_file', 'feature_dir')]
        where = ''.join(f' of {file}' for file in files if file)
        raise ValueError(
            f'{type(self.dataset).__name__}{where}: no sample carries class {listed}; leave it '
            "out with empty_classes='ignore', or name the classes to balance in classes"
        )


def _resolve_classes(classes: Sequence[int] | None, known: range) -> np.ndarray:
    if classes is None:
        return np.arange(known.start, known.stop)
    try:
        ids = check_class_ids(classes)
    except ValueError as error:
        raise ValueError(str(error).replace('class_ids', 'classes', 1)) from None
    unknown = [class_id for class_id in ids.tolist() if class_id not in known]
    if unknown:
        raise ValueError(
            f'classes holds {unknown[0]}: ids of this dataset run from {known[0]} to {known[-1]}'
        )
    return np.sort(ids)


def _group_allowed(
    labelled: LabelledBoxes, class_ids: np.ndarray
) -> tuple[ClassMembers, np.ndarray]:
    """Members of each class among the boxes that carry one of them, and which boxes those are."""
    allowed = np.isin(labelled.labels, class_ids)
    kept, candidates = np.unique(labelled.label_boxes[allowed], return_inverse=True)
    classes = np.searchsorted(class_ids, labelled.labels[allowed])
    members = group_by_class(
        candidates, classes, num_candidates=len(kept), num_classes=len(class_ids)
    )
    return members, kept
