"""Which classes there are, how often each occurs, and which box carries which.

N boxes, C classes of one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.context_labels import deal_with_context
from mmlt.datasets.toy_world.dealing import Deck, deal, quotas

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
    pose, an object and an interaction as ranks within their kind, -1 for none; ``context`` is (N,)
    int, the place in ``CONTEXT_KINDS`` of what tells the object's side.
    """

    num_videos: int
    video: np.ndarray
    keyframe: np.ndarray
    labels: np.ndarray
    context: np.ndarray


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
    poses, *others = (_deck(kind, config, split) for kind in label_kinds(config))
    columns = [deal(poses, video, config.share, rng)]
    context = np.zeros(num_boxes, dtype=int)
    if config.context_share:
        sides = [
            np.array([SIDES.index(side) for side in of_kind])
            for of_kind in ([side for _, side in HELD_OBJECTS], [side for side, _ in INTERACTIONS])
        ]
        dealt = deal_with_context(others, sides, video, keyframe, config, rng)
        columns, context = [*columns, dealt.objects, dealt.interactions], dealt.context
    else:
        columns += [deal(deck, video, config.share, rng) for deck in others]
    return BoxPlan(num_videos, video, keyframe, np.stack(columns, axis=1), context)


def _deck(kind: LabelKind, config: ToyWorldConfig, split: str) -> Deck:
    """All labels of a kind; training boxes of a class that is not head fall into runs."""
    num_labelled = round(config.num_boxes(split) * kind.prob)
    counts = quotas(_kind_probs(kind, config), num_labelled, config.floor(split))
    ids = kind.first_id + np.arange(len(counts))
    is_rare = ~np.isin(ids, head_medium_tail(config)['head'])
    return Deck(counts, is_rare & (split == 'train' and config.share > 1))


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
