"""Which parts of which files become videos: their ids, and where each starts and ends."""

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.fileio.feature_folder import VIDEO_SUFFIXES, Video, find_videos
from mmlt.fileio.video_probe import VideoFacts
from mmlt.functional.detection.fields import name_fault

#: AVA's frames are 30 a second at most.
MAX_FPS = 30
#: By less than this share of a frame a video may end before a frame that it is said to have.
_END_TOLERANCE = 0.05


_HIDDEN = re.compile(r'(^|/)\.')
_NOT_OF_AN_ID = re.compile(r'[^\w.-]|^\.')


class VideoPart(NamedTuple):
    """A video of the data set, a file or a part of it.

    Attributes:
        video_id: Its id.
        path: The file.
        start_sec: Where in the file it starts, s.
        num_frames: How many frames it has at the rate of the data set.
    """

    video_id: str
    path: str
    start_sec: int
    num_frames: int


def list_videos(source: Path) -> list[Video]:
    """The video files that are asked for, with the ids that the data set has for them.

    An id is the path in the folder without its suffix; whatever in it is no letter, digit, point,
    dash or underscore becomes an underscore, for an id is a field of csv files and names a folder.

    Args:
        source: One file, or a folder, which is searched with its subfolders. Hidden files are none.

    Raises:
        FileNotFoundError: There is nothing there.
        ValueError: No video, two files of one id (both are named), or a name that is no text.
    """
    if source.is_dir():
        found = [each for each in find_videos(source) if not _HIDDEN.search(each.video_id)]
    elif source.is_file():
        found = [Video(source.stem, str(source))]
    else:
        raise FileNotFoundError(f'{source}: no such file or folder')
    if not found:
        raise ValueError(f'{source}: no video file ({", ".join(VIDEO_SUFFIXES)})')
    videos: dict[str, Video] = {}
    for video in found:
        fault = name_fault(video.path)
        if fault:
            raise ValueError(f'{video.path!r}: a name of a video: {fault}')
        video_id = _NOT_OF_AN_ID.sub('_', unicodedata.normalize('NFC', video.video_id))
        if video_id in videos:
            files = f'{videos[video_id].path} and {video.path}'
            raise ValueError(f'{files} are both video {video_id!r}: rename one')
        videos[video_id] = Video(video_id, video.path)
    return list(videos.values())


def choose_fps(rates: Sequence[float]) -> int:
    """The whole number of frames a second for files of these rates.

    The (lower) median; a rate above 30 is halved until it is not, so that the frames that are left
    are evenly apart. A file of a lower rate has frames twice, one of a higher rate leaves some out.

    Example:
        >>> choose_fps([59.94, 25.0, 23.976]), choose_fps([50.0]), choose_fps([0.2])
        (25, 25, 1)
    """
    rates = list(rates)
    for index in range(len(rates)):
        while rates[index] > MAX_FPS + 0.5:
            rates[index] /= 2
    return max(1, round(statistics.median_low(rates)))


def part_ids(video: Video, segments: int) -> list[str]:
    """The ids of the parts of a file: its own, or VIDEO_1, VIDEO_2, ..."""
    if segments == 1:
        return [video.video_id]
    return [f'{video.video_id}_{number}' for number in range(1, segments + 1)]


def cut_video(video: Video, facts: VideoFacts, fps: int, segments: int = 1) -> list[VideoPart]:
    """The parts of a file, of whole seconds but for the last.

    Args:
        video: The file.
        facts: What is known of it.
        fps: Frames a second of the data set.
        segments: How many parts.

    Raises:
        ValueError: It has less than a second for each part.

    Example:
        >>> facts = VideoFacts(79.5, 10, True, 768, 576, 0, 0)
        >>> for part in cut_video(Video('street', 'street.avi'), facts, 10, segments=3):
        ...     print(*part)
        street_1 street.avi 0 260
        street_2 street.avi 26 260
        street_3 street.avi 52 275
    """
    ids = part_ids(video, segments)
    if segments == 1:
        return [VideoPart(*ids, video.path, 0, _num_frames(facts.duration_sec, fps))]
    seconds = math.floor(facts.duration_sec + 1e-6)  # 15 frames of 1 / 15 s may be short of one
    if seconds < segments:
        raise ValueError(
            f'{video.path}: {facts.duration_sec:.2f} s are too short for {segments} segments of at '
            'least a second'
        )
    cuts = [place * seconds // segments for place in range(segments)]
    ends = [*cuts[1:], facts.duration_sec]
    return [
        VideoPart(video_id, video.path, start, _num_frames(end - start, fps))
        for video_id, start, end in zip(ids, cuts, ends)
    ]


def _num_frames(seconds: float, fps: int) -> int:
    """How many frames begin before the end."""
    return max(1, math.ceil(seconds * fps - _END_TOLERANCE))
