"""A folder of frame features, one file a video, that may be filled in several runs.

    meta.json         what the features depend on; written first, compared on resume
    {videoid}.npy     (T, D) float32 or float16
    failures.csv      video_id, file, reason: the videos that could not be read; absent if none

A feature file is written beside and renamed: it is whole or absent.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.extraction_folder import META_FILE, start_extraction
from mmlt.fileio.frame_features import open_frame_features
from mmlt.fileio.videolt_lists import read_video_ids
from mmlt.functional.detection.text_files import read_csv_rows

FORMAT = 'mmlt frame features, version 1'
FAILURES_FILE = 'failures.csv'
VIDEO_SUFFIXES = (
    *('.3gp', '.avi', '.flv', '.m2ts', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.mts'),
    *('.ogv', '.ts', '.vob', '.webm', '.wmv'),
)
_HEADER = ['video_id', 'file', 'reason']


class Video(NamedTuple):
    """A video to extract: its id, and its file, '' where there is none."""

    video_id: str
    path: str


class Failure(NamedTuple):
    """A video that could not be read, and why."""

    video_id: str
    path: str
    reason: str


def find_videos(folder: str | Path, lists: Sequence[str | Path] = ()) -> list[Video]:
    """The videos in a folder, by ascending id: the path in the folder without its suffix.

    Args:
        folder: Searched with all its subfolders for ``VIDEO_SUFFIXES``.
        lists: VideoLT lists; where there are any, their videos alone are taken.

    Raises:
        FileNotFoundError: No such folder or list.
        ValueError: No video, or two files of one id.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder')
    paths: dict[str, Path] = {}
    for path in sorted(folder.rglob('*')):
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
            video_id = path.relative_to(folder).with_suffix('').as_posix()
            if video_id in paths:
                raise ValueError(f'{paths[video_id]} and {path} are both video {video_id!r}')
            paths[video_id] = path
    if not paths:
        raise ValueError(f'{folder}: no video file ({", ".join(VIDEO_SUFFIXES)})')
    ids = {video_id for path in lists for video_id in read_video_ids(path)} if lists else paths
    return [Video(video_id, str(paths.get(video_id, ''))) for video_id in sorted(ids)]


def start_folder(
    folder: str | Path,
    meta: Mapping[str, Any],
    *,
    overwrite: bool = False,
    what: str = 'features',
) -> None:
    """Begin an extraction, or make sure that the one begun here is the same.

    Args:
        folder: Where the features go.
        meta: What meta.json is to hold; its ``format`` is that of features where it has none.
        overwrite: Whether features of something else may be removed.
        what: What the folder holds, for the error.

    Raises:
        FileExistsError: The folder holds features of another model or other frames (the differing
            entry is named), features without meta.json or, where they would be removed, a
            folder of other features.
    """
    folder = Path(folder)

    def clear() -> None:
        other = next((p for p in folder.rglob(META_FILE) if p.parent != folder), None)
        if other is not None:  # its features are not ours to remove
            raise FileExistsError(f'{folder}: {other.parent} in it holds other {what}; move them')
        for path in (folder / FAILURES_FILE, *folder.rglob('*.npy'), folder / META_FILE):
            path.unlink(missing_ok=True)  # meta.json last: killed here, they are still known

    start_extraction(
        folder,
        {'format': FORMAT, **meta},
        contents=folder.rglob('*.npy'),
        clear=clear,
        overwrite=overwrite,
        what=what,
    )


def missing_videos(folder: str | Path, videos: Iterable[Video], feature_dim: int) -> list[Video]:
    """The videos without a whole feature file of this width."""

    def is_whole(video: Video) -> bool:
        try:
            open_frame_features(feature_path(folder, video), feature_dim)
        except (FileNotFoundError, ValueError):
            return False
        return True

    return [video for video in videos if not is_whole(video)]


def feature_path(folder: str | Path, video: Video) -> Path:
    """Where the features of a video go."""
    return Path(folder) / f'{video.video_id}.npy'


def write_features(folder: str | Path, video: Video, features: np.ndarray, dtype: str) -> None:
    """Write the features of a video, whole or not at all.

    Raises:
        ValueError: A feature is not finite in ``dtype``; nothing is written.
    """
    with np.errstate(over='ignore'):
        features = features.astype(dtype)
    if not np.isfinite(features).all():
        raise ValueError(f'a feature is not finite as {dtype}')
    with (
        atomic_write(feature_path(folder, video), overwrite=True) as file,
        open(file, 'wb') as stream,
    ):
        np.save(stream, features, allow_pickle=False)


def write_failures(
    folder: str | Path, failures: Iterable[Failure], videos: Iterable[Video]
) -> Path | None:
    """Bring failures.csv up to date with a run over ``videos``; others' lines stay.

    Returns:
        The file, None if no failure is left.
    """
    path = Path(folder) / FAILURES_FILE
    tried = {video.video_id for video in videos}
    rows = _read_failures(path) if path.exists() else []
    rows = [row for row in rows if row[0] not in tried] + [list(failure) for failure in failures]
    if not rows:
        path.unlink(missing_ok=True)
        return None
    with (
        atomic_write(path, overwrite=True) as file,
        open(file, 'w', newline='', encoding='utf-8') as stream,
    ):
        csv.writer(stream).writerows([_HEADER, *sorted(rows)])
    return path


def _read_failures(path: Path) -> list[list[str]]:
    """The rows of a failures.csv without its header."""
    rows = []
    for where, row in read_csv_rows(path):
        if len(row) != len(_HEADER):
            raise ValueError(f'{where}: {row!r:.200} has {len(row)} fields, not {len(_HEADER)}')
        rows.append(row)
    if rows[:1] != [_HEADER]:
        raise ValueError(f'{path}, line 1: the header {",".join(_HEADER)} is missing')
    return rows[1:]


def remove_unfinished(folder: str | Path) -> None:
    """Remove what killed processes left; no other process may be writing here."""
    for path in Path(folder).rglob('.*.tmp'):
        path.unlink()
