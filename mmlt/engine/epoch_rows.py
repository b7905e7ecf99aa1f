"""Scores and targets of an epoch of training, collected by every rank row by row."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from mmengine.dist import gather_object, get_rank, get_world_size
from torch import Tensor

_PARTS = ('scores', 'targets', 'places')


class Rows(NamedTuple):
    """Some rows, in any order.

    Attributes:
        scores: (n, C) float32.
        targets: (n, C) bool.
        places: (n,) int64, the row's place in the order of the epoch over all ranks.
    """

    scores: Tensor
    targets: Tensor
    places: Tensor


class EpochRows:
    """The rows of one epoch on this rank, and how they come together.

    Samplers give rank r of w the places r, r + w, ... of the epoch, so a row's place says whether
    it is one that was added to make the ranks even, also where a sampler repeats a sample on
    purpose.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.end_epoch()

    def end_epoch(self) -> None:
        """Forget all rows: no epoch is in progress."""
        self._rows: list[Rows] = []
        self._start: int | None = None  # places that all ranks had used when this one began
        self.num_seen = 0  # rows of this rank since

    @property
    def is_begun(self) -> bool:
        """Whether this process has begun or resumed an epoch."""
        return self._start is not None

    def start_epoch(self, start: int = 0) -> None:
        """Begin an epoch at a place, keeping rows of earlier places."""
        kept = [_select(rows, rows.places < start) for rows in self._rows]
        self.end_epoch()
        self._rows, self._start = kept, start

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """Add the next batch of this rank: (b, C) and (b, C)."""
        number = torch.arange(self.num_seen, self.num_seen + len(scores))
        places = (self._start or 0) + number * get_world_size() + get_rank()
        self._rows.append(Rows(scores.float().cpu(), (targets > 0).cpu(), places))
        self.num_seen += len(scores)

    def gather(self) -> Rows | None:
        """The rows of all ranks, on rank 0; every rank must call it."""
        self._rows = [_join(self._rows, self.num_classes)]
        everywhere = gather_object(self._rows[0])
        return None if everywhere is None else _join(everywhere, self.num_classes)

    def restore(self, state: Any) -> None:
        """Take the rows of :func:`rows_state` that a killed run had collected.

        Raises:
            ValueError: another layout, another number of classes.
        """
        if not isinstance(state, dict) or any(part not in state for part in _PARTS):
            raise ValueError(f'running_ap of the checkpoint is no dict of {", ".join(_PARTS)}')
        if state['scores'].shape[1:] != (self.num_classes,):
            raise ValueError(
                'running_ap of the checkpoint has scores of shape '
                f'{tuple(state["scores"].shape)}, this run has {self.num_classes} classes'
            )
        self._rows = [Rows(*(state[part].cpu() for part in _PARTS))]


def rows_state(rows: Rows) -> dict[str, Tensor]:
    """Rows in the form of a checkpoint."""
    return rows._asdict()


def drop_added(rows: Rows, sampler: Any) -> Rows:
    """Leave out the rows that the sampler added to make the ranks even."""
    if hasattr(sampler, 'epoch_length'):  # mmlt.ClassBalancedSampler
        num_samples = sampler.epoch_length
    elif hasattr(sampler, 'round_up'):  # mmengine's DefaultSampler
        num_samples = len(sampler.dataset)
    else:
        return rows
    is_own = rows.places < num_samples
    return rows if is_own.all() else _select(rows, is_own)


def _select(rows: Rows, chosen: Tensor) -> Rows:
    return Rows(*(part[chosen] for part in rows))


def _join(blocks: list[Rows], num_classes: int) -> Rows:
    if len(blocks) == 1:
        return Rows(*blocks[0])
    nothing = Rows(
        torch.zeros(0, num_classes),
        torch.zeros(0, num_classes, dtype=torch.bool),
        torch.zeros(0, dtype=torch.long),
    )
    return Rows(*(torch.cat(parts) for parts in zip(nothing, *blocks)))
