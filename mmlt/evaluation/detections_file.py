"""Detections on disk: AVA's CSV, and a Parquet file that loses nothing.

mmaction2's own CSV drops every score of 0.002 or less and rounds the rest to four decimals; sampled
AP does not survive that. ``detections.parquet`` holds every detection at full precision.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmlt.functional import AVABoxes, read_ava_csv
from mmlt.functional._ava_csv import num_columns
from mmlt.functional.safe_write import new_file

_BOX = ('x1', 'y1', 'x2', 'y2')
_COLUMNS = ('video_id', 'timestamp', *_BOX, 'label', 'score')


def write_detections(path: str | Path, detections: AVABoxes, overwrite: bool = False) -> None:
    """Write all detections to a Parquet file.

    Columns: video_id (dictionary of strings), timestamp int32, x1, y1, x2, y2 float64 in fractions
    of the frame, label int32, score float32 where that holds every score exactly, else float64.

    Args:
        path: The file; its name ends in ``.parquet``.
        detections: The detections.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ValueError: Another ending.
        FileExistsError: The file exists and ``overwrite`` is false.
    """
    if Path(path).suffix != '.parquet':
        raise ValueError(f'{path}: the name of a detections file must end in .parquet')
    scores = np.asarray(detections.scores, dtype=np.float64)
    narrow = scores.astype(np.float32)
    if np.array_equal(narrow, scores, equal_nan=True):
        scores = narrow
    video_index = pa.array(np.asarray(detections.video_index, dtype=np.int32))
    video_names = pa.array([str(name) for name in detections.video_names], pa.string())
    boxes = np.asarray(detections.boxes_xyxy_norm, dtype=np.float64).reshape(-1, 4)
    columns = [
        pa.DictionaryArray.from_arrays(video_index, video_names),
        pa.array(np.asarray(detections.timestamps, dtype=np.int32)),
        *(pa.array(np.ascontiguousarray(column)) for column in boxes.T),
        pa.array(np.asarray(detections.labels, dtype=np.int32)),
        pa.array(scores),
    ]
    with new_file(path, overwrite=overwrite) as temporary:
        pq.write_table(pa.table(dict(zip(_COLUMNS, columns))), temporary)


def read_detections(path: str | Path) -> AVABoxes:
    """Read detections from ``.csv`` (AVA's format) or ``.parquet`` (:func:`write_detections`).

    Args:
        path: The file.

    Returns:
        The detections, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Another ending; a CSV that read_ava_csv refuses, that has no column of scores,
            or whose scores are all 1, as if it were ground truth; in a Parquet file, a column that
            is missing or of another type, a missing value, a NaN score, a box with x1 > x2 or
            y1 > y2. Names file, row, value.
    """
    suffix = Path(path).suffix.lower()
    if suffix == '.csv':
        return _read_csv(path)
    if suffix != '.parquet':
        raise ValueError(f'{path}: detections are read from .csv or .parquet, not {suffix!r}')
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    except pa.ArrowInvalid as error:
        raise ValueError(f'{path}: not a Parquet file: {error}') from None
    _check_columns(table, path)
    videos = table['video_id'].cast(pa.string()).combine_chunks()
    videos = pa.chunked_array([videos]).dictionary_encode().combine_chunks()
    if isinstance(videos, pa.ChunkedArray):  # pyarrow < 12 keeps the one chunk wrapped
        videos = videos.chunk(0)
    detections = AVABoxes(
        video_index=videos.indices.to_numpy().astype(np.int32),
        video_names=np.array(videos.dictionary.to_pylist(), dtype=np.str_),
        timestamps=table['timestamp'].to_numpy().astype(np.int32),
        boxes_xyxy_norm=np.stack([table[name].to_numpy() for name in _BOX], 1).astype(np.float64),
        labels=table['label'].to_numpy().astype(np.int32),
        scores=table['score'].to_numpy().astype(np.float64),
    )
    _check_values(detections, path)
    return detections


def _read_csv(path: str | Path) -> AVABoxes:
    if num_columns(path) == 7:
        raise ValueError(f'{path}: a detections file needs 8 columns, the last one the score')
    detections = read_ava_csv(path)
    if (detections.scores == 1).all():
        raise ValueError(f'{path}: every score is 1; it looks like ground truth, not detections')
    return detections


def _check_columns(table: pa.Table, path: str | Path) -> None:
    for name in _COLUMNS:
        if name not in table.column_names:
            raise ValueError(f'{path}: column {name} is missing; found {table.column_names}')
        column = table[name]
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if name == 'video_id':
            right = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        elif name in ('timestamp', 'label'):
            right = pa.types.is_integer(kind)
        else:
            right = pa.types.is_floating(kind)
        if not right:
            raise ValueError(f'{path}: column {name} has type {column.type}')
        if column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise ValueError(f'{path}, row {row}: no value for {name}')


def _check_values(detections: AVABoxes, path: str | Path) -> None:
    boxes = detections.boxes_xyxy_norm
    problems = (
        ('score', np.isnan(detections.scores), detections.scores),
        ('box', ~np.isfinite(boxes).all(1), boxes),
        ('x1 > x2 or y1 > y2 in box', (boxes[:, :2] > boxes[:, 2:]).any(1), boxes),
    )
    for what, wrong, values in problems:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ValueError(f'{path}, row {row}: {what} {values[row].tolist()}')
