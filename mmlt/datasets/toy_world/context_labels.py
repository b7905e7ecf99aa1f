"""Object labels of which the box shows the object and not the side: context tells it.

Every video has a side, that of all its partners. A context label is an object held above the head
whose side is the video's: ``scene``, where another actor of the keyframe has a partner, or
``echo``, where nobody of the keyframe has one and somebody had ten seconds before. One side a video
and not one a moment, for attention over a window has no clock: whatever it sees of a partner, at
any distance, agrees with what happened ten seconds before.

N boxes, V videos, K keyframes of a video, C classes of one kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.config import ToyWorldConfig
from mmlt.datasets.toy_world.dealing import Deck, deal, quotas

#: What tells the side of a box's object; the first is for all boxes that show it or hold nothing.
CONTEXT_KINDS = ('', 'scene', 'echo')
#: Keyframes, one a second, from a partner to its echo.
ECHO_SEC = 10


class ContextDeal(NamedTuple):
    """What N boxes have, each (N,) int.

    Attributes:
        objects: Label, -1 for none.
        interactions: Label, -1 for none.
        context: Place in :data:`CONTEXT_KINDS`.
    """

    objects: np.ndarray
    interactions: np.ndarray
    context: np.ndarray


def deal_with_context(
    decks: Sequence[Deck],
    sides: Sequence[np.ndarray],
    video: np.ndarray,
    keyframe: np.ndarray,
    config: ToyWorldConfig,
    rng: np.random.Generator,
) -> ContextDeal:
    """Deal objects and interactions so that a share of the objects' sides depends on context.

    Of each class of objects the ``context_share`` are context labels, half of them of either kind,
    as far as there are boxes for them; the others go to any box.

    Args:
        decks: Objects and interactions.
        sides: (C,) each, side of every class, 0 or 1.
        video: (N,) ascending.
        keyframe: (N,) within its video.

    Raises:
        ValueError: A single video, or a side has more partners than its videos have boxes.
    """
    (objects, partners), (object_sides, partner_sides) = decks, sides
    side = _draw_sides(partners.counts, partner_sides, video[-1] + 1, rng)[video]
    interactions = np.full(len(video), -1)
    for which in (0, 1):
        boxes, deck = np.flatnonzero(side == which), _only(partners, partner_sides == which)
        if deck.counts.sum() > len(boxes):
            raise ValueError(
                f'interaction_prob={config.interaction_prob} is too large for videos of one side '
                f'each: {deck.counts.sum()} partners for {len(boxes)} boxes'
            )
        interactions[boxes] = deal(deck, video[boxes], config.share, rng)
    labels, context = np.full(len(video), -1), np.zeros(len(video), dtype=int)
    wanted = np.rint(config.context_share * objects.counts).astype(int)
    of_kinds = (wanted - wanted // 2, wanted // 2)  # as CONTEXT_KINDS[1:]
    candidates = _candidates(interactions >= 0, video, keyframe)
    for kind, (counts, is_candidate) in enumerate(zip(of_kinds, candidates), start=1):
        for which in (0, 1):
            boxes = np.flatnonzero(is_candidate & (side == which))
            deck = _only(Deck(counts, objects.is_shared), object_sides == which)
            if len(boxes):
                labels[boxes] = deal(_at_most(deck, len(boxes)), video[boxes], config.share, rng)
        context[(labels >= 0) & (context == 0)] = kind
    counts = objects.counts - np.bincount(labels[labels >= 0], minlength=len(objects.counts))
    boxes = np.flatnonzero(labels < 0)
    rest = Deck(counts, objects.is_shared)
    labels[boxes] = deal(rest, video[boxes], config.share, rng)
    return ContextDeal(labels, interactions, context)


def _draw_sides(
    counts: np.ndarray, class_sides: np.ndarray, num_videos: int, rng: np.random.Generator
) -> np.ndarray:
    """(V,) side of each video: as many of a side as it has partners, at least one."""
    if num_videos < 2:
        raise ValueError('context_share needs two videos in each split; raise scale')
    share = counts[class_sides == 1].sum() / max(counts.sum(), 1)
    num_second = int(np.clip(round(share * num_videos), 1, num_videos - 1))
    return rng.permutation(np.arange(num_videos) < num_second).astype(int)


def _candidates(
    has_partner: np.ndarray, video: np.ndarray, keyframe: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) whether a box may carry a context label, of each kind; never one with a partner."""
    partners = np.zeros((video[-1] + 1, keyframe.max() + 1), dtype=int)
    np.add.at(partners, (video, keyframe), has_partner)
    before = np.zeros_like(partners)
    before[:, ECHO_SEC:] = partners[:, :-ECHO_SEC]
    now, earlier = partners[video, keyframe], before[video, keyframe]
    return ~has_partner & (now > 0), (now == 0) & (earlier > 0)


def _only(deck: Deck, classes: np.ndarray) -> Deck:
    return Deck(np.where(classes, deck.counts, 0), deck.is_shared)


def _at_most(deck: Deck, number: int) -> Deck:
    """The deck, or a cut in proportion to its classes."""
    total = deck.counts.sum()
    return deck if total <= number else Deck(quotas(deck.counts / total, number, 0), deck.is_shared)
