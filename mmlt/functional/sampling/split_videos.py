"""Whole videos dealt to splits, so that rare classes are in each split where that can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlt.functional.checks import check_integer

_MAX_PARTNERS = 64  # that a video is tried in exchange for
_MIN_STARTS, _MAX_STARTS, _STARTED_VIDEOS = 2, 24, 1200


def split_videos(counts: np.ndarray, *, ratios: Sequence[float], seed: int = 0) -> np.ndarray:
    r"""Deal videos to splits, such as train, val and test, by the classes of their boxes.

    The rarest class is dealt first, its video with most of it first, to the split that lacks most
    of that class; then single videos are moved and pairs swapped while that lowers, first of all,

    .. math::
        \sum_{c} \sum_{s : n_{sc} = 0} (1 + r_s)

    the classes without a box in a split (where one must be missing, a small split lacks it), and
    then how far the splits are from the shares that are wanted,

    .. math::
        \sum_{s} \left( \left(\frac{n_s}{n} - r_s\right)^2
        + \frac{1}{C} \sum_{c} \left(\frac{n_{sc}}{n_c} - r_s\right)^2 \right)

    n boxes, n_c of class c, n_s in split s, n_sc of both. Of several starts the best is taken.

    Shapes: V videos, C classes, S splits.

    Args:
        counts: (V, C) boxes of each class in each video, whole numbers >= 0.
        ratios: (S,) the share of the boxes that each split should have, > 0, with the sum 1.
        seed: Decides between what is equally good.

    Returns:
        (V,) int64, the split of each video; every split has one. Does not depend on the order of
        the videos, but for those with the same counts.

    Raises:
        ValueError: Counts or ratios as they must not be, or fewer videos than splits.

    Reference:
        Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011,
        algorithm 1 (the order of dealing).

    Differs from reference:
        There an example has a label or not; a video has many boxes of it, so the video with most
        comes first, and each class may be far from its share: hence the moves and swaps.

    Example:
        >>> split_videos([[9, 0], [9, 3], [5, 3]], ratios=[0.5, 0.25, 0.25]).tolist()
        [2, 0, 1]
    """
    counts, ratios = _checked(counts, ratios)
    rng = np.random.default_rng(check_integer('seed', seed, 0))
    order = np.lexsort(counts.T)  # what is drawn belongs to a video, wherever it stands
    rows = counts[order]
    best, best_cost = None, None
    for start in range(min(max(_MIN_STARTS, _STARTED_VIDEOS // len(rows)), _MAX_STARTS)):
        ranks = rng.permutation(len(rows))
        if start % 2 == 0:
            split = _dealt(rows, ratios, ranks)
        else:
            split = np.arange(len(rows)) % len(ratios)  # as far from the first as can be
            split = split[ranks]
        split = _improved(rows, split, ratios, rng)
        cost = tuple(np.round(_costs(_totals(rows, split, len(ratios))[None], ratios)[0], 9))
        if best_cost is None or cost < best_cost:
            best, best_cost = split, cost
    result = np.empty(len(rows), dtype=np.int64)
    result[order] = best
    return result


def _checked(counts: np.ndarray, ratios: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    counts, ratios = np.asarray(counts), np.asarray(ratios, dtype=np.float64)
    if counts.ndim != 2 or counts.size == 0:
        raise ValueError(f'counts must have shape (V, C), got shape {counts.shape}')
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))).all():
        raise ValueError('counts must be whole numbers >= 0')
    is_share = ratios.ndim == 1 and len(ratios) > 1 and (ratios > 0).all()
    if not is_share or not np.isclose(ratios.sum(), 1):
        raise ValueError(
            f'ratios must be two or more above 0, with the sum 1, got {ratios.tolist()}'
        )
    if len(counts) < len(ratios):
        raise ValueError(f'{len(counts)} videos cannot fill {len(ratios)} splits')
    return counts.astype(np.int64), ratios


def _totals(counts: np.ndarray, split: np.ndarray, num_splits: int) -> np.ndarray:
    """(S, C) boxes of each class in each split."""
    totals = np.zeros((num_splits, counts.shape[1]), dtype=np.int64)
    np.add.at(totals, split, counts)
    return totals


def _dealt(counts: np.ndarray, ratios: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The greedy pass: the rarest class first, to the split that lacks most of it."""
    split = np.full(len(counts), -1)
    wanted = ratios[:, None] * counts.sum(axis=0)
    wanted_boxes = ratios * counts.sum()
    while (split < 0).any():
        is_left = split < 0
        left = counts[is_left].sum(axis=0)
        if left.any():
            rarest = np.where(left > 0, left, left.max() + 1).argmin()
            candidates = np.flatnonzero(is_left & (counts[:, rarest] > 0))
            video = candidates[np.lexsort((ranks[candidates], -counts[candidates, rarest]))[0]]
            to = np.lexsort((-wanted_boxes, -wanted[:, rarest]))[0]
        else:  # videos without a box
            video, to = np.flatnonzero(is_left)[0], wanted_boxes.argmax()
        split[video] = to
        wanted[to] -= counts[video]
        wanted_boxes[to] -= counts[video].sum()
    for empty in np.setdiff1d(np.arange(len(ratios)), split):
        sizes = np.bincount(split, minlength=len(ratios))
        split[np.flatnonzero(split == sizes.argmax())[0]] = empty
    return split


def _costs(totals: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """(n, 2) what is to be lowered, the first column first, of (n, S, C) totals."""
    of_class = totals.sum(axis=1, keepdims=True)
    is_lacking = (totals == 0) & (of_class > 0)
    lacking = (is_lacking * (1 + ratios[:, None])).sum(axis=(1, 2))
    shares = totals / np.maximum(of_class, 1)
    far = np.where(of_class > 0, (shares - ratios[:, None]) ** 2, 0).mean(axis=2)
    boxes = totals.sum(axis=2)
    of_boxes = boxes / np.maximum(boxes.sum(axis=1, keepdims=True), 1)
    return np.stack([lacking, (far + (of_boxes - ratios) ** 2).sum(axis=1)], axis=1)


def _improved(
    counts: np.ndarray, split: np.ndarray, ratios: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Take of each video the best move or exchange, as long as there is one that is better."""
    split = split.copy()
    totals = _totals(counts, split, len(ratios))
    cost = _costs(totals[None], ratios)[0]
    is_better = True
    while is_better:
        is_better = False
        for video in rng.permutation(len(split)):
            partners = np.flatnonzero(split != split[video])
            if len(partners) > _MAX_PARTNERS:
                partners = rng.choice(partners, _MAX_PARTNERS, replace=False)
            step, step_cost = _best_step(counts, split, totals, ratios, video, partners)
            if _is_lower(step_cost, cost):
                for moved, to in step:
                    totals[split[moved]] -= counts[moved]
                    totals[to] += counts[moved]
                    split[moved] = to
                cost, is_better = step_cost, True
    return split


def _is_lower(cost: np.ndarray, other: np.ndarray) -> bool:
    if abs(cost[0] - other[0]) > 1e-9:
        return bool(cost[0] < other[0])
    return bool(cost[1] < other[1] - 1e-12)


def _best_step(
    counts: np.ndarray,
    split: np.ndarray,
    totals: np.ndarray,
    ratios: np.ndarray,
    video: int,
    partners: np.ndarray,
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """What to do with a video: (video, split) pairs, and the cost that it leaves."""
    at = split[video]
    alone = np.setdiff1d(np.arange(len(ratios)), at)
    alone = alone if (split == at).sum() > 1 else alone[:0]  # no split may be left empty
    targets = np.concatenate([alone, split[partners]])
    back = np.concatenate([np.zeros((len(alone), counts.shape[1]), np.int64), counts[partners]])
    gain = counts[video] - back
    changed = np.repeat(totals[None], len(targets), axis=0)
    changed[:, at] -= gain
    changed[np.arange(len(targets)), targets] += gain
    costs = _costs(changed, ratios)
    best = np.lexsort((costs[:, 1], np.round(costs[:, 0], 9)))[0]
    step = [(video, targets[best])]
    if best >= len(alone):
        step.append((partners[best - len(alone)], at))
    return step, costs[best]
