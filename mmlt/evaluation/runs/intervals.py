"""Intervals of a detector's means: made from its dump, kept beside its ``metrics.json``.

They come from resampled videos, and every draw is kept: two runs on the same test set met the same
draws, so that the interval of a gain is that of the differences, draw by draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mmlt.evaluation.bootstrap import Excluded, draw_over_videos, interval_of, videos_of
from mmlt.evaluation.coverage import has_evaluated_box
from mmlt.evaluation.runs.tasks import DETECTION
from mmlt.fileio.json_files import read_json_object, write_json
from mmlt.fileio.json_schema import check_keys, check_object, check_value
from mmlt.functional import (
    AVABoxes,
    expected_sampled_average_precision,
    frame_average_precision,
    match_scores,
    roc_auc,
)

INTERVALS_FILE = 'intervals.json'
#: Fewer videos than this make an interval that is too narrow.
FEW_VIDEOS = 20
_SAME = 1e-9  # means of the same evaluation, summed in another order
_KEYS = {'num_resamples': 'count', 'seed': 'integer', 'videos': 'texts'}
_INTERVAL = {'value': 'fraction', 'se': 'number', 'low': 'fraction', 'high': 'fraction'}


def compute_means(
    metrics: Mapping, detections: AVABoxes, ground_truth: AVABoxes, excluded: Excluded
) -> dict[str, float]:
    """The means of a ``metrics.json`` again, of any detections and ground truth.

    Args:
        metrics: Says which classes, groups and protocol; its scores are not looked at.
        detections: The detections.
        ground_truth: The annotated boxes.
        excluded: (video id, timestamp) of keyframes to leave out.

    Returns:
        'all/mSAP', 'tail/frame_mAP' and so on -> the mean, NaN where it is undefined.
    """
    entries = list(metrics['per_class'].values())
    options = dict(class_ids=[entry['id'] for entry in entries], excluded=excluded)
    matched = match_scores(detections, ground_truth, pool=metrics['pool'], **options)
    protocol = dict(protocol=metrics['protocol'], capacity=metrics['capacity'])
    frame_ap = frame_average_precision(detections, ground_truth, **protocol, **options)
    columns = {
        'mSAP': expected_sampled_average_precision(*matched),
        'frame_mAP': frame_ap.per_class,
        'mAUC': roc_auc(*matched),
    }
    groups = {'all': np.ones(len(entries), dtype=bool)}
    for group in metrics['groups']:
        groups[group] = np.array([entry['group'] == group for entry in entries])
    return {
        f'{group}/{key}': _mean(columns[key][members])
        for group, members in groups.items()
        for key in DETECTION.means
    }


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def make_intervals(
    metrics: Mapping,
    detections: AVABoxes,
    ground_truth: AVABoxes,
    excluded: Excluded = frozenset(),
    *,
    num_resamples: int = 200,
    seed: int = 0,
    on_resample: Callable[[], object] | None = None,
) -> dict:
    """The content of ``intervals.json``: 95% intervals of all defined means of a detector.

    Args:
        metrics: The content of its ``metrics.json``.
        detections: Every detection it was evaluated on.
        ground_truth: The annotated boxes it was evaluated on.
        excluded: (video id, timestamp) of the keyframes it was not evaluated on.
        num_resamples: Draws of the videos, at least 2.
        seed: Seed of the draws.
        on_resample: Called before each of ``num_resamples`` + 1 evaluations.

    Returns:
        ``num_resamples``, ``seed``, ``videos`` (what was drawn from), ``means`` (name -> value,
        se, low, high) and ``draws`` (name -> a number for each resample, None where undefined).

    Raises:
        ValueError: Other inputs than those ``metrics`` came from; fewer than two videos.
    """
    videos = videos_of(ground_truth)
    if len(videos) < 2:  # said before the work
        raise ValueError(f'an interval over videos needs two at least, got {len(videos)}')
    step = on_resample or (lambda: None)
    class_ids = [entry['id'] for entry in metrics['per_class'].values()]

    def evaluate(detections, ground_truth, excluded) -> dict[str, float]:
        step()
        if not has_evaluated_box(ground_truth, class_ids, excluded):
            return {}  # the videos drawn have none: every mean is undefined
        return compute_means(metrics, detections, ground_truth, excluded)

    step()
    values = compute_means(metrics, detections, ground_truth, excluded)
    differing = difference(values, metrics)
    if differing:
        raise ValueError(f'{differing}; another ground truth, or other excluded keyframes?')
    inputs = (detections, ground_truth, excluded)
    draws = draw_over_videos(evaluate, *inputs, num_resamples=num_resamples, seed=seed)
    draws = {name: own for name, own in draws.items() if (~np.isnan(own)).sum() > 1}
    return {
        'num_resamples': num_resamples,
        'seed': seed,
        'videos': videos,
        'means': {name: {'value': values[name], **interval_of(own)} for name, own in draws.items()},
        'draws': {
            name: [None if math.isnan(value) else value for value in own.tolist()]
            for name, own in draws.items()
        },
    }


def difference(values: Mapping[str, float], metrics: Mapping) -> str | None:
    """Where means are not those of a ``metrics.json``: the first that differs; None if all agree.

    Args:
        values: Name as 'tail/mSAP' -> mean.
        metrics: The content of ``metrics.json``.
    """
    for name, value in values.items():
        group, _, key = name.partition('/')
        means = metrics if group == 'all' else metrics['groups'].get(group, {})
        known = means.get(key)
        known = math.nan if known is None else known
        if math.isnan(value) != math.isnan(known) or abs(value - known) > _SAME:
            return f'{name} is {value:.6g} here and {known:.6g} in metrics.json'
    return None


def write_intervals(intervals: Mapping, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write what :func:`make_intervals` returned to a run folder.

    Raises:
        FileExistsError: The file exists and ``overwrite`` is false.
    """
    path = Path(folder) / INTERVALS_FILE
    write_json(path, intervals, overwrite=overwrite)
    return path


def read_intervals(folder: str | Path) -> Mapping | None:
    """The checked ``intervals.json`` of a run folder; None where there is none.

    Raises:
        ValueError: It is not what :func:`write_intervals` writes; the message names the file, the
            key and the value.
    """
    file = Path(folder) / INTERVALS_FILE
    if not file.is_file():
        return None
    intervals = read_json_object(file)
    check_keys(intervals, {**_KEYS, 'means': 'object', 'draws': 'object'}, str(file))
    for name, interval in intervals['means'].items():
        where = f"{file}: 'means', {name!r}"
        check_object(interval, where)
        check_keys(interval, _INTERVAL, where)
        draws = intervals['draws'].get(name)
        if not isinstance(draws, list) or len(draws) != intervals['num_resamples']:
            raise ValueError(
                f"{file}: 'draws', {name!r} must be a list of {intervals['num_resamples']} values, "
                f'got {draws!r:.80}'
            )
        for value in draws:
            check_value(value, 'fraction or null', f"{file}: 'draws', {name!r}")
    return intervals


def are_paired(first: Mapping | None, second: Mapping | None) -> bool:
    """Whether the intervals of two runs come from the same draws of the same videos."""
    if first is None or second is None:
        return False
    return all(first[key] == second[key] for key in _KEYS)


def gain_interval(first: Mapping | None, second: Mapping | None, name: str) -> Mapping | None:
    """The interval of how far the second run's mean is above the first's, draw by draw.

    Args:
        first: The ``intervals.json`` of the first run.
        second: That of the second.
        name: The mean, as 'tail/mSAP'.

    Returns:
        ``low``, ``high`` and ``se``; None where they are not paired or the mean is not in both.
    """
    if not are_paired(first, second):
        return None
    columns = [own['draws'].get(name) for own in (first, second)]
    if None in columns:
        return None
    low, high = (np.array(column, dtype=np.float64) for column in columns)
    gains = high - low
    return interval_of(gains) if (~np.isnan(gains)).sum() > 1 else None
