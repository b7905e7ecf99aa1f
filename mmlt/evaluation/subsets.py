"""One evaluation, told apart by the videos of several datasets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.evaluation.ava import check_options, evaluate_ava
from mmlt.evaluation.runs.tasks import DETECTION
from mmlt.fileio.class_split import GROUPS
from mmlt.functional import AVABoxes, read_ava_kinetics_csv
from mmlt.functional.detection.ava_boxes import take_rows

_COUNTS = ('num_videos', 'num_keyframes', 'num_boxes')

Videos = Mapping[str, Collection[str]]  # name of a subset -> ids of its videos


def read_subsets(
    subsets: Mapping[str, str | Path | Collection[str]],
    ground_truth: AVABoxes,
    label_map: Mapping[int, str],
    **options: Any,
) -> dict[str, frozenset[str]]:
    """The videos of each subset, checked: every annotated video is in exactly one of them.

    Args:
        subsets: Name -> annotations of the subset (CSV of AVA or AVA-Kinetics), or video ids.
        ground_truth: The annotated boxes of all of them.
        label_map: As of :func:`mmlt.evaluation.ava.evaluate_ava`; likewise the options.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A bad name, an annotated video in none or in two, a subset without an annotated
            box that is evaluated.
    """
    videos = {_check_name(name): _read_videos(source) for name, source in subsets.items()}
    for video in ground_truth.video_names.tolist():
        holding = [name for name, ids in videos.items() if video in ids]
        if len(holding) != 1:
            found = ' and '.join(holding) if holding else f'none of {", ".join(videos)}'
            raise ValueError(f'subsets: the annotated video {video!r} is in {found}')
    for name, ids in videos.items():
        try:
            check_options(_of_videos(ground_truth, ids), label_map, **options)
        except ValueError as error:
            raise ValueError(f'subsets: {name!r} ({len(ids)} videos): {error}') from None
    return videos


def _check_name(name: str) -> str:
    if not isinstance(name, str) or not name or '/' in name or name in GROUPS:
        raise ValueError(
            f"subsets: {name!r} is no name for a subset: not empty, without '/', and not one of "
            f'{", ".join(GROUPS)}'
        )
    return name


def _read_videos(source: str | Path | Collection[str]) -> frozenset[str]:
    if isinstance(source, (str, Path)):
        return frozenset(read_ava_kinetics_csv(source).video_names.tolist())
    return frozenset(map(str, source))


def _of_videos(boxes: AVABoxes, videos: Collection[str]) -> AVABoxes:
    is_of = np.isin(boxes.video_names, list(videos))
    return take_rows(boxes, np.flatnonzero(is_of[boxes.video_index]))


def evaluate_subsets(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    label_map: Mapping[int, str],
    videos: Videos,
    **options: Any,
) -> dict[str, dict]:
    """Evaluate each subset on its own, as if the other videos were not there.

    Args:
        detections: Of all videos; likewise the annotated boxes.
        ground_truth: See above.
        label_map: As of :func:`mmlt.evaluation.ava.evaluate_ava`; likewise the options.
        videos: What :func:`read_subsets` returned.

    Returns:
        The key ``subsets`` of ``metrics.json``: name -> how many videos, keyframes and boxes, and
        the means over the classes.
    """
    found = {}
    for name, ids in videos.items():
        boxes = (_of_videos(detections, ids), _of_videos(ground_truth, ids))
        metrics = evaluate_ava(*boxes, label_map, **options)
        found[name] = {key: metrics[key] for key in (*_COUNTS, *DETECTION.group_means)}
    return found
