"""Mistakes in the rows of one file of AVA's format, a sentence each.

Shapes: n rows.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from mmlt.fileio.repeated_rows import repeated_rows
from mmlt.functional import AVABoxes
from mmlt.functional.detection.ava_csv import line_of_row

# A detector's box may reach over the edge of the frame, but not a whole frame outside of it.
_LOWEST, _HIGHEST = -1.0, 2.0


def row_name(boxes: AVABoxes, row: int, path: Any) -> str:
    """``file, line 3: clip,902,0.1,0.2,0.5,0.9,12``; without the line where there is no CSV."""
    corners = ','.join(f'{value:g}' for value in boxes.boxes_xyxy_norm[row].tolist())
    video = boxes.video_names[boxes.video_index[row]]
    is_csv = os.path.isfile(path) and not str(path).endswith(('.parquet', '.pkl'))
    where = f'{path}, line {line_of_row(path, row)}' if is_csv else path
    return f'{where}: {video},{boxes.timestamps[row]},{corners},{boxes.labels[row]}'


def pixel_boxes(boxes: AVABoxes, path: Any) -> str | None:
    """Say that boxes lie outside of the frame by its whole size: pixels, not fractions.

    A box a little outside, as a detector gives it, is fine.
    """
    corners = boxes.boxes_xyxy_norm
    if not len(corners) or (corners.max() <= _HIGHEST and corners.min() >= _LOWEST):
        return None
    outside = is_outside(corners)
    return (
        f'{row_name(boxes, int(outside.argmax()), path)}: a box far outside of the frame, one of '
        f'{int(outside.sum()):,} of {len(corners):,} rows; in pixels? x1, y1, x2 and y2 are '
        "fractions of the frame's width and height"
    )


def outside_ratio(boxes: AVABoxes) -> float:
    """Share of the boxes that lie outside of the frame by its whole size."""
    return float(is_outside(boxes.boxes_xyxy_norm).mean())


def is_outside(corners: np.ndarray) -> np.ndarray:
    """(n,) whether a box lies outside of the frame by its whole size."""
    return ((corners > _HIGHEST) | (corners < _LOWEST)).any(axis=1)


def low_class_ids(boxes: AVABoxes, path: Any) -> str | None:
    """Say that class ids lie below 1: AVA's start at 1, a model's columns at 0."""
    is_low = boxes.labels < 1
    if not is_low.any():
        return None
    row = int(is_low.argmax())
    return (
        f'{row_name(boxes, row, path)}: class id {boxes.labels[row]} in {int(is_low.sum()):,} of '
        f'{len(is_low):,} rows; ids start at 1, as in the label map: add 1 to ids that start at 0'
    )


def repeats_warning(boxes: AVABoxes, path: Any, *, counts: bool = True) -> str | None:
    """Count the rows whose video, timestamp, box and label stand in an earlier row too.

    Args:
        boxes: n rows.
        path: Where they were read from.
        counts: Whether a repeat counts again, as in an evaluation.
    """
    repeats = repeated_rows(boxes)
    if not len(repeats):
        return None
    return (
        f'{path}: {len(repeats):,} of {len(boxes.labels):,} rows repeat the keyframe, box and '
        f'label of an earlier row{"; each counts again" if counts else ""}. The first: '
        f'{row_name(boxes, int(repeats[0]), path)}'
    )


def timestamps_outside(
    boxes: AVABoxes,
    rows: np.ndarray,
    path: Any,
    timestamp_start: int,
    timestamp_end: int | None = None,
) -> str | None:
    """Say that timestamps lie outside of the range that chooses the frames of a clip.

    Args:
        boxes: The annotations.
        rows: (m,) indices of the rows that are used.
        path: Where they were read from.
        timestamp_start: Second of the first frame.
        timestamp_end: timestamp_start + the seconds of frames on disk; None of a video, which
            tells its length itself.
    """
    used = boxes.timestamps[rows]
    is_out = used < timestamp_start
    if timestamp_end is not None:
        is_out |= used > timestamp_end
    if not is_out.any():
        return None
    end = '' if timestamp_end is None else f' to timestamp_end={timestamp_end}'
    advice = '' if timestamp_end is None else ', timestamp_end to that + the seconds on disk'
    return (
        f'{row_name(boxes, int(rows[is_out.argmax()]), path)}: the timestamp is outside of '
        f'timestamp_start={timestamp_start}{end}, from which the frames of a clip are counted; the '
        f'annotations run from {used.min()} to {used.max()}: set timestamp_start to the second of '
        f'the first frame{advice}'
    )


def timestamps_at_the_end(
    boxes: AVABoxes, rows: np.ndarray, path: Any, timestamp_end: int
) -> str | None:
    """Say that keyframes lie at the very end of the frames: half of their clips is the last frame.

    Args:
        boxes: The annotations.
        rows: (m,) indices of the rows that are used.
        path: Where they were read from.
        timestamp_end: As in :func:`timestamps_outside`.
    """
    at_end = rows[boxes.timestamps[rows] == timestamp_end]
    if not len(at_end):
        return None
    return (
        f'{row_name(boxes, int(at_end[0]), path)}: the timestamp of {len(at_end):,} keyframes is '
        f'timestamp_end={timestamp_end}, where the frames end: the second half of their clips is '
        'one frame, repeated; timestamp_end is timestamp_start + the seconds on disk'
    )
