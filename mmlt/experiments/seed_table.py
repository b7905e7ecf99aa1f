"""Tables of methods over seeds, with standard errors over seeds and over resampled videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmlt.functional import AVABoxes, expected_sampled_average_precision, match_scores

Groups = Mapping[str, Sequence[int]]  # name -> columns of the classes


def match_by_video(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    class_ids: Sequence[int],
    excluded: frozenset = frozenset(),
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores and targets, (n, C) each, of the annotated boxes of every video in name order."""
    names = sorted({ground_truth.video_names[i] for i in np.unique(ground_truth.video_index)})
    matched = []
    for name in names:
        own = [_of_video(boxes, name) for boxes in (detections, ground_truth)]
        result = match_scores(*own, class_ids=class_ids, excluded=excluded)
        matched.append((result.scores, result.targets))
    return matched


def _of_video(boxes: AVABoxes, name: str) -> AVABoxes:
    rows = np.asarray(boxes.video_names)[boxes.video_index] == name
    arrays = (boxes.timestamps, boxes.boxes_xyxy_norm, boxes.labels, boxes.scores)
    index = np.zeros(int(rows.sum()), dtype=np.int32)
    return AVABoxes(index, np.array([name]), *(array[rows] for array in arrays))


def group_sap(matched: Sequence[tuple[np.ndarray, np.ndarray]], groups: Groups) -> dict[str, float]:
    """Mean exact SAP of each group of classes over the given videos."""
    scores, targets = (np.concatenate([video[i] for video in matched]) for i in (0, 1))
    class_sap = expected_sampled_average_precision(scores, targets)
    return {name: float(np.nanmean(class_sap[list(columns)])) for name, columns in groups.items()}


def bootstrap_methods(
    matched: Mapping[str, Sequence[list]],
    groups: Groups,
    baseline: str,
    *,
    num_resamples: int = 200,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, float]]]:
    """How far each method's mean SAP, and its gain over the baseline, moves with the videos.

    All methods and seeds are judged on the same draws, so that what makes a draw easy leaves the
    difference.

    Args:
        matched: Method -> one result of :func:`match_by_video` for each of its seeds.
        groups: Group -> columns of its classes.
        baseline: The method to compare with.
        num_resamples: Draws of the videos, with replacement.
        seed: Seed of the draws.

    Returns:
        Method -> group -> ``se``, the standard error (ddof=1) of the mean over the seeds, and
        ``gain_se``, that of its difference from the baseline.

    Raises:
        ValueError: No such baseline, or runs over different numbers of videos.

    Reference:
        Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6.
    """
    if baseline not in matched:
        raise ValueError(f'baseline {baseline!r} is not among {", ".join(matched)}')
    sizes = {len(videos) for runs in matched.values() for videos in runs}
    if len(sizes) != 1:
        raise ValueError(f'the runs were judged on {sorted(sizes)} videos: not the same test set')
    num_videos = sizes.pop()
    rng = np.random.default_rng(seed)
    draws = {method: [] for method in matched}
    for _ in range(num_resamples):
        drawn = rng.integers(num_videos, size=num_videos)
        for method, runs in matched.items():
            found = [group_sap([videos[i] for i in drawn], groups) for videos in runs]
            draws[method].append([np.mean([run[name] for run in found]) for name in groups])
    arrays = {method: np.array(values) for method, values in draws.items()}
    return {
        method: {
            name: {
                'se': float(values[:, i].std(ddof=1)),
                'gain_se': float((values - arrays[baseline])[:, i].std(ddof=1)),
            }
            for i, name in enumerate(groups)
        }
        for method, values in arrays.items()
    }


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error over seeds (ddof=1; NaN for a single seed)."""
    array = np.asarray(values, dtype=np.float64)
    error = array.std(ddof=1) / np.sqrt(len(array)) if len(array) > 1 else np.nan
    return float(array.mean()), float(error)


def with_error(mean: float, error: float, spec: str = '.1f') -> str:
    """'41.2 ± .3' of fractions, in percent; the mean alone where there is no error.

    Example:
        >>> with_error(0.412, 0.003), with_error(0.412, np.nan), with_error(0.02, 0.01, '+.1f')
        ('41.2 ± 0.3', '41.2', '+2.0 ± 1.0')
    """
    text = format(100 * mean, spec)
    return text if np.isnan(error) else f'{text} ± {100 * error:.1f}'


def replace_between(text: str, start: str, end: str, content: str) -> str:
    """Put ``content`` between two marker lines of a text.

    Raises:
        ValueError: A marker is absent or not there exactly once.
    """
    for marker in (start, end):
        if text.count(marker) != 1:
            raise ValueError(f'marker {marker!r} occurs {text.count(marker)} times, not once')
    before, rest = text.split(start)
    if end not in rest:
        raise ValueError(f'marker {end!r} comes before {start!r}')
    return f'{before}{start}\n\n{content.strip()}\n\n{end}{rest.split(end)[1]}'
