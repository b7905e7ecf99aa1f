"""The windows into which a video is split at test time."""

from __future__ import annotations

import numpy as np

from mmlt.functional.checks import check_integer


def sliding_windows(
    num_frames: int,
    *,
    clip_len: int = 32,
    stride: int = 16,
    frame_interval: int = 1,
    keep_tail_frames: bool = False,
) -> np.ndarray:
    """Split a video into clips in the sliding window manner.

    Windows start at frame 0, ``stride``, 2 * ``stride``, ... as long as they lie within the video.
    A video shorter than one window gives one window, its frames looped.

    Args:
        num_frames: T, frames of the video, at least 1.
        clip_len: L, frames of a window, at least 1.
        stride: From one window's start to the next one's, at least 1.
        frame_interval: From one frame of a window to the next, at least 1.
        keep_tail_frames: Whether the next window, which would pass the end, is made too, by looping
            the frames that it has.

    Returns:
        (W, L) int64 indices in [0, T).

    Raises:
        ValueError: if a number is not an integer of at least 1.

    Reference:
        Hara, Ishikawa, Kataoka 2021, section 3.4.

    Differs from reference:
        the paper loops short videos; the authors' code (3D-ResNets-PyTorch) also loops the first
        window that passes the end of a longer one: ``keep_tail_frames``.

    Example:
        >>> sliding_windows(6, clip_len=4, stride=2).tolist()
        [[0, 1, 2, 3], [2, 3, 4, 5]]
        >>> sliding_windows(3, clip_len=4, stride=2).tolist()
        [[0, 1, 2, 0]]
    """
    num_frames = check_integer('num_frames', num_frames, 1)
    clip_len = check_integer('clip_len', clip_len, 1)
    stride = check_integer('stride', stride, 1)
    frame_interval = check_integer('frame_interval', frame_interval, 1)
    span = (clip_len - 1) * frame_interval + 1
    num_full = max(0, (num_frames - span) // stride + 1)
    starts = np.arange(num_full) * stride
    windows = starts[:, None] + np.arange(clip_len) * frame_interval
    tail_start = num_full * stride
    if num_full == 0 or (keep_tail_frames and tail_start < num_frames):
        tail = np.arange(tail_start, num_frames, frame_interval)
        windows = np.concatenate([windows, np.resize(tail, (1, clip_len))])
    return windows.astype(np.int64)
