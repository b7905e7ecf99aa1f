"""Detections on disk: AVA's CSV, and a Parquet file that loses nothing.

mmaction2's own CSV drops every score of 0.002 or less and rounds the rest to four decimals; sampled
AP does not survive that. ``detections.parquet`` holds every detection at full precision.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mmlt.fileio.atomic_write import atomic_write
from mmlt.functional import AVABoxes, read_ava_csv
from mmlt.functional.detection.ava_csv import num_columns
from mmlt.functional.detection.ava_roads import as_numpy
from mmlt.functional.detection.fields import INT32_MAX, name_fault
from mmlt.functional.detection.keyframes import blocks

_BOX = ('x1', 'y1', 'x2', 'y2')
_COLUMNS = ('video_id', 'timestamp', *_BOX, 'label', 'score')
_CHECKSUM = b'mmlt.crc32'  # key of the file's metadata
_BATCH = 1 << 16  # rows read at a time


class _FieldError(ValueError):
    """A column that is not as it must be; the message names the file."""


def write_detections(path: str | Path, detections: AVABoxes, overwrite: bool = False) -> None:
    """Write all detections to a Parquet file.

    Columns: video_id (dictionary of strings), timestamp int32, x1, y1, x2, y2 float64 in fractions
    of the frame, label int32, score float32 where that holds every score exactly, else float64. A
    checksum of the values is written beside them, so that no damage to the file goes unnoticed.

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
    detections = _numbered(detections)
    scores = detections.scores.astype(np.float32)
    if not np.array_equal(scores, detections.scores, equal_nan=True):
        scores = detections.scores
    names = pa.array(detections.video_names.tolist(), pa.string())
    columns = [
        pa.DictionaryArray.from_arrays(pa.array(detections.video_index), names),
        pa.array(detections.timestamps),
        *(pa.array(np.ascontiguousarray(column)) for column in detections.boxes_xyxy_norm.T),
        pa.array(detections.labels),
        pa.array(scores),
    ]
    table = pa.table(dict(zip(_COLUMNS, columns)))
    table = table.replace_schema_metadata({_CHECKSUM: _checksum(detections)})
    with atomic_write(path, overwrite=overwrite) as temporary:
        pq.write_table(table, temporary)


def _numbered(detections: AVABoxes) -> AVABoxes:
    """The same rows, with the videos numbered by first appearance, as they are read."""
    index = np.asarray(detections.video_index, dtype=np.int32)
    present, first = np.unique(index, return_index=True)
    code_of_name: dict[str, int] = {}
    codes = np.zeros(len(detections.video_names), dtype=np.int32)
    for old in present[np.argsort(first)].tolist():
        name = str(detections.video_names[old])
        codes[old] = code_of_name.setdefault(name, len(code_of_name))
    return AVABoxes(
        video_index=codes[index],
        video_names=np.array(list(code_of_name), dtype=np.str_),
        timestamps=np.asarray(detections.timestamps, dtype=np.int32),
        boxes_xyxy_norm=np.asarray(detections.boxes_xyxy_norm, dtype=np.float64).reshape(-1, 4),
        labels=np.asarray(detections.labels, dtype=np.int32),
        scores=np.asarray(detections.scores, dtype=np.float64),
    )


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
            is missing or of another type, a missing value, a number beyond 32 bits, a NaN score, a
            box with x1 > x2 or y1 > y2, or values that are not those that were written. Names
            file, row, value.
    """
    suffix = Path(path).suffix.lower()
    if suffix == '.csv':
        return _read_csv(path)
    if suffix != '.parquet':
        raise ValueError(f'{path}: detections are read from .csv or .parquet, not {suffix!r}')
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file')
    try:
        detections, checksum = _read_parquet(path)
    except _FieldError as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # a damaged file can raise anything
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise ValueError(f'{path}: not a Parquet file, or damaged ({reason})') from None
    if checksum is not None and checksum != _checksum(detections):
        raise ValueError(f'{path}: damaged; its values are not those that were written')
    _check_values(detections, path)
    return detections


def _read_parquet(path: str | Path) -> tuple[AVABoxes, bytes | None]:
    """The detections, unchecked, and the checksum that was written with them."""
    with pq.ParquetFile(path) as file:
        _check_types(file.schema_arrow, path)
        num_rows, start = file.metadata.num_rows, 0
        columns = AVABoxes(
            np.empty(num_rows, np.int32),
            np.empty(0, np.str_),
            np.empty(num_rows, np.int32),
            np.empty((num_rows, 4)),
            np.empty(num_rows, np.int32),
            np.empty(num_rows),
        )
        code_of_name: dict[str, int] = {}
        # Part by part: no copy of all rows stands beside the result.
        for batch in file.iter_batches(_BATCH, columns=list(_COLUMNS), use_threads=False):
            batch.validate(full=True)  # text in UTF-8, indices inside their dictionary
            _fill(columns, start, batch, code_of_name, path)
            start += batch.num_rows
        if start != num_rows:
            raise ValueError(f'{start} rows of {num_rows}')
        checksum = (file.schema_arrow.metadata or {}).get(_CHECKSUM)
    return columns._replace(video_names=np.array(list(code_of_name), dtype=np.str_)), checksum


def _fill(
    columns: AVABoxes,
    start: int,
    batch: pa.RecordBatch,
    code_of_name: dict[str, int],
    path: str | Path,
) -> None:
    """Copy a batch into its rows."""
    rows = slice(start, start + batch.num_rows)
    column_of = dict(zip(batch.schema.names, batch.columns))
    for name, column in column_of.items():
        if column.null_count:
            row = start + column.is_null().to_pylist().index(True)
            raise _FieldError(f'{path}, row {row}: no value for {name}')
    columns.video_index[rows] = _video_codes(column_of['video_id'], code_of_name, path)
    for name, whole in (('timestamp', columns.timestamps), ('label', columns.labels)):
        column = column_of[name]
        if column.type == pa.uint64():  # which no signed type holds whole
            values = as_numpy(column, np.uint64)
            wrong = np.flatnonzero(values > INT32_MAX)
        else:
            values = as_numpy(column.cast(pa.int64()), np.int64)
            wrong = np.flatnonzero((values > INT32_MAX) | (values < -INT32_MAX))
        if len(wrong):
            row, value = start + int(wrong[0]), values[wrong[0]]
            raise _FieldError(f'{path}, row {row}: {name} {value} does not fit 32 bits')
        whole[rows] = values
    numbers = (*columns.boxes_xyxy_norm[rows].T, columns.scores[rows])
    for name, values in zip((*_BOX, 'score'), numbers):
        values[:] = as_numpy(column_of[name].cast(pa.float64()), np.float64)


def _video_codes(column: pa.Array, code_of_name: dict[str, int], path: str | Path) -> np.ndarray:
    """Number the names by first appearance; a dictionary may hold others, and in any order."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    indices = as_numpy(column.indices.cast(pa.int64()), np.int64)
    first = np.full(len(column.dictionary), len(indices))
    first[indices[::-1]] = np.arange(len(indices))[::-1]  # the last one assigned stays
    codes = np.full(len(first), -1, dtype=np.int32)
    for index in np.argsort(first)[: np.count_nonzero(first < len(indices))].tolist():
        name = column.dictionary[index].as_py()
        fault = name_fault(name)
        if fault:
            raise _FieldError(f'{path}: video_id {name!r}: {fault}')
        codes[index] = code_of_name.setdefault(name, len(code_of_name))
    return codes[indices]


def _checksum(detections: AVABoxes) -> bytes:
    """CRC-32 over the videos' names and the columns, as they are read."""
    code = zlib.crc32('\n'.join(detections.video_names).encode())
    for column in (detections.video_index, *detections[2:]):
        code = zlib.crc32(np.ascontiguousarray(column), code)
    return str(code).encode()


def _read_csv(path: str | Path) -> AVABoxes:
    if num_columns(path) == 7:
        raise ValueError(f'{path}: a detections file needs 8 columns, the last one the score')
    detections = read_ava_csv(path)
    if (detections.scores == 1).all():
        raise ValueError(f'{path}: every score is 1; it looks like ground truth, not detections')
    return detections


def _check_types(schema: pa.Schema, path: str | Path) -> None:
    for name in _COLUMNS:
        if name not in schema.names:
            raise _FieldError(f'{path}: column {name} is missing; found {schema.names}')
        kind = schema.field(name).type
        value_kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if name == 'video_id':
            right = pa.types.is_string(value_kind) or pa.types.is_large_string(value_kind)
        elif name in ('timestamp', 'label'):
            right = pa.types.is_integer(kind)
        else:
            right = pa.types.is_floating(kind)
        if not right:
            raise _FieldError(f'{path}: column {name} has type {kind}')


def _check_values(detections: AVABoxes, path: str | Path) -> None:
    for block in blocks(len(detections.scores)):
        scores, boxes = detections.scores[block], detections.boxes_xyxy_norm[block]
        problems = (
            ('score', np.isnan(scores), scores),
            ('box', ~np.isfinite(boxes), boxes),
            ('x1 > x2 or y1 > y2 in box', boxes[:, :2] > boxes[:, 2:], boxes),
        )
        for what, wrong, values in problems:
            if wrong.any():
                row = int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[0])
                raise ValueError(f'{path}, row {block.start + row}: {what} {values[row].tolist()}')
