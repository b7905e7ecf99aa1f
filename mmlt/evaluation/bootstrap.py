"""How far a result would move had other videos been in the test set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional.detection.ava_boxes import take_rows

Excluded = frozenset  # of (video id, timestamp)


def resample_videos(
    detections: AVABoxes, ground_truth: AVABoxes, excluded: Excluded, rng: np.random.Generator
) -> tuple[AVABoxes, AVABoxes, Excluded]:
    """Draw as many videos as the ground truth has, with replacement.

    A video drawn twice counts as two videos. Boxes of a video are kept or left out together, for
    they share a scene: resampling boxes one by one would make the interval too narrow.

    Args:
        detections: Detections; those on videos without ground truth are dropped.
        ground_truth: Annotated boxes.
        excluded: (video id, timestamp) of keyframes to leave out.
        rng: Source of the draw.

    Returns:
        Detections, ground truth and exclusions of the drawn videos, under new names.
    """
    names = sorted({ground_truth.video_names[i] for i in np.unique(ground_truth.video_index)})
    drawn = [names[i] for i in rng.integers(len(names), size=len(names))]
    new_excluded = frozenset(
        (_new_name(place, name), timestamp)
        for place, name in enumerate(drawn)
        for video, timestamp in excluded
        if video == name
    )
    return _take_videos(detections, drawn), _take_videos(ground_truth, drawn), new_excluded


def _new_name(place: int, name: str) -> str:
    return f'{place:06d} {name}'


def _take_videos(boxes: AVABoxes, drawn: list[str]) -> AVABoxes:
    """Rows of each drawn video in turn, renamed by its place in the draw."""
    index_of = {name: i for i, name in enumerate(boxes.video_names)}
    order = np.argsort(boxes.video_index, kind='stable')
    ends = np.cumsum(np.bincount(boxes.video_index, minlength=len(boxes.video_names)))
    starts = np.concatenate([[0], ends[:-1]])
    rows = [
        order[starts[index_of[name]] : ends[index_of[name]]] if name in index_of else order[:0]
        for name in drawn
    ]
    return take_rows(boxes, np.concatenate(rows))._replace(
        video_index=np.repeat(np.arange(len(drawn), dtype=np.int32), [len(r) for r in rows]),
        video_names=np.array([_new_name(*item) for item in enumerate(drawn)], dtype=np.str_),
    )


def videos_of(ground_truth: AVABoxes) -> list[str]:
    """The videos that are drawn from: those with an annotated box, sorted."""
    return sorted({str(ground_truth.video_names[i]) for i in np.unique(ground_truth.video_index)})


def draw_over_videos(
    evaluate: Callable[[AVABoxes, AVABoxes, Excluded], Mapping[str, float]],
    detections: AVABoxes,
    ground_truth: AVABoxes,
    excluded: Excluded = frozenset(),
    *,
    num_resamples: int = 200,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Any numbers in every resample of the videos.

    The draws depend on the videos of the ground truth and the seed alone: two runs that are judged
    on the same ground truth meet the same resamples, and their numbers can be subtracted pairwise.

    Args:
        evaluate: From detections, ground truth and exclusions to named numbers, such as group
            means. A number that it leaves out is undefined in that draw.
        detections: Every detection.
        ground_truth: Annotated boxes.
        excluded: (video id, timestamp) of keyframes to leave out.
        num_resamples: Draws, at least 2.
        seed: Seed of the draws.

    Returns:
        Name -> (num_resamples,) float64, NaN where a draw leaves the number undefined.

    Raises:
        ValueError: ``num_resamples`` out of range; fewer than two videos.
    """
    if num_resamples < 2:
        raise ValueError(f'num_resamples must be at least 2, got {num_resamples}')
    num_videos = len(videos_of(ground_truth))
    if num_videos < 2:
        raise ValueError(f'an interval over videos needs two at least, got {num_videos}')
    rng = np.random.default_rng(seed)
    draws = [
        evaluate(*resample_videos(detections, ground_truth, excluded, rng))
        for _ in range(num_resamples)
    ]
    names = dict.fromkeys(name for draw in draws for name in draw)
    return {
        name: np.array([draw.get(name, np.nan) for draw in draws], dtype=np.float64)
        for name in names
    }


def interval_of(draws: np.ndarray, level: float = 0.95) -> dict[str, float]:
    """Standard error ``se`` (ddof=1) and percentile interval, ``low`` to ``high``, of resamples.

    Args:
        draws: A number in each resample, or the difference of two runs' numbers; NaN does not
            count.
        level: Coverage of the interval, in (0, 1).

    Raises:
        ValueError: ``level`` out of range; fewer than two defined draws.

    Example:
        >>> interval_of(np.array([0.25, 0.75, np.nan]), 0.5)
        {'se': 0.3535533905932738, 'low': 0.375, 'high': 0.625}
    """
    if not 0 < level < 1:
        raise ValueError(f'level must lie between 0 and 1, got {level}')
    defined = draws[~np.isnan(draws)]
    if len(defined) < 2:
        raise ValueError(f'undefined in all but {len(defined)} of the resamples')
    tail = 50 * (1 - level)
    low, high = np.percentile(defined, [tail, 100 - tail])
    return {'se': float(defined.std(ddof=1)), 'low': float(low), 'high': float(high)}


def bootstrap_over_videos(
    evaluate: Callable[[AVABoxes, AVABoxes, Excluded], Mapping[str, float]],
    detections: AVABoxes,
    ground_truth: AVABoxes,
    excluded: Excluded = frozenset(),
    *,
    num_resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, dict[str, float]]:
    """Percentile intervals and standard errors of any numbers, over resampled videos.

    Args:
        evaluate: As in :func:`draw_over_videos`, and the other arguments too.
        detections: Every detection.
        ground_truth: Annotated boxes.
        excluded: (video id, timestamp) of keyframes to leave out.
        num_resamples: Draws, at least 2.
        seed: Seed of the draws.
        level: Coverage of the interval, in (0, 1).

    Returns:
        For each name ``value`` (all videos), ``se``, ``low`` and ``high``. Resamples in which a
        number is NaN (a group whose videos were not drawn) do not count for it; one that is NaN
        with all videos or in all but one of the resamples is left out.

    Raises:
        ValueError: ``num_resamples`` or ``level`` out of range.

    Reference:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13.
    """
    if not 0 < level < 1:  # said before the work
        raise ValueError(f'level must lie between 0 and 1, got {level}')
    values = evaluate(detections, ground_truth, excluded)
    inputs = (detections, ground_truth, excluded)
    draws = draw_over_videos(evaluate, *inputs, num_resamples=num_resamples, seed=seed)
    return {
        name: {'value': float(value), **interval_of(draws[name], level)}
        for name, value in values.items()
        if not np.isnan(value) and name in draws and (~np.isnan(draws[name])).sum() > 1
    }
