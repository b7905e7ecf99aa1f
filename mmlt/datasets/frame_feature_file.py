"""Feature files of videos: ``{videoid}.npy``, one row a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def open_frame_features(path: str | Path, feature_dim: int | None = None) -> np.ndarray:
    """Open a feature file without reading it.

    Args:
        path: A .npy file.
        feature_dim: D, checked if given.

    Returns:
        (T, D) of floating point, memory-mapped, T and D at least 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A truncated file, one that is no .npy or needs unpickling, an array of another
            dtype, number of dimensions or width, or one without a frame. Names the file.
    """
    try:
        features = np.load(path, mmap_mode='r', allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist: features are one file a video, named by its id '
            '(tools/features/extract_video_features.py)'
        ) from None
    except (ValueError, EOFError) as error:
        raise ValueError(
            f'{path} is truncated or no .npy file of plain numbers ({error}); extract or copy it '
            'again'
        ) from None
    if not isinstance(features, np.ndarray):
        raise ValueError(f'{path} is an archive of several arrays, not one .npy array')
    if features.ndim != 2:
        raise ValueError(f'{path}: features must be (frames, channels), got {features.shape}')
    if features.dtype.kind != 'f':
        raise ValueError(f'{path}: features must be of floating point, got dtype {features.dtype}')
    if not features.shape[0]:
        raise ValueError(f'{path}: an empty video: features of shape {features.shape}')
    if not features.shape[1]:
        raise ValueError(f'{path}: features without channels: shape {features.shape}')
    if feature_dim is not None and features.shape[1] != feature_dim:
        raise ValueError(
            f'{path}: features are {features.shape[1]} wide, not feature_dim={feature_dim}'
        )
    return features
