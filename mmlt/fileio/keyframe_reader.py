"""The image of any one keyframe, out of a prepared data set or a folder of folders of frames."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from mmlt.fileio.image_frames import read_image
from mmlt.fileio.keyframe_images import KeyframeRule, count_frames, keyframe_numbers
from mmlt.fileio.timed_video import frames_at
from mmlt.fileio.video_table import VIDEO_TABLE, VideoTable, read_video_table

ReadKeyframe = Callable[[str, int], np.ndarray]
#: AVA's, as its datasets have it.
FRAMES_ON_DISK = KeyframeRule(30.0, 1, 900, filename_tmpl='img_{:05}.jpg')


def open_keyframes(
    folder: str | Path, rule: KeyframeRule | None = None, *, in_full_size: bool = False
) -> ReadKeyframe:
    """What gives the image (H, W, 3) uint8, BGR, of (video id, second).

    It raises a ValueError, RuntimeError or OSError where there is none, which names the file from
    the folder on.

    Args:
        folder: With a ``videos.json`` one that ``prepare_videos.py`` made: frames on disk, or the
            video files where it has none. Else one of folders of frames, VIDEO/img_00001.jpg.
        rule: Which frame is that of which second in folders of frames, see
            :func:`mmlt.fileio.keyframe_images.keyframe_numbers`; None: as in AVA's (30 a
            second, the first is that of second 900), and with a ``videos.json``.
        in_full_size: Of a prepared data set: whether the video file is read, where that can be,
            rather than the frame on disk, which was shrunk.

    Raises:
        FileNotFoundError: No such folder, or it holds neither.
        ValueError: A malformed ``videos.json``, or a rule beside one.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder')
    if (folder / VIDEO_TABLE).is_file():
        if rule is not None:
            raise ValueError(f'{folder / VIDEO_TABLE} says which frame is which second: no rule')
        return _by_table(read_video_table(folder), in_full_size)
    if not any(entry.is_dir() for entry in folder.iterdir()):
        raise FileNotFoundError(f'{folder}: holds neither {VIDEO_TABLE} nor folders of frames')
    return _by_rule(folder, rule or FRAMES_ON_DISK)


def _by_table(table: VideoTable, in_full_size: bool) -> ReadKeyframe:
    def read(video_id: str, second: int) -> np.ndarray:
        if video_id not in table.videos:
            raise ValueError(f'{VIDEO_TABLE} has no video {video_id}')
        seconds = table.seconds(video_id)
        if second not in seconds:
            raise ValueError(f'{video_id} has seconds {seconds[0]} to {seconds[-1]}')
        if table.filename_tmpl is None:
            return _at_time(table, video_id, second)
        if in_full_size:
            try:
                return _at_time(table, video_id, second)
            except (ValueError, ImportError):  # the frame on disk is small, but there
                pass
        name = table.filename_tmpl.format(table.frame_of(second))
        return _read(table.frame_folder, video_id, name)

    return read


def _by_rule(folder: Path, rule: KeyframeRule) -> ReadKeyframe:
    @cache
    def count(video_id: str) -> int:
        if not (folder / video_id).is_dir():
            raise ValueError(f'{video_id}: no such folder of frames')
        return count_frames(folder / video_id, rule)

    def read(video_id: str, second: int) -> np.ndarray:
        own = rule._replace(seconds=(second, second))
        _, numbers = keyframe_numbers(count(video_id), rule.fps, own)
        if not len(numbers):
            raise ValueError(f'{video_id} has no second {second}')
        return _read(folder, video_id, rule.filename_tmpl.format(numbers[0]))

    return read


def _at_time(table: VideoTable, video_id: str, second: int) -> np.ndarray:
    path = table.video_path(video_id)
    if not path.is_file():
        raise ValueError(f'{path.name} does not exist')
    start_sec = table.videos[video_id].start_sec
    return next(frames_at(path, [start_sec + second - table.timestamp_start]))


def _read(folder: Path, video_id: str, name: str) -> np.ndarray:
    if not (folder / video_id / name).is_file():
        raise ValueError(f'{video_id}/{name} does not exist')
    try:
        return read_image(folder / video_id / name)
    except ValueError:
        raise ValueError(f'{video_id}/{name}: not a readable image') from None
