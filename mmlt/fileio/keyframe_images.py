"""The image of each keyframe, out of a video or a folder of frames: one a second.

It is the frame on which mmaction2's ``SampleAVAFrames`` centres the clip of that second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.fileio.feature_folder import VIDEO_SUFFIXES, Video, find_videos
from mmlt.fileio.image_frames import IMAGE_SUFFIXES, read_image
from mmlt.fileio.video_frames import decode_frames, default_decoder

#: By less a file's frame rate may differ from a whole number: a frame in a quarter of an hour.
_RATE_TOLERANCE = 1e-3


class KeyframeRule(NamedTuple):
    """Which frame is that of which second; as the AVA dataset has it that reads the clips.

    Attributes:
        fps: Frames a second; None: as many as a video file says, if that is a whole number, for
            ``SampleAVAFrames`` counts by no other.
        start_index: Number of the first frame: 0 in videos.
        timestamp_start: The second that begins with the first frame.
        seconds: The first and the last to take; None: all.
        filename_tmpl: File name of a frame by its number; None: the input is video files.
        decoder: 'decord' or 'opencv'.
    """

    fps: float | None = None
    start_index: int = 0
    timestamp_start: int = 900
    seconds: tuple[int, int] | None = None
    filename_tmpl: str | None = None
    decoder: str = default_decoder()


def keyframe_numbers(
    num_frames: int, fps: float, rule: KeyframeRule
) -> tuple[list[int], np.ndarray]:
    """The keyframes of a video, and the number of the frame of each.

    Of second t it is ``min(fps (t - timestamp_start) + start_index, num_frames - 1) +
    start_index``, as in ``SampleAVAFrames``, which adds ``start_index`` twice: of frames counted
    from 1 the second one of each second.

    Args:
        num_frames: Of the video.
        fps: Its frames a second.
        rule: The rest.

    Returns:
        k seconds, ascending: those that begin before the video ends; and k numbers.

    Example:
        >>> keyframe_numbers(75, 30, KeyframeRule(start_index=1))
        ([900, 901, 902], array([ 2, 32, 62]))
    """
    first, last = rule.seconds or (rule.timestamp_start, None)
    # A frame rate such as 29.97 is rounded: 1e-6 keeps a frame due at that very moment.
    count = int(np.ceil(num_frames / fps)) + 1
    starts = np.floor(np.arange(count) * fps + 1e-6).astype(np.int64)
    seconds = rule.timestamp_start + np.arange(count)
    is_taken = (starts < num_frames) & (seconds >= first)
    if last is not None:
        is_taken &= seconds <= last
    numbers = np.minimum(starts + rule.start_index, num_frames - 1) + rule.start_index
    return seconds[is_taken].tolist(), numbers[is_taken]


def read_keyframes(video: Video, rule: KeyframeRule) -> Iterator[tuple[int, np.ndarray]]:
    """(second, image) of each keyframe of a video; an image is (H, W, 3) uint8, BGR.

    Raises:
        ValueError: The video or one of its frames cannot be read, or it has no such second.
        RuntimeError: decord cannot decode it.
    """
    read = _from_video if rule.filename_tmpl is None else _from_folder
    second = None
    for second, image in read(video.path, rule):
        yield second, image
    if second is None:
        asked = f' {rule.seconds[0]} to {rule.seconds[1]}' if rule.seconds else ''
        raise ValueError(f'{video.path} ends before the seconds{asked} that are asked for')


def _from_video(path: str, rule: KeyframeRule) -> Iterator[tuple[int, np.ndarray]]:
    seconds: list[int] = []

    def choose(total: int, video_fps: float) -> np.ndarray:
        found, numbers = keyframe_numbers(total, rule.fps or _whole_rate(path, video_fps), rule)
        seconds.extend(found)
        return numbers

    for place, frame in enumerate(decode_frames(path, choose, rule.decoder)):
        yield seconds[place], np.ascontiguousarray(frame[..., ::-1])  # RGB -> BGR


def _whole_rate(path: str, fps: float) -> float:
    """A file's own rate: one of 29.97 read as 30 is a second behind after a quarter of an hour."""
    if abs(fps - round(fps)) > _RATE_TOLERANCE:
        raise ValueError(
            f'{path} has {fps:.5g} frames a second, and a dataset counts by a whole number: give '
            '--fps, that of the dataset'
        )
    return fps


def _from_folder(path: str, rule: KeyframeRule) -> Iterator[tuple[int, np.ndarray]]:
    seconds, numbers = keyframe_numbers(count_frames(path, rule), rule.fps, rule)
    for second, number in zip(seconds, numbers.tolist()):
        file = Path(path) / rule.filename_tmpl.format(number)
        if not file.is_file():
            raise ValueError(f'{file} does not exist')
        yield second, read_image(file)


def count_frames(folder: str | Path, rule: KeyframeRule) -> int:
    """How many frames a folder has, by the number of the last.

    Raises:
        ValueError: It has none, or not the first.
    """
    pattern = number_pattern(rule.filename_tmpl)
    found = (pattern.fullmatch(file.name) for file in Path(folder).iterdir())
    last = max((int(match[1]) for match in found if match), default=None)
    first_file = Path(folder) / rule.filename_tmpl.format(rule.start_index)
    if last is None or not first_file.is_file():
        raise ValueError(f'{first_file} does not exist')
    return last - rule.start_index + 1


def number_pattern(filename_tmpl: str) -> re.Pattern:
    """What a frame's file name matches; group 1 is its number."""
    fields = re.split(r'\{[^{}]*\}', filename_tmpl)
    try:
        filename_tmpl.format(1)
    except (IndexError, KeyError, ValueError):
        fields = []
    if len(fields) != 2:
        raise ValueError(f'{filename_tmpl!r}: a name such as img_{{:05}}.jpg is needed')
    return re.compile('([0-9]+)'.join(map(re.escape, fields)))


def find_keyframe_videos(
    folder: str | Path, filename_tmpl: str, start_index: int = 1
) -> tuple[list[Video], bool]:
    """The videos in a folder, files or folders of frames; a video's id is its path in the folder.

    Args:
        folder: Searched with its subfolders.
        filename_tmpl: File name of a frame by its number.
        start_index: Number of the first frame. The folder that has it is one of frames, and so is
            one of images without it, or where there are others an empty one: reading them fails.

    Returns:
        The videos by ascending id, and whether they are folders of frames.

    Raises:
        FileNotFoundError: No such folder.
        ValueError: No video, video files beside folders of frames, or another template.
    """
    folder = Path(folder)
    number_pattern(filename_tmpl)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder')
    first_name = filename_tmpl.format(start_index)
    if (folder / first_name).is_file():
        raise ValueError(f'{folder} is one folder of frames: give the folder that holds it')
    frames, empty, files = _search(folder, first_name)
    if not frames and files:
        return find_videos(folder), False
    if not frames:
        suffixes = ', '.join(VIDEO_SUFFIXES)
        raise ValueError(
            f'{folder}: neither video files ({suffixes}) nor folders of frames {first_name}, ...'
        )
    if files:
        raise ValueError(f'{folder}: {files[0]} is a video file, {frames[0]} a folder of frames')
    found = sorted(path.relative_to(folder).as_posix() for path in [*frames, *empty])
    return [Video(video_id, str(folder / video_id)) for video_id in found], True


def _search(folder: Path, first_name: str) -> tuple[list[Path], list[Path], list[Path]]:
    """Folders of frames, empty folders and video files; frames are not listed, for speed."""
    frames: list[Path] = []
    empty: list[Path] = []
    files: list[Path] = []
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if (path / first_name).is_file():
            frames.append(path)
            continue
        entries = sorted(path.iterdir())
        if path != folder and _has_images(entries):
            frames.append(path)
        elif path != folder and not entries:
            empty.append(path)
        waiting += [entry for entry in entries if entry.is_dir()]
        files += [e for e in entries if e.suffix.lower() in VIDEO_SUFFIXES and e.is_file()]
    return frames, empty, files


def _has_images(entries: Sequence[Path]) -> bool:
    return any(entry.suffix.lower() in IMAGE_SUFFIXES for entry in entries)
