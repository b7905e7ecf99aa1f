"""Shuffling the frames of clips: an order that depends on the video alone, and its application.

W windows (clips) of L frames a video; K crops; C channels of H x W pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from mmlt.functional.checks import check_choice, check_integer

LAYOUTS = ('NCTHW', 'CTHW', 'NCHW')


def shuffled_frame_order(
    video_name: str, num_windows: int, clip_len: int, *, seed: int = 0, shuffle: int = 1
) -> np.ndarray:
    """A random order of the frames of each window of a video.

    Depends on the arguments alone: not on the process, the rank, the worker, the other videos or
    the versions of Python and numpy. The order of a window does not depend on how many follow.

    Args:
        video_name: What tells the video from the others.
        num_windows: W, the windows of the video, at least 1.
        clip_len: L, frames of a window, at least 1.
        seed: Of the whole experiment, at least 0.
        shuffle: Number of the shuffle, at least 0: another number is another order.

    Returns:
        (W, L) int64, each row a permutation of 0 to L - 1: frame ``order[w, i]`` goes to place i.

    Raises:
        ValueError: if a number is not an integer or too small.

    Reference:
        Hara, Ishikawa, Kataoka 2021, section 3.2.

    Differs from reference:
        the paper does not say how the random order is drawn.

    Example:
        >>> sorted(shuffled_frame_order('a video', 1, 4)[0].tolist())
        [0, 1, 2, 3]
    """
    num_windows = check_integer('num_windows', num_windows, 1)
    clip_len = check_integer('clip_len', clip_len, 1)
    seed = check_integer('seed', seed, 0)
    shuffle = check_integer('shuffle', shuffle, 0)
    digest = hashlib.sha256(f'{seed}\n{shuffle}\n{video_name}'.encode()).digest()
    # RandomState: numpy froze its streams, while Generator's may change from release to release.
    random = np.random.RandomState(np.frombuffer(digest, dtype='<u4').astype(np.uint32))
    return np.stack([random.permutation(clip_len) for _ in range(num_windows)]).astype(np.int64)


def window_shape(num_clips: int, clip_len: int) -> tuple[int, int]:
    """(W, L) of a sample: segment-wise sampling, ``clip_len`` 1, is one window of all segments."""
    num_clips = check_integer('num_clips', num_clips, 1)
    clip_len = check_integer('clip_len', clip_len, 1)
    return (1, num_clips) if clip_len == 1 else (num_clips, clip_len)


def video_name(info: Mapping[str, Any]) -> str:
    """The name under which a sample is shuffled, from what mmaction2 knows of it.

    ``img_key`` ('video,timestamp') of AVA, else the stem of ``filename``, else the last part of
    ``frame_dir``: the same wherever the data lies. Videos of one name share their order.

    Raises:
        ValueError: if ``info`` has none of the three.

    Example:
        >>> video_name({'filename': 'data/ucf101/videos/PlayingGuitar/v_PlayingGuitar_g01.avi'})
        'v_PlayingGuitar_g01'
    """
    if info.get('img_key') is not None:
        return str(info['img_key'])
    if info.get('filename') is not None:
        return PurePath(info['filename']).stem
    if info.get('frame_dir') is not None:
        return PurePath(info['frame_dir']).name
    raise ValueError(
        f'a sample has none of img_key, filename and frame_dir, only {sorted(info)}: its frames '
        'cannot be shuffled under its name'
    )


def shuffle_clips(clips: torch.Tensor, order: np.ndarray, *, layout: str = 'NCTHW') -> torch.Tensor:
    """Put the frames of decoded clips into another order.

    Args:
        clips: (K*W, C, L, H, W) for 'NCTHW'; (C, L, H, W) for 'CTHW', of W = 1; (K*W*L, C, H, W)
            for 'NCHW'. Crops of one window get one order.
        order: (W, L) integers, see :func:`shuffled_frame_order`.
        layout: 'NCTHW', 'CTHW' or 'NCHW'.

    Returns:
        A tensor like ``clips``, which stays as it is.

    Raises:
        ValueError: if the layout is unknown, or clips and order do not fit.

    Reference:
        Hara, Ishikawa, Kataoka 2021, section 3.2.

    Example:
        >>> clips = torch.tensor([10, 11, 12]).view(1, 1, 3, 1, 1)
        >>> shuffle_clips(clips, np.array([[2, 0, 1]])).flatten().tolist()
        [12, 10, 11]
    """
    check_choice('layout', layout, LAYOUTS)
    order = np.asarray(order)
    if order.ndim != 2:
        raise ValueError(f'order must have shape (W, L), got shape {order.shape}')
    num_windows, clip_len = order.shape
    _check_fit(clips, num_windows, clip_len, layout)
    index = torch.as_tensor(order, device=clips.device)
    if layout == 'CTHW':
        shuffled = clips.index_select(1, index[0])
    elif layout == 'NCHW':
        starts = torch.arange(num_windows, device=clips.device)[:, None] * clip_len
        by_crop = clips.reshape(-1, num_windows * clip_len, *clips.shape[1:])
        shuffled = by_crop.index_select(1, (starts + index).flatten()).reshape(clips.shape)
    else:
        rows = (clip.index_select(1, index[i % num_windows]) for i, clip in enumerate(clips))
        shuffled = torch.stack(list(rows))
    # The same strides too: convolutions round differently on another layout of the memory.
    return torch.empty_like(clips).copy_(shuffled)


def _check_fit(clips: torch.Tensor, num_windows: int, clip_len: int, layout: str) -> None:
    fits = clips.ndim == len(layout)
    if fits and layout == 'CTHW':
        fits = num_windows == 1 and clips.shape[1] == clip_len
    elif fits and layout == 'NCTHW':
        fits = clips.shape[0] % num_windows == 0 and clips.shape[2] == clip_len
    elif fits:
        fits = clips.shape[0] % (num_windows * clip_len) == 0
    if not fits:
        raise ValueError(
            f'clips of shape {tuple(clips.shape)} ({layout}) do not hold {num_windows} windows of '
            f'{clip_len} frames'
        )
