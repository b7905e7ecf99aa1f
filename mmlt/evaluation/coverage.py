"""How much of the annotated keyframes the detections cover."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mmlt.fileio.repeated_rows import repeated_rows
from mmlt.functional import AVABoxes
from mmlt.functional.detection.ava_boxes import take_rows
from mmlt.functional.detection.keyframes import (
    blocks,
    class_indices,
    keyframe_keys,
    video_codes,
)

_MIN_COVERED = 0.5


def count_keyframes(
    detections: AVABoxes, ground_truth: AVABoxes, excluded: Iterable[tuple[str, int]] = ()
) -> dict[str, int]:
    """Count the annotated keyframes and videos, and those of them that have a detection.

    Args:
        detections: The detections, of any class and score.
        ground_truth: The annotated boxes.
        excluded: (video id, timestamp) of the keyframes to leave out.

    Returns:
        Four keys of ``metrics.json``: ``num_keyframes``, ``num_keyframes_detected``,
        ``num_videos`` and ``num_videos_detected``.
    """
    keys = keyframe_keys(detections, ground_truth, excluded)
    annotated = np.setdiff1d(keys.ground_truth, keys.excluded)
    detected = np.intersect1d(annotated, keys.detection_runs)
    return {
        'num_keyframes': len(annotated),
        'num_keyframes_detected': len(detected),
        'num_videos': len(np.unique(video_codes(annotated))),
        'num_videos_detected': len(np.unique(video_codes(detected))),
    }


def count_persons(ground_truth: AVABoxes, excluded: Iterable[tuple[str, int]] = ()) -> int:
    """Number of distinct boxes annotated on the keyframes that are not excluded.

    Example:
        >>> from mmlt.functional import ava_boxes_from_arrays
        >>> box = [0, 0, 1, 1]
        >>> truth = ava_boxes_from_arrays(['a'] * 3, [1, 1, 2], [box] * 3, [3, 4, 3])
        >>> count_persons(truth), count_persons(truth, {('a', 2)})
        (2, 1)
    """
    keys = keyframe_keys(ground_truth, ground_truth, excluded)
    rows = np.flatnonzero(~np.isin(keys.ground_truth, keys.excluded))
    persons = take_rows(ground_truth, rows)._replace(labels=np.zeros(len(rows), dtype=np.int32))
    return len(rows) - len(repeated_rows(persons))


def detected_classes(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    class_ids: Sequence[int],
    excluded: Iterable[tuple[str, int]] = (),
) -> np.ndarray:
    """Which classes have a detection on a keyframe that frame-AP visits.

    It visits the keyframes that have an annotated box of any of the classes and are not excluded.

    Args:
        detections: The detections, of any class and score.
        ground_truth: The annotated boxes.
        class_ids: C class ids.
        excluded: (video id, timestamp) of the keyframes to leave out.

    Returns:
        (C,) bool.
    """
    ids = np.asarray(class_ids)
    keys = keyframe_keys(detections, ground_truth, excluded)
    visited = np.setdiff1d(keys.ground_truth[np.isin(ground_truth.labels, ids)], keys.excluded)
    is_visited = np.isin(keys.detection_runs, visited)
    is_detected = np.zeros(len(ids), dtype=bool)
    for block in blocks(len(detections.labels)):
        classes = class_indices(detections.labels[block], ids)
        is_detected[classes[(classes >= 0) & keys.of_detections(is_visited, block)]] = True
        if is_detected.all():
            break
    return is_detected


def has_evaluated_box(
    ground_truth: AVABoxes, class_ids: Iterable[int], excluded: Container[tuple[str, int]] = ()
) -> bool:
    """Whether any annotated box of the classes lies on a keyframe that is not excluded.

    Args:
        ground_truth: The annotated boxes.
        class_ids: The evaluated classes.
        excluded: (video id, timestamp) of the keyframes to leave out.

    Example:
        >>> from mmlt.functional import ava_boxes_from_arrays
        >>> truth = ava_boxes_from_arrays(['a', 'b'], [1, 2], [[0, 0, 1, 1]] * 2, [3, 4])
        >>> has_evaluated_box(truth, [3]), has_evaluated_box(truth, [3], {('a', 1)})
        (True, False)
    """
    rows = np.isin(ground_truth.labels, list(class_ids))
    keyframes = zip(ground_truth.video_index[rows].tolist(), ground_truth.timestamps[rows].tolist())
    names = ground_truth.video_names
    return any((str(names[video]), timestamp) not in excluded for video, timestamp in keyframes)


def low_coverage_warning(metrics: Mapping, name: Any) -> str | None:
    """Say in one sentence that less than half of the annotated keyframes have a detection.

    Args:
        metrics: The content of ``metrics.json``; one without the counts of detected keyframes, as
            older versions wrote it, gives None.
        name: Where the detections were read from, or what the run is called.

    Returns:
        The sentence, or None where at least half have one.
    """
    detected = metrics.get('num_keyframes_detected')
    if detected is None or detected >= _MIN_COVERED * metrics['num_keyframes']:
        return None
    videos = ''
    if 'num_videos' in metrics and 'num_videos_detected' in metrics:
        videos = f', {metrics["num_videos_detected"]:,} of {metrics["num_videos"]:,} videos'
    return (
        f'{name}: the detections cover {detected:,} of {metrics["num_keyframes"]:,} annotated '
        f'keyframes{videos}'
    )
