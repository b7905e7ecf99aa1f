"""Keyframes outside of their video, or at its very end."""

from __future__ import annotations

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import Finding
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.video_table import VideoTable


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
        findings = rows.find('keyframe_outside', np.flatnonzero(outside), range=told)
        at_end = np.flatnonzero(boxes.timestamps == end)
        return findings + rows.find('keyframe_at_end', at_end)
    unknown = range(first, np.iinfo(np.int32).max)  # a video file tells its length itself
    known = {} if table is None else {name: table.seconds(name) for name in table.videos}
    stops = [known.get(name, unknown).stop for name in boxes.video_names.tolist()]
    outside = (boxes.timestamps < first) | (boxes.timestamps >= np.array(stops)[boxes.video_index])
    told = f'their video, which starts at second {first}'
    return rows.find('keyframe_outside', np.flatnonzero(outside), range=told)
