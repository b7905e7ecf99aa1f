"""Rows of AVA's format against the videos of a videos.json.

Shapes: n rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlt.fileio.box_checks import row_name
from mmlt.fileio.keyframe_match import listed, plain_name
from mmlt.fileio.video_table import VIDEO_TABLE, VideoTable
from mmlt.functional import AVABoxes


def unknown_videos(boxes: AVABoxes, path: Any, table: VideoTable) -> str | None:
    """Say that rows are of a video that the table does not have.

    Args:
        boxes: n rows.
        path: Where they were read from.
        table: The videos.
    """
    names = boxes.video_names.tolist()
    unknown = [name for name in names if name not in table.videos]
    if not unknown:
        return None
    row = int(np.argmax(boxes.video_index == names.index(unknown[0])))
    alike = {plain_name(video): video for video in table.videos}.get(plain_name(unknown[0]))
    hint = f'; it has {alike!r}, which differs in case, extension or padding alone' if alike else ''
    return (
        f'{row_name(boxes, row, path)}: {table.folder / VIDEO_TABLE} has no video {unknown[0]!r}'
        f'{hint} ({len(unknown)} of {len(names)} videos are not in it: {listed(unknown)})'
    )


def seconds_outside(boxes: AVABoxes, rows: np.ndarray, path: Any, table: VideoTable) -> str | None:
    """Say that keyframes lie outside of their video.

    Args:
        boxes: n rows, of videos that the table has.
        rows: (m,) indices of the rows that are used.
        path: Where they were read from.
        table: The videos.
    """
    ends = np.array([table.seconds(name).stop for name in boxes.video_names.tolist()])
    seconds, videos = boxes.timestamps[rows], boxes.video_index[rows]
    is_out = (seconds < table.timestamp_start) | (seconds >= ends[videos])
    if not is_out.any():
        return None
    row = int(rows[is_out.argmax()])
    name = str(boxes.video_names[boxes.video_index[row]])
    own = table.seconds(name)
    return (
        f'{row_name(boxes, row, path)}: the timestamp is outside of the video, one of '
        f'{int(is_out.sum()):,} of {len(rows):,} rows; {table.folder / VIDEO_TABLE} says that '
        f'{name!r} has the seconds {own.start} to {own.stop - 1} '
        f'({table.videos[name].num_frames} frames at {table.fps} a second)'
    )
