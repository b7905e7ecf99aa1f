"""Frames in and out: from a video or a folder of images, to a video or a folder of images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.timed_video import frames_at
from mmlt.fileio.video_table import FRAME_TMPL, VIDEO_TABLE, VideoTable

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp')


class Frame(NamedTuple):
    """A frame with its position.

    Attributes:
        index: Position in the video, from 0.
        name: File name to write it under.
        image: (H, W, 3) uint8, BGR.
    """

    index: int
    name: str
    image: np.ndarray


def video_fps(path: str | Path) -> float:
    """Frames per second that the video file names."""
    capture = _open(path)
    fps = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    if not fps > 0:
        raise ValueError(f'{path}: the video names no frame rate; give --fps')
    return fps


def read_video(path: str | Path) -> Iterator[Frame]:
    """The frames of a video file.

    Raises:
        ValueError: It cannot be opened, or holds no frame.
    """
    capture = _open(path)
    index = 0
    try:
        while True:
            found, image = capture.read()
            if not found:
                break
            yield Frame(index, f'img_{index + 1:05d}.jpg', image)
            index += 1
    finally:
        capture.release()
    if not index:
        raise ValueError(f'{path}: no frame can be read')


def read_prepared_video(table: VideoTable, video_id: str) -> Iterator[Frame]:
    """The frames of a video of a prepared data set, in the size of its file.

    Frame k is what the file shows k / fps s after the video's start, as on disk.

    Raises:
        FileNotFoundError: The video file is not there; said with the first frame.
        ValueError: The table has no such video, said at once, or the file cannot be read.
    """
    if video_id not in table.videos:
        listed = ', '.join([*table.videos][:5]) + (', ...' if len(table.videos) > 5 else '')
        raise ValueError(f'{table.folder / VIDEO_TABLE}: no video {video_id!r}; it has {listed}')
    entry = table.videos[video_id]
    times = entry.start_sec + np.arange(entry.num_frames) / table.fps
    name = FRAME_TMPL if table.filename_tmpl is None else table.filename_tmpl
    images = enumerate(frames_at(table.video_path(video_id), times))
    return (Frame(index, name.format(index), image) for index, image in images)


def read_frame_folder(path: str | Path, *, start_index: int = 1) -> Iterator[Frame]:
    """The images of a folder, by the number at the end of their names (``img_00001.jpg``).

    Args:
        path: The folder.
        start_index: Number of the video's first frame.

    Raises:
        ValueError: No image; a name without number or with one below ``start_index``; two images
            of one number; an image that cannot be read.
    """
    numbered: dict[int, Path] = {}
    for file in sorted(Path(path).iterdir()):
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        digits = re.search(r'([0-9]+)$', file.stem)
        if digits is None:
            raise ValueError(f'{file}: the name does not end in a frame number')
        number = int(digits[1])
        if number < start_index:
            raise ValueError(f'{file}: frame {number} is before start_index {start_index}')
        if number in numbered:
            raise ValueError(f'{file}: frame {number} is also {numbered[number].name}')
        numbered[number] = file
    if not numbered:
        raise ValueError(f'{path}: no image ({", ".join(IMAGE_SUFFIXES)}) in this folder')
    for number, file in sorted(numbered.items()):
        yield Frame(number - start_index, file.name, read_image(file))


def read_image(path: str | Path) -> np.ndarray:
    """An image (H, W, 3) uint8, BGR.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    except cv2.error:  # a header that claims more pixels than OpenCV will hold
        image = None
    if image is None:
        raise ValueError(f'{path}: not a readable image')
    return image


def shrink(image: np.ndarray, short_side: int | None) -> np.ndarray:
    """An image whose shorter side has at most so many pixels, of the same proportions.

    Args:
        image: (H, W, 3).
        short_side: None, as one that is not less than the image's own, leaves it as it is.

    Example:
        >>> shrink(np.zeros((576, 768, 3), np.uint8), 256).shape
        (256, 341, 3)
    """
    height, width = image.shape[:2]
    if short_side is None or short_side >= min(height, width):
        return image
    scale = short_side / min(height, width)
    size = (round(width * scale), round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def write_video(
    path: str | Path, frames: Iterable[Frame], fps: float, *, overwrite: bool = False
) -> None:
    """Write frames of one size as an mp4; half a file is never left.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is false.
        ValueError: No frame, frames of two sizes, or OpenCV cannot encode.
    """
    with atomic_write(path, overwrite=overwrite) as temporary:
        video = temporary.with_suffix('.mp4')  # OpenCV takes the container from the name
        writer, shape = None, None
        try:
            for frame in frames:
                if writer is None:
                    shape = frame.image.shape
                    code = cv2.VideoWriter_fourcc(*'mp4v')
                    writer = cv2.VideoWriter(str(video), code, fps, shape[1::-1])
                    if not writer.isOpened():
                        raise ValueError(f'{path}: OpenCV cannot write a video of shape {shape}')
                if frame.image.shape != shape:
                    raise ValueError(f'{frame.name}: shape {frame.image.shape}, before it {shape}')
                writer.write(frame.image)
            if writer is None:
                raise ValueError(f'{path}: no frame to write')
            writer.release()
            os.replace(video, temporary)
        finally:
            if writer is not None:
                writer.release()
            if video.exists():
                video.unlink()


def write_frame_folder(
    path: str | Path, frames: Iterable[Frame], *, overwrite: bool = False
) -> None:
    """Write each frame as an image of its name; other files of the folder are left alone.

    The folder is made with the first frame: frames that cannot be read leave no empty one.

    Raises:
        FileExistsError: The folder holds a file and ``overwrite`` is false.
        NotADirectoryError: ``path`` is a file.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f'{folder}: is a file, not a folder')
    if not overwrite and folder.exists() and any(folder.iterdir()):
        raise FileExistsError(
            f'{folder}: the folder is not empty; pass --overwrite to write into it'
        )
    for frame in frames:
        with atomic_write(folder / frame.name, overwrite=overwrite) as temporary:
            _, encoded = cv2.imencode(Path(frame.name).suffix, frame.image)
            temporary.write_bytes(encoded.tobytes())


def _open(path: str | Path) -> cv2.VideoCapture:
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such video')
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ValueError(f'{path}: not a video that OpenCV can open')
    return capture
