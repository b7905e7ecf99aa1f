"""Frames and video files: whether they are there to the end.

Each folder is listed once.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import Finding
from mmlt.fileio.dataset_checks.name_checks import similar_names
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.keyframe_images import number_pattern
from mmlt.fileio.video_table import VideoTable

_MOST_MISSING = 5  # numbers shown of a folder


class FrameFolder(NamedTuple):
    """The frames of a video.

    Attributes:
        path: The folder.
        numbers: (n,) ascending, of the files that are called like the template.
        num_files: All files of the folder.
        example: The name of one that is not called so, '' without one.
    """

    path: str
    numbers: np.ndarray
    num_files: int
    example: str


def list_frames(path: str, pattern: re.Pattern) -> FrameFolder | None:
    """What a folder of frames holds; None where there is no such folder."""
    try:
        names = os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    matches = [pattern.fullmatch(name) for name in names]
    numbers = np.array(sorted(int(match[1]) for match in matches if match), dtype=np.int64)
    others = sorted(name for name, match in zip(names, matches) if not match)
    return FrameFolder(path, numbers, len(names), others[0] if others else '')


def media_names(root: str, videos: Iterable[str]) -> set[str]:
    """What a folder of videos holds, and those of some videos that are deeper in it.

    Args:
        root: The folder; '' or one that is not there has none.
        videos: Ids, perhaps with folders: 'morning/clip'.
    """
    if not root or not os.path.isdir(root):
        return set()
    deeper = {v for v in videos if '/' in v and os.path.exists(os.path.join(root, v))}
    return {*os.listdir(root), *deeper}


def media_path(split: SplitSettings, table: VideoTable | None, video: str) -> str:
    """The folder of frames or the file of a video."""
    if table is not None and not split.use_frames and video in table.videos:
        return str(table.video_path(video))
    return os.path.join(split.frame_root, video)


def frame_findings(
    rows: AnnotatedRows,
    split: SplitSettings,
    table: VideoTable | None,
    folders: dict[str, FrameFolder | None],
) -> list[Finding]:
    """What of the media of a split's videos is not there.

    Args:
        rows: The annotations.
        split: The settings.
        table: The split's videos.json.
        folders: Path -> what was listed; filled in here, so that splits share it.
    """
    videos = _last_seconds(rows)
    paths = {video: media_path(split, table, video) for video in videos}
    if not split.use_frames:
        gone = _unexplained([v for v, p in paths.items() if not os.path.isfile(p)], split, table)
        gone = {video: repr(paths[video]) for video in gone}
        return rows.find_videos('missing_frames', gone, media='their video file')
    pattern = number_pattern(split.filename_tmpl)
    for path in paths.values():
        if path not in folders:
            folders[path] = list_frames(path, pattern)
    found = {video: folders[path] for video, path in paths.items()}
    gone = _unexplained([v for v, folder in found.items() if folder is None], split, table)
    gone = {video: repr(paths[video]) for video in gone}
    findings = rows.find_videos('missing_frames', gone, media='a folder of frames')
    present = {video: folder for video, folder in found.items() if folder is not None}
    other = {
        video: f'{folder.path!r} holds {folder.example!r}'
        if folder.num_files
        else f'{folder.path!r} is empty'
        for video, folder in present.items()
        if not len(folder.numbers)
    }
    findings += rows.find_videos('frame_names', other, tmpl=split.filename_tmpl)
    named = {video: folder for video, folder in present.items() if len(folder.numbers)}
    return findings + _number_findings(rows, split, table, named, videos)


def _unexplained(gone: Iterable[str], split: SplitSettings, table: VideoTable | None) -> list[str]:
    """Videos that are not there under a like name either: of those the name is told."""
    known = media_names(split.frame_root, gone)
    if table is not None and not split.use_frames:
        known |= set(table.videos)
    like = similar_names(gone, known)
    return [video for video in gone if video not in like]


def _last_seconds(rows: AnnotatedRows) -> dict[str, int]:
    boxes = rows.boxes
    last = np.full(len(boxes.video_names), -1, dtype=np.int64)
    np.maximum.at(last, boxes.video_index, boxes.timestamps)
    return {n: s for n, s in zip(boxes.video_names.tolist(), last.tolist()) if s >= 0}


def _number_findings(
    rows: AnnotatedRows,
    split: SplitSettings,
    table: VideoTable | None,
    folders: Mapping[str, FrameFolder],
    seconds: Mapping[str, int],
) -> list[Finding]:
    short, holes = {}, {}
    for video, folder in folders.items():
        due, last = _last_frame(split, table, video, seconds[video]), int(folder.numbers[-1])
        if last < due:
            short[video] = f'{folder.path!r} ends at frame {last}, and a clip reaches {due}'
        missing = _holes(folder.numbers, split.start_index)
        if missing:
            more = f' and {len(missing) - _MOST_MISSING:,} more' if missing[_MOST_MISSING:] else ''
            shown = ', '.join(map(str, missing[:_MOST_MISSING]))
            holes[video] = f'{folder.path!r} lacks frames {shown}{more}'
    findings = rows.find_videos('short_frames', short)
    return findings + rows.find_videos('frame_holes', holes)


def _last_frame(split: SplitSettings, table: VideoTable | None, video: str, second: int) -> int:
    """The highest frame that a clip reaches; ``SampleAVAFrames`` adds ``start_index`` twice."""
    end = (split.timestamp_end - split.timestamp_start) * split.fps
    if table is not None and video in table.videos:
        end = table.videos[video].num_frames
    start_sec = second - split.timestamp_start
    if split.clip_reach_sec is None:
        last = split.fps * start_sec + split.start_index + split.clip_reach
    else:
        last = math.floor(split.fps * (start_sec + split.clip_reach_sec) + 0.5 + 1e-6)
    return max(0, min(last, end - 1)) + split.start_index


def _holes(numbers: np.ndarray, start_index: int) -> list[int]:
    """Numbers that lack between the first frame and the last on disk."""
    first = min(start_index, int(numbers[0]))
    expected = int(numbers[-1]) - first + 1
    if len(numbers) == expected:
        return []
    return np.setdiff1d(np.arange(first, int(numbers[-1]) + 1), numbers).tolist()
