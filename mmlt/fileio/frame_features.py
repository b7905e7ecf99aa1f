"""Feature files of videos: ``{videoid}.npy``, one row a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlt.fileio.npy_files import map_npy


def open_frame_features(path: str | Path, feature_dim: int | None = None) -> np.ndarray:
    """Open a feature file without reading it.

    Args:
        path: A .npy file.
        feature_dim: D, checked if given.

    Returns:
        (T, D) of floating point, memory-mapped, T and D at least 1.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A file that is cut off or longer than it says, that is no .npy or needs
            unpickling; an array of another dtype, number of dimensions or width, or one without a
            frame. Names the file.
    """
    try:
        features = map_npy(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{path} does not exist: features are one file a video, named by its id '
            '(tools/features/extract_video_features.py)'
        ) from None
    except ValueError as error:
        raise ValueError(f'{error}; extract or copy it again') from None
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
