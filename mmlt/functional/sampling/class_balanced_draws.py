"""The sequence of draws of an epoch, by place: nothing but the candidates' lists is in memory.

Shapes and names as in :mod:`mmlt.functional.sampling.class_balanced_sampling`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmlt.functional.checks import check_integer
from mmlt.functional.sampling._counter_random import permute_range, uniform
from mmlt.functional.sampling.class_balanced_sampling import (
    ClassMembers,
    class_sampling_probs,
    expected_draws,
)

# What a stream is for: no two purposes share one.
_CLASS, _MEMBER, _ORDER, _ROUNDING, _REMAINDER = range(5)


class Draws(NamedTuple):
    """What is drawn at the places asked for.

    Attributes:
        candidates: (n,) int64.
        classes: (n,) int64, the class under which each was drawn; -1 where the mode has none.
    """

    candidates: np.ndarray
    classes: np.ndarray


class IndependentDraws:
    """Modes 'uniform' and 'sqrt': a class, then one of its members, every time anew."""

    def __init__(self, members: ClassMembers, *, mode: str) -> None:
        self._members = members
        self._cumulative_probs = np.cumsum(class_sampling_probs(members.counts, mode=mode))
        self._last_class = int(np.flatnonzero(members.counts)[-1])
        self.natural_length = members.num_candidates

    def draw(self, positions: np.ndarray, *, seed: int, epoch: int) -> Draws:
        """Draw what stands at ``positions`` of the epoch; see :func:`plan_draws`."""
        share = uniform(positions, (seed, epoch, _CLASS))
        classes = np.searchsorted(self._cumulative_probs, share, side='right')
        classes = np.minimum(classes, self._last_class)  # the sum may end a bit below 1
        counts = self._members.counts[classes]
        places = (uniform(positions, (seed, epoch, _MEMBER)) * counts).astype(np.int64)
        return Draws(self._members.candidates[self._members.offsets[classes] + places], classes)


class RepeatedDraws:
    """Mode 'repeat_factor': each candidate as often as its factor says, all shuffled.

    The fraction is rounded at random: with u uniform in [0, 1) and the cumulated factors R_i,
    candidate i comes floor(R_i + u) - floor(R_{i-1} + u) times. That is r_i in expectation, never
    off by one or more, and the epoch's length is off by less than one.
    """

    def __init__(self, factors: np.ndarray) -> None:
        self._cumulative = np.cumsum(factors)
        self.natural_length = int(np.ceil(np.round(self._cumulative[-1], 6)))

    def draw(self, positions: np.ndarray, *, seed: int, epoch: int) -> Draws:
        """Draw what stands at ``positions`` of the epoch; see :func:`plan_draws`."""
        offset = uniform(np.zeros(1), (seed, epoch, _ROUNDING))[0]
        ends = np.floor(self._cumulative + offset).astype(np.int64)
        places = _shuffled(positions, int(ends[-1]), seed, epoch)
        candidates = np.searchsorted(ends, places, side='right')
        return Draws(candidates, np.full(len(candidates), -1))


class DuplicatedDraws:
    """Mode 'duplicate': every class's list repeated to the length of the longest, all shuffled.

    The joined list has n_max places for each class that is not empty: the members floor(n_max /
    n_c) times over, then n_max mod n_c of them drawn anew in every epoch, none twice.
    """

    def __init__(self, members: ClassMembers) -> None:
        self._members = members
        self._classes = np.flatnonzero(members.counts)
        self._longest = int(members.counts.max())
        self.natural_length = len(self._classes) * self._longest
        self._remainders: tuple = (None, None)

    def draw(self, positions: np.ndarray, *, seed: int, epoch: int) -> Draws:
        """Draw what stands at ``positions`` of the epoch; see :func:`plan_draws`."""
        places = _shuffled(positions, self.natural_length, seed, epoch)
        rows, places = np.divmod(places, self._longest)
        classes = self._classes[rows]
        counts = self._members.counts[classes]
        in_whole = self._longest // counts * counts
        starts, drawn = self._drawn_remainders(seed, epoch)
        is_rest = places >= in_whole
        members = places % counts
        members[is_rest] = drawn[starts[rows[is_rest]] + (places - in_whole)[is_rest]]
        return Draws(self._members.candidates[self._members.offsets[classes] + members], classes)

    def _drawn_remainders(self, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The places of the remainders' members within their classes, row after row."""
        if self._remainders[0] != (seed, epoch):
            counts = self._members.counts[self._classes]
            rests = self._longest % counts
            drawn = [
                permute_range(np.arange(rest), int(count), key=(seed, epoch, _REMAINDER, row))
                for row, (rest, count) in enumerate(zip(rests, counts))
            ]
            starts = np.append(0, np.cumsum(rests))
            self._remainders = ((seed, epoch), (starts, np.concatenate(drawn)))
        return self._remainders[1]


def plan_draws(
    members: ClassMembers, *, mode: str, repeat_threshold: float | None = None
) -> IndependentDraws | RepeatedDraws | DuplicatedDraws:
    """Prepare the draws of a mode.

    Args:
        members: See :func:`~mmlt.functional.group_by_class`.
        mode: 'uniform' | 'sqrt' | 'repeat_factor' | 'duplicate'.
        repeat_threshold: t of 'repeat_factor', a share of the candidates.

    Returns:
        An object with ``natural_length``, the places of an epoch, and ``draw(positions, seed=,
        epoch=) -> Draws``. Positions are integers >= 0; beyond the natural length 'repeat_factor'
        and 'duplicate' go on with the same list, shuffled anew. What is drawn depends on seed,
        epoch and position alone. Memory: of the order of ``members``.

    Raises:
        ValueError: as :func:`~mmlt.functional.expected_draws`.

    Reference:
        'uniform', 'sqrt': Kang et al., ICLR 2020, section 4.1; 'repeat_factor': Gupta, Dollar,
        Girshick, CVPR 2019, appendix B; 'duplicate': Zhang, Tokmakov, Hebert, Schmid, 2019,
        section 5.2.

    Differs from reference:
        'repeat_factor': the fractions are rounded by one number for all candidates, so that all
        epochs have one length; there each on its own. 'duplicate': the paper leaves open how often
        the remainder is drawn, here once an epoch.

    Example:
        >>> from mmlt.functional import group_by_class
        >>> members = group_by_class([0, 1, 1], [0, 0, 1], num_candidates=2, num_classes=2)
        >>> plan = plan_draws(members, mode='duplicate')
        >>> sorted(plan.draw(np.arange(4), seed=0, epoch=0).candidates.tolist())
        [0, 1, 1, 1]
    """
    factors = expected_draws(members, mode=mode, repeat_threshold=repeat_threshold)  # checks all
    if mode == 'repeat_factor':
        return RepeatedDraws(factors)
    if mode == 'duplicate':
        return DuplicatedDraws(members)
    return IndependentDraws(members, mode=mode)


def _shuffled(positions: np.ndarray, size: int, seed: int, epoch: int) -> np.ndarray:
    """Where each position of a shuffled list of ``size`` entries comes from, pass after pass."""
    check_integer('size', size, 1)
    passes, places = np.divmod(np.asarray(positions, dtype=np.int64), size)
    shuffled = np.empty_like(places)
    for number in np.unique(passes):
        inside = passes == number
        key = (seed, epoch, _ORDER, int(number))
        shuffled[inside] = permute_range(places[inside], size, key=key)
    return shuffled
