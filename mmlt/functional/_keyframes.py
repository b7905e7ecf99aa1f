"""Which keyframe and which class each row of an AVABoxes belongs to, as plain integers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from .ava_boxes import AVABoxes

_LOWEST_TIMESTAMP = np.iinfo(np.int32).min


class KeyframeKeys(NamedTuple):
    """One integer a keyframe, equal in both sets; keys sort by video name, then timestamp.

    Consecutive rows of one keyframe form a run. Detections come keyframe by keyframe, so what
    is looked up for each run is looked up a hundred times less often than for each row.
    """

    detection_runs: np.ndarray
    detection_run_lengths: np.ndarray
    ground_truth: np.ndarray
    excluded: np.ndarray

    def of_detections(self, run_values: np.ndarray) -> np.ndarray:
        """Spread one value a run over the rows of the detections."""
        return np.repeat(run_values, self.detection_run_lengths)


def keyframe_keys(
    detections: AVABoxes,
    ground_truth: AVABoxes,
    excluded: Iterable[tuple[str, int]] | None,
) -> KeyframeKeys:
    """Give every keyframe of both sets and of `excluded` its key."""
    names = np.unique(np.concatenate([detections.video_names, ground_truth.video_names]))
    runs, lengths = _runs(detections, names)
    gt_runs, gt_lengths = _runs(ground_truth, names)
    code_of_name = {name: code for code, name in enumerate(names.tolist())}
    excluded_keys = [
        _key(np.int64(code_of_name[video]), np.int64(timestamp))
        for video, timestamp in _check_excluded(excluded)
        if video in code_of_name
    ]
    return KeyframeKeys(
        runs, lengths, np.repeat(gt_runs, gt_lengths), np.array(excluded_keys, dtype=np.int64)
    )


def _key(video_code: np.ndarray, timestamp: np.ndarray) -> np.ndarray:
    return (video_code << 32) + (timestamp - _LOWEST_TIMESTAMP)


def _runs(boxes: AVABoxes, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    num_rows = len(boxes.video_index)
    is_start = np.ones(num_rows, dtype=bool)
    is_start[1:] = boxes.video_index[1:] != boxes.video_index[:-1]
    is_start[1:] |= boxes.timestamps[1:] != boxes.timestamps[:-1]
    starts = np.flatnonzero(is_start)
    code_of_index = np.searchsorted(names, boxes.video_names)
    codes = code_of_index[boxes.video_index[starts]].astype(np.int64)
    keys = _key(codes, boxes.timestamps[starts].astype(np.int64))
    return keys, np.diff(starts, append=num_rows)


def _check_excluded(excluded: Iterable[tuple[str, int]] | None) -> Iterable[tuple[str, int]]:
    if not isinstance(excluded, (Iterable, type(None))):
        raise ValueError(f'excluded is {excluded!r}: it takes (video_id, timestamp) pairs')
    for entry in () if excluded is None else excluded:
        try:
            video, timestamp = entry
            is_right = not isinstance(entry, str) and int(timestamp) == timestamp
        except (TypeError, ValueError, OverflowError):
            is_right = False
        if not is_right:
            raise ValueError(f'excluded holds {entry!r}: it takes (video_id, timestamp) pairs')
        yield str(video), int(timestamp)


def order_of_appearance(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct keys, sorted, and for each its place by first appearance."""
    distinct, first = np.unique(keys, return_index=True)
    place = np.empty(len(distinct), dtype=np.int32)
    place[np.argsort(first)] = np.arange(len(distinct), dtype=np.int32)
    return distinct, place


def look_up(keys: np.ndarray, distinct: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the value of each key, int32; -1 where it is not among the sorted `distinct`."""
    if not len(distinct):
        return np.full(len(keys), -1, dtype=np.int32)
    at = np.minimum(np.searchsorted(distinct, keys), len(distinct) - 1)
    return np.where(distinct[at] == keys, values[at], -1).astype(np.int32)


def best_first_by_keyframe(frames: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the stable order by frame, then by descending score."""
    # Complex numbers sort by real, then by imaginary part: ten times faster than lexsort
    # here, because the rows come almost in the order of the keyframes.
    key = np.empty(len(frames), dtype=np.complex128)
    key.real, key.imag = frames, -scores
    return np.argsort(key, kind='stable')


def class_indices(labels: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
    """Return the position of each label in class_ids, int16 (int32); -1 where it is absent."""
    dtype = np.int16 if len(class_ids) < 1 << 15 else np.int32
    # One entry in front catches negative labels and one behind those above the highest id.
    table = np.full(class_ids.max() + 3, -1, dtype=dtype)
    table[class_ids + 1] = np.arange(len(class_ids), dtype=dtype)
    return table.take(labels.astype(np.int64) + 1, mode='clip')


def check_ava_boxes(name: str, boxes: AVABoxes) -> None:
    """Raise unless the fields fit together and hold boxes and scores that can be compared."""
    num_rows = len(boxes.video_index)
    for field in ('timestamps', 'boxes_xyxy_norm', 'labels', 'scores'):
        shape = np.shape(getattr(boxes, field))
        due = (num_rows, 4) if field == 'boxes_xyxy_norm' else (num_rows,)
        if shape != due:
            raise ValueError(f'{name}.{field} must have shape {due}, got {shape}')
    if num_rows:
        lowest, highest = boxes.video_index.min(), boxes.video_index.max()
        if lowest < 0 or highest >= len(boxes.video_names):
            raise ValueError(
                f'{name}.video_index runs from {lowest} to {highest}: '
                f'there are {len(boxes.video_names)} videos'
            )
    _check_rows(f'{name}.scores', ~np.isnan(boxes.scores), boxes.scores, 'it must be a number')
    corners = boxes.boxes_xyxy_norm
    is_ordered = (corners[:, 0] <= corners[:, 2]) & (corners[:, 1] <= corners[:, 3])
    is_ordered &= np.isfinite(corners).all(axis=1)
    why = 'a box needs finite numbers, x1 <= x2 and y1 <= y2'
    _check_rows(f'{name}.boxes_xyxy_norm', is_ordered, corners, why)


def _check_rows(name: str, is_right: np.ndarray, values: np.ndarray, why: str) -> None:
    if not is_right.all():
        row = int(np.argmin(is_right))
        raise ValueError(f'{name}[{row}] is {values[row].tolist()!r}: {why}')
