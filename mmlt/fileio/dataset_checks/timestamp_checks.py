"""Keyframes outside of their video, or at its very end."""

from __future__ import annotations

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import Finding
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.video_table import VideoTable


def timestamp_findings(
    rows: AnnotatedRows,
    split: SplitSettings,
    table: VideoTable | None,
    excluded: frozenset[tuple[str, int]],
) -> list[Finding]:
    """Rows whose second is not one of their video; excluded keyframes are not looked at.

    Args:
        rows: The annotations.
        split: The settings; at one frame a second timestamps are frame numbers, of no range.
        table: The split's videos.json, which knows the end of each video.
        excluded: (video id, second) of the keyframes that are left out.
    """
    if split.fps <= 1:
        return []
    boxes = rows.boxes
    names = boxes.video_names.tolist()
    first, end = split.timestamp_start, split.timestamp_end
    ends = np.full(len(names), end if split.use_frames else np.iinfo(np.int32).max)
    if table is not None:
        for index, name in enumerate(names):
            if name in table.videos:
                ends[index] = table.seconds(name).stop - 1
    last = ends[boxes.video_index]
    used = np.ones(len(boxes.labels), dtype=bool)
    if excluded:
        pairs = zip(boxes.video_index.tolist(), boxes.timestamps.tolist())
        used = np.array([(names[video], second) not in excluded for video, second in pairs])
    outside = used & ((boxes.timestamps < first) | (boxes.timestamps > last))
    told = f'their video, which starts at second {first}'
    if table is None and split.use_frames:
        told = f'timestamp_start={first} to timestamp_end={end}'
    findings = rows.find('keyframe_outside', np.flatnonzero(outside), range=told)
    if table is None and split.use_frames:
        at_end = used & (boxes.timestamps == end)
        findings += rows.find('keyframe_at_end', np.flatnonzero(at_end))
    return findings
