"""Keyframes outside of their video, or at its very end."""

from __future__ import annotations

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import MAX_PLACES, Finding, find
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.video_table import VideoTable

_SET_RANGE = (
    'set timestamp_start to the second of frame 0 and timestamp_end to that + the seconds on disk, '
    'or remove these rows.'
)
_OF_TABLE = 'remove or correct these rows, or prepare the video again if it was cut.'


def timestamp_findings(
    rows: AnnotatedRows, split: SplitSettings, table: VideoTable | None
) -> list[Finding]:
    """Rows whose second is not one of their video.

    Args:
        rows: The annotations, those of excluded keyframes left out.
        split: The settings; at one frame a second timestamps are frame numbers, of no range.
        table: The split's videos.json, which knows the end of each video.
    """
    if split.fps <= 1:
        return []
    boxes, first, end = rows.boxes, split.timestamp_start, split.timestamp_end
    if table is None and split.use_frames:
        outside = (boxes.timestamps < first) | (boxes.timestamps > end)
        told = f'timestamp_start={first} to timestamp_end={end}'
        outside = np.flatnonzero(outside)
        findings = rows.find('keyframe_outside', outside, range=told, mend=_SET_RANGE)
        at_end = np.flatnonzero(boxes.timestamps == end)
        return findings + rows.find('keyframe_at_end', at_end)
    if table is None:  # a video file tells its end itself
        told = f'their video, which starts at second {first}'
        outside = np.flatnonzero(boxes.timestamps < first)
        return rows.find('keyframe_outside', outside, range=told, mend=_SET_RANGE)
    return _outside_table(rows, table)


def _outside_table(rows: AnnotatedRows, table: VideoTable) -> list[Finding]:
    """Rows after or before the seconds of their own video; each says what that has."""
    boxes, names = rows.boxes, rows.boxes.video_names.tolist()
    unknown = range(table.timestamp_start, np.iinfo(np.int32).max)
    known = {name: table.seconds(name) for name in table.videos}
    seconds = [known.get(name, unknown) for name in names]
    stops = np.array([each.stop for each in seconds])[boxes.video_index]
    outside = (boxes.timestamps < table.timestamp_start) | (boxes.timestamps >= stops)
    outside = np.flatnonzero(outside)
    places = []
    for row in outside[:MAX_PLACES].tolist():
        line, value = rows.place(row)
        own, video = seconds[boxes.video_index[row]], names[boxes.video_index[row]]
        has = f', but {video!r} has seconds {own[0]} to {own[-1]}' if video in known else ''
        places.append((line, value + has))
    details = dict(range='their video', mend=_OF_TABLE, count=len(outside))
    return [find('keyframe_outside', rows.path, places, **details)] if places else []
