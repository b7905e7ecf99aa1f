"""A folder of the person boxes of videos, one file a video, that become one proposal file.

    meta.json         what the boxes depend on; written first, compared on resume
    {videoid}.npy     (n, 6) float64: second, x1 y1 x2 y2 in fractions of the frame, score
    failures.csv      the videos that could not be read, see mmlt.fileio.feature_folder

A file is written beside and renamed: it is whole or absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.extraction_folder import META_FILE
from mmlt.fileio.feature_folder import Video, feature_path, start_folder
from mmlt.fileio.npy_files import read_npy
from mmlt.fileio.proposals import write_proposals

FORMAT = 'mmlt person boxes, version 1'
_COLUMNS = 6


def parts_folder(path: str | Path) -> Path:
    """Where the boxes of a proposal file are gathered."""
    path = Path(path)
    return path.with_name(f'{path.name}.parts')


def start_persons(path: str | Path, meta: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Begin a detection, or make sure that the one begun here is the same.

    Args:
        path: The proposal file that it is to become.
        meta: What meta.json is to hold.
        overwrite: Whether boxes of something else may be removed.

    Raises:
        FileExistsError: The folder holds other boxes (the differing entry is named), or the
            proposal file is there without it, and ``overwrite`` is false.
    """
    folder = parts_folder(path)
    if Path(path).exists() and not (folder / META_FILE).exists() and not overwrite:
        raise FileExistsError(f'{path}: exists already; pass --overwrite to replace it')
    meta = {'format': FORMAT, **meta}
    start_folder(folder, meta, overwrite=overwrite, what='boxes')


def write_persons(folder: str | Path, video: Video, rows: np.ndarray) -> None:
    """Write the boxes of a video, whole or not at all.

    Args:
        folder: See the module.
        video: Of the boxes.
        rows: (n, 6) second, corners, score.
    """
    path = feature_path(folder, video)
    with atomic_write(path, overwrite=True) as file, open(file, 'wb') as stream:
        np.save(stream, np.asarray(rows, np.float64), allow_pickle=False)


def read_persons(folder: str | Path, video: Video) -> np.ndarray:
    """The boxes of a video; see :func:`write_persons`.

    Raises:
        FileNotFoundError: There is no file.
        ValueError: It is none of boxes; names it.
    """
    path = feature_path(folder, video)
    rows = read_npy(path)
    if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] != _COLUMNS:
        raise ValueError(f'{path}: {rows.dtype} of shape {rows.shape}, not float64 (n, {_COLUMNS})')
    return rows


def missing_persons(folder: str | Path, videos: Iterable[Video]) -> list[Video]:
    """The videos without a whole file."""

    def is_whole(video: Video) -> bool:
        try:
            read_persons(folder, video)
        except (FileNotFoundError, ValueError):
            return False
        return True

    return [video for video in videos if not is_whole(video)]


def join_persons(path: str | Path, videos: Iterable[Video]) -> tuple[int, int]:
    """Write the proposal file of the videos whose boxes are there; keyframes of nobody stay out.

    Args:
        path: The proposal file; replaced if there.
        videos: In the order in which they go into the file.

    Returns:
        Numbers of keyframes and boxes.
    """
    folder = parts_folder(path)
    proposals: dict[str, np.ndarray] = {}
    for video in videos:
        if not feature_path(folder, video).exists():
            continue
        rows = read_persons(folder, video)
        order = np.lexsort((-rows[:, 5], rows[:, 0]))  # by second, best first
        seconds, starts = np.unique(rows[order, 0], return_index=True)
        for second, boxes in zip(seconds.tolist(), np.split(rows[order, 1:], starts[1:])):
            proposals[f'{video.video_id},{int(second):04d}'] = boxes
    write_proposals(path, proposals, overwrite=True)
    return len(proposals), sum(map(len, proposals.values()))
