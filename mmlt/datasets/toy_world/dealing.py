"""How many labels of each class there are, and which of N boxes get them, by chance or in runs.

C classes of one kind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Deck(NamedTuple):
    """Labels to deal.

    Attributes:
        counts: (C,) labels of each class.
        is_shared: (C,) whether a class goes in runs that fall into one video.
    """

    counts: np.ndarray
    is_shared: np.ndarray


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


def deal(deck: Deck, video: np.ndarray, share: int, rng: np.random.Generator) -> np.ndarray:
    """Deal a deck to N boxes.

    Args:
        deck: At most N labels.
        video: (N,) ascending.
        share: Mean length of a run.

    Returns:
        (N,) int labels, -1 for none.
    """
    counts = deck.counts
    labels = np.full(len(video), -1)
    num_videos = video[-1] + 1
    for label in np.flatnonzero(deck.is_shared):
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
