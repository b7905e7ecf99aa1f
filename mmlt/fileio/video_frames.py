"""Reading frames of a video file at a low rate, by decord or, where that is absent, OpenCV."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

DECODERS = ('decord', 'opencv')
# Frames that decord decodes at once, at their full size: a few, for memory's sake.
_DECORD_FRAMES = 8


def default_decoder() -> str:
    """'decord' where it is installed, else 'opencv'."""
    return DECODERS[0] if importlib.util.find_spec('decord') else DECODERS[1]


def frame_indices(total: int, video_fps: float, fps: float, num_frames: int) -> np.ndarray:
    """Indices of the frames to take from a video, ascending.

    The frame shown at 0, 1 / fps, 2 / fps, ... seconds; where these are more than ``num_frames``,
    so many of them, evenly from the first to the last.

    Example:
        >>> frame_indices(total=50, video_fps=20, fps=1, num_frames=150).tolist()
        [0, 20, 40]
        >>> frame_indices(total=50, video_fps=20, fps=2, num_frames=3).tolist()
        [0, 20, 40]
    """
    count = max(1, math.ceil(total * fps / video_fps))
    # A frame rate such as 29.97 is rounded: 1e-6 keeps a frame due at that very moment.
    wanted = np.floor(np.arange(count) * (video_fps / fps) + 1e-6).astype(np.int64)
    wanted = np.unique(np.minimum(wanted, total - 1))
    if len(wanted) > num_frames:
        wanted = wanted[np.linspace(0, len(wanted) - 1, num_frames).astype(np.int64)]
    return wanted


def read_frames(
    path: str | Path,
    *,
    fps: float = 1.0,
    num_frames: int = 150,
    short_side: int = 256,
    crop_size: int = 224,
    decoder: str = 'decord',
) -> np.ndarray:
    """Frames of a video as an image backbone wants them.

    Args:
        path: A video file.
        fps: Frames to take of a second, see :func:`frame_indices`.
        num_frames: The most to take.
        short_side: Frames are resized so that their shorter side has as many pixels.
        crop_size: Side of the square that is cut from the centre.
        decoder: 'decord' or 'opencv'.

    Returns:
        (T, crop_size, crop_size, 3) uint8, RGB, 1 <= T <= num_frames.

    Raises:
        ValueError: The file cannot be opened, has no frame or no frame rate, or ends early.
        RuntimeError: decord cannot decode it.
    """
    frames = decode_frames(
        path, lambda total, rate: frame_indices(total, rate, fps, num_frames), decoder
    )
    return np.stack([_resize_and_crop(frame, short_side, crop_size) for frame in frames])


def decode_frames(
    path: str | Path, choose: Callable[[int, float], np.ndarray], decoder: str = 'decord'
) -> Iterator[np.ndarray]:
    """Frames of a video in its own size, a few in memory at once.

    Args:
        path: A video file.
        choose: Gives the indices to take, ascending, of (number of frames, frames a second).
        decoder: 'decord' or 'opencv'.

    Yields:
        (H, W, 3) uint8, RGB.

    Raises:
        ValueError: The file cannot be opened, has no frame or no frame rate, or ends early.
        RuntimeError: decord cannot decode it.
    """
    if not Path(path).is_file():
        raise ValueError(f'{path} does not exist')
    read = {'decord': _read_by_decord, 'opencv': _read_by_opencv}[decoder]
    yield from read(str(path), choose)


def _read_by_decord(path: str, choose: Callable[[int, float], np.ndarray]) -> Iterator[np.ndarray]:
    import decord

    decord.logging.set_level(decord.logging.QUIET)  # a bad file gets one line of ours
    reader = decord.VideoReader(path, num_threads=1)
    indices = _choose_indices(path, len(reader), reader.get_avg_fps(), choose)
    for start in range(0, len(indices), _DECORD_FRAMES):
        yield from reader.get_batch(indices[start : start + _DECORD_FRAMES]).asnumpy()


def _read_by_opencv(path: str, choose: Callable[[int, float], np.ndarray]) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(path)
    try:
        if not capture.isOpened():
            raise ValueError(f'{path}: OpenCV cannot open it')
        total = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        indices = _choose_indices(path, total, capture.get(cv2.CAP_PROP_FPS), choose)
        position = 0  # of the next frame: going on to it is exact, seeking is not
        for index in indices.tolist():
            while position <= index:
                if not capture.grab():
                    raise ValueError(f'{path} ends at frame {position} of {total}')
                position += 1
            found, frame = capture.retrieve()
            if not found:
                raise ValueError(f'{path}: frame {index} cannot be decoded')
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        capture.release()


def _choose_indices(
    path: str, total: int, video_fps: float, choose: Callable[[int, float], np.ndarray]
) -> np.ndarray:
    if total < 1:
        raise ValueError(f'{path} has no frame')
    if not (math.isfinite(video_fps) and video_fps > 0):
        raise ValueError(f'{path} has no frame rate: {video_fps}')
    return choose(total, video_fps)


def _resize_and_crop(frame: np.ndarray, short_side: int, crop_size: int) -> np.ndarray:
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    size = (max(short_side, round(width * scale)), max(short_side, round(height * scale)))
    frame = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    top, left = (frame.shape[0] - crop_size) // 2, (frame.shape[1] - crop_size) // 2
    return frame[top : top + crop_size, left : left + crop_size]
