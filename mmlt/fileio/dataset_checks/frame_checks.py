"""Frames and video files: whether they are there to the end, and as videos.json says.

Each folder is listed once.
"""

from __future__ import annotations

import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import MAX_PLACES, Finding, find
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.keyframe_images import number_pattern
from mmlt.fileio.video_probe import probe_video
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
        gone = {video: repr(p) for video, p in paths.items() if not os.path.isfile(p)}
        return rows.find_videos('missing_frames', gone, media='their video file')
    pattern = number_pattern(split.filename_tmpl)
    for path in paths.values():
        if path not in folders:
            folders[path] = list_frames(path, pattern)
    found = {video: folders[path] for video, path in paths.items()}
    gone = {video: repr(paths[video]) for video in found if found[video] is None}
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


def table_findings(
    table: VideoTable, path: str, folders: Mapping[str, FrameFolder | None]
) -> list[Finding]:
    """What differs between a videos.json, the files it names and the frames on disk.

    Args:
        table: What the file holds.
        path: The file.
        folders: Path of a folder -> its frames, of those that were listed.
    """
    lengths, files, frames = [], [], []
    faults = _length_faults(table)
    for video, entry in table.videos.items():
        file = str(table.video_path(video))
        folder = folders.get(str(table.frame_folder / video))
        if folder is not None and 0 < len(folder.numbers) != entry.num_frames:
            on_disk = f'{len(folder.numbers)} frames on disk, {entry.num_frames} in the table'
            frames.append((None, f'{video!r}: {on_disk}'))
        if not Path(file).is_file():
            files.append((None, f'{video!r}: {file!r}'))
        elif video in faults:
            lengths.append((None, f'{video!r}: {faults[video]}'))
    kinds = {'table_frames': frames, 'table_length': lengths, 'table_file': files}
    return [
        find(kind, path, places[:MAX_PLACES], count=len(places))
        for kind, places in kinds.items()
        if places
    ]


def _length_faults(table: VideoTable) -> dict[str, str]:
    """Videos whose file does not fit them, and why.

    A file is looked through only where its header says otherwise than the table: of one that was
    cut off it still says what the file once had.
    """
    of_file = defaultdict(list)
    for video in table.videos:
        of_file[str(table.video_path(video))].append(video)
    faults = {}
    for file, videos in of_file.items():
        duration = _header_duration(file)
        if duration is None:
            continue
        if any(_length_fault(table, video, duration) for video in videos):
            duration = _probed_duration(file) or duration
        found = {video: _length_fault(table, video, duration) for video in videos}
        faults.update({video: fault for video, fault in found.items() if fault})
    return faults


def _probed_duration(path: str) -> float | None:
    """Seconds to the end of the last frame that can be decoded; None where it cannot be found."""
    try:
        return probe_video(path).duration_sec
    except (ImportError, ValueError):
        return None


def _header_duration(path: str) -> float | None:
    """Seconds of a video file by its header; None where it does not tell."""
    import cv2

    capture = cv2.VideoCapture(path) if Path(path).is_file() else None
    if capture is None or not capture.isOpened():
        return None
    fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return frames / fps if fps > 0 and frames > 0 else None


def _length_fault(table: VideoTable, video: str, duration: float) -> str | None:
    """Why a file does not fit its entry, by more than a second and a twentieth."""
    entry = table.videos[video]
    end = entry.start_sec + entry.num_frames / table.fps
    tolerance = 1 + 0.05 * duration
    others = [e for e in table.videos.values() if e.file == entry.file]
    is_last = entry.start_sec == max(e.start_sec for e in others)
    if end > duration + tolerance or (is_last and end < duration - tolerance):
        return f'the file lasts {duration:.1f} s, the table has it end at {end:.1f} s'
    return None
