"""Which classes there are, how often each occurs, and which box carries which.

N boxes, C classes of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig

MOTIONS = ('drift left', 'drift right', 'drift up', 'drift down', 'shake sideways', 'shake upright')
SHAPES = ('disc', 'square', 'ring', 'cross')
OBJECTS = ('wand', 'ball', 'frame')
SIDES = ('left', 'right')
APPROACHES = ('approaching', 'leaving')

# In order of rank. Any six poses in a row show all six motions, any four all four shapes: a rare
# pose is made of parts that the common ones have shown. The first twelve pair motions and shapes of
# equal parity, the others the rest.
POSES = tuple((MOTIONS[i % 6], SHAPES[(i + i // 12) % 4]) for i in range(20))
HELD_OBJECTS = tuple((OBJECTS[i % 3], SIDES[i % 2]) for i in range(6))
INTERACTIONS = tuple((SIDES[i % 2], APPROACHES[(i + i // 2) % 2]) for i in range(4))


class LabelKind(NamedTuple):
    """The classes of one kind, commonest first; ids are ``first_id`` and up."""

    names: tuple[str, ...]
    first_id: int
    prob: float
    rarest: float


@dataclass(frozen=True)
class BoxPlan:
    """Where the N boxes of a split stand and what they carry, ordered by video and keyframe.

    ``video`` and ``keyframe`` (within its video) are (N,) int arrays; ``labels`` is (N, 3) int, a
    pose, an object and an interaction as ranks within their kind, -1 for none.
    """

    num_videos: int
    video: np.ndarray
    keyframe: np.ndarray
    labels: np.ndarray


def label_kinds(config: ToyWorldConfig) -> tuple[LabelKind, LabelKind, LabelKind]:
    """Poses (ids 1-20), objects (21-26) and interactions (27-30)."""
    poses = tuple(f'{motion} {shape}' for motion, shape in POSES)
    objects = tuple(f'hold {thing} {side}' for thing, side in HELD_OBJECTS)
    partners = tuple(f'partner {side} {approach}' for side, approach in INTERACTIONS)
    return (
        LabelKind(poses, 1, 1.0, config.rarest_pose),
        LabelKind(objects, 21, config.object_prob, config.rarest_object),
        LabelKind(partners, 27, config.interaction_prob, config.rarest_interaction),
    )


def label_names(config: ToyWorldConfig) -> dict[int, str]:
    """Name of each class id, in the order of the ids."""
    return {k.first_id + i: name for k in label_kinds(config) for i, name in enumerate(k.names)}


def zipf_probs(num_classes: int, rarest_prob: float, *, offset: int = 3) -> np.ndarray:
    r"""Probabilities along a shifted Zipf law whose last value is given.

    .. math:: p_r \propto (r + \text{offset})^{-s}, \quad r = 0, \dots, C - 1

    with :math:`s \ge 0` such that :math:`p_{C-1}` is ``rarest_prob``.

    Args:
        num_classes: C, at least 1.
        rarest_prob: In (0, 1 / C].
        offset: At least 1; larger is flatter at the head.

    Returns:
        (C,) float64, descending, sum 1.

    Raises:
        ValueError: ``rarest_prob`` is out of range.

    Example:
        >>> zipf_probs(3, 2 / 11, offset=1).round(3).tolist()
        [0.545, 0.273, 0.182]
    """
    if not 0 < rarest_prob <= 1 / num_classes:
        raise ValueError(f'rarest_prob must be in (0, 1/{num_classes}], got {rarest_prob}')
    ranks = np.arange(num_classes) + offset

    def probs(exponent: float) -> np.ndarray:
        weights = (ranks / ranks[0]) ** -exponent
        return weights / weights.sum()

    low, high = 0.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if probs(middle)[-1] > rarest_prob else (low, middle)
    return probs(low)


def quotas(probs: np.ndarray, total: int, floor: int) -> np.ndarray:
    """Whole counts (C,) that sum to ``total``, follow ``probs`` and are at least ``floor``.

    The counts are rounded by largest remainder; what the floor adds to the rare classes is taken
    from the others in proportion to what they have above it. A floor that ``total`` cannot pay is
    lowered to ``total // C``.
    """
    floor = min(floor, total // len(probs))
    raised = np.zeros(len(probs), dtype=bool)
    while True:
        left = total - floor * raised.sum()
        wanted = np.where(raised, floor, probs * left / max(probs[~raised].sum(), 1e-12))
        if not (wanted < floor).any():
            break
        raised |= wanted < floor
    counts = np.floor(wanted).astype(int)
    remainder_order = np.argsort(counts - wanted, kind='stable')
    counts[remainder_order[: total - counts.sum()]] += 1
    return counts


def _kind_probs(kind: LabelKind, config: ToyWorldConfig) -> np.ndarray:
    return zipf_probs(len(kind.names), kind.rarest / (config.train_boxes * kind.prob))


def expected_counts(config: ToyWorldConfig) -> dict[int, float]:
    """Training boxes of each class id that the Zipf laws expect at scale 1, whatever the scale."""
    return {
        kind.first_id + rank: config.train_boxes * kind.prob * prob
        for kind in label_kinds(config)
        for rank, prob in enumerate(_kind_probs(kind, config))
    }


def head_medium_tail(config: ToyWorldConfig) -> dict[str, list[int]]:
    """Class ids of the three groups, by expected training counts."""
    counts = expected_counts(config)
    return {
        'head': [i for i, n in counts.items() if n >= config.head_min],
        'medium': [i for i, n in counts.items() if config.tail_max <= n < config.head_min],
        'tail': [i for i, n in counts.items() if n < config.tail_max],
    }


def plan_boxes(config: ToyWorldConfig, split: str) -> BoxPlan:
    """Decide all boxes and labels of a split without drawing anything."""
    rng = np.random.default_rng([config.seed, SPLITS.index(split), 0])
    num_boxes = config.num_boxes(split)
    num_videos, actors = _actors_per_keyframe(config, num_boxes, rng)
    slot = np.repeat(np.arange(len(actors)), actors)
    video, keyframe = np.divmod(slot, config.keyframes_per_video)
    groups = head_medium_tail(config)
    columns = []
    for kind in label_kinds(config):
        num_labelled = round(num_boxes * kind.prob)
        counts = quotas(_kind_probs(kind, config), num_labelled, config.floor(split))
        shared = [
            split == 'train' and config.share > 1 and kind.first_id + i not in groups['head']
            for i in range(len(counts))
        ]
        columns.append(_deal(counts, np.array(shared), video, config.share, rng))
    return BoxPlan(num_videos, video, keyframe, np.stack(columns, axis=1))


def _actors_per_keyframe(
    config: ToyWorldConfig, num_boxes: int, rng: np.random.Generator
) -> tuple[int, np.ndarray]:
    """Number of videos, and of actors in each of their keyframes."""
    shares = np.asarray(config.actors_probs) / sum(config.actors_probs)
    mean = float(shares @ np.arange(1, len(shares) + 1))
    per_video = config.keyframes_per_video
    num_videos = max(1, round(num_boxes / mean / per_video))
    num_videos = max(num_videos, -(-num_boxes // (len(shares) * per_video)))
    actors = np.repeat(np.arange(1, len(shares) + 1), quotas(shares, num_videos * per_video, 0))
    while actors.sum() != num_boxes:
        step = int(np.sign(num_boxes - actors.sum()))
        free = np.flatnonzero((actors + step >= 1) & (actors + step <= len(shares)))
        actors[rng.choice(free)] += step
    rng.shuffle(actors)
    return num_videos, actors


def _deal(
    counts: np.ndarray, shared: np.ndarray, video: np.ndarray, share: int, rng: np.random.Generator
) -> np.ndarray:
    """Deal ``counts[c]`` labels c to N boxes, (N,) int, -1 for none; shared classes go in runs."""
    labels = np.full(len(video), -1)
    num_videos = video[-1] + 1
    for label in np.flatnonzero(shared):
        used = np.zeros(num_videos, dtype=bool)
        for run in _runs(int(counts[label]), share, rng):
            free = np.bincount(video[labels < 0], minlength=num_videos)
            fits = (free >= run) & ~used
            if not fits.any():
                fits = free >= run
            chosen = rng.choice(np.flatnonzero(fits)) if fits.any() else int(free.argmax())
            used[chosen] = True
            boxes = np.flatnonzero((video == chosen) & (labels < 0))
            labels[rng.choice(boxes, min(run, len(boxes)), replace=False)] = label
    free = rng.permutation(np.flatnonzero(labels < 0))
    missing = counts - np.bincount(labels[labels >= 0], minlength=len(counts))
    rest = np.repeat(np.arange(len(counts)), missing)
    labels[free[: len(rest)]] = rest
    return labels


def _runs(count: int, share: int, rng: np.random.Generator) -> list[int]:
    """Lengths, ``share - 2`` to ``share + 2``, that sum to ``count``; less makes one short run."""
    shortest, longest = max(1, share - 2), share + 2
    runs: list[int] = []
    while count > 0:
        run = int(rng.integers(shortest, longest + 1))
        if count - run < shortest:
            run = count if count <= longest else count - shortest
        runs.append(run)
        count -= run
    return runs
