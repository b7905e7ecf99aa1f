"""The two roads by which a CSV in AVA's format becomes columns.

The quick one is pyarrow, with its answers checked; it knows no quotes and gives up at anything odd.
The exact one reads row by row and decides: what it reads is read, what it refuses is an error that
names line, field and value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.ava_csv import FIELDS, Row, exact_rows
from mmlt.functional.detection.fields import INT32_MAX, name_fault, parse_class_id


def read_quickly(
    path: str, columns_of_file: int, columns: AVABoxes
) -> tuple[int, list[str]] | None:
    """Fill the columns by pyarrow: number of rows and names of the videos.

    None where it meets anything that is not plain.
    """
    code_of_name: dict = {}
    num_rows = 0
    try:
        for batch in _open_batches(path, columns_of_file):
            rows = slice(num_rows, num_rows + batch.num_rows)
            if not _fill(columns, rows, batch, code_of_name):
                return None
            num_rows += batch.num_rows
    except ValueError:  # of a value, or pyarrow's own ArrowInvalid
        return None
    return num_rows, list(code_of_name)


def _fill(columns: AVABoxes, rows: slice, batch: pa.RecordBatch, code_of_name: dict) -> bool:
    """Copy a batch into its rows; False if it holds a value that is not allowed."""
    videos, labels = batch.column(0), batch.column(6)
    names = [_unquoted(name) for name in videos.dictionary.to_pylist()]
    if any('"' in name or name_fault(name) for name in names):
        return False
    codes = [code_of_name.setdefault(name, len(code_of_name)) for name in names]
    columns.video_index[rows] = _translated(videos, codes)
    columns.labels[rows] = _translated(
        labels, [parse_class_id(text) for text in labels.dictionary.to_pylist()]
    )
    timestamps = as_numpy(batch.column(1), np.float64)
    if not (np.abs(timestamps) <= INT32_MAX).all():
        return False
    columns.timestamps[rows] = timestamps
    boxes = columns.boxes_xyxy_norm[rows]
    for i in range(4):
        boxes[:, i] = as_numpy(batch.column(2 + i), np.float64)
    if batch.num_columns == 8:
        columns.scores[rows] = as_numpy(batch.column(7), np.float64)
    return bool(
        (columns.timestamps[rows] == timestamps).all()
        and np.isfinite(boxes).all()
        and (boxes[:, 0] <= boxes[:, 2]).all()
        and (boxes[:, 1] <= boxes[:, 3]).all()
        and np.isfinite(columns.scores[rows]).all()
    )


def _unquoted(name: str) -> str:
    """The name in quotes that stand around it alone, as programs write text columns."""
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _translated(column: pa.DictionaryArray, values: list[int]) -> np.ndarray:
    return np.array(values, np.int32)[as_numpy(column.indices, np.int32)]


def read_exactly(
    path: str, columns: AVABoxes, read_rows: Callable[[str], Iterator[Row]] = exact_rows
) -> tuple[int, list[str]]:
    """Fill the columns row by row: number of rows and names of the videos.

    Raises:
        ValueError: see `read_rows`.
    """
    code_of_name: dict = {}
    num_rows = 0
    for num_rows, row in enumerate(read_rows(path), start=1):
        index = num_rows - 1
        columns.video_index[index] = code_of_name.setdefault(row.video_id, len(code_of_name))
        columns.timestamps[index] = row.numbers[0]
        columns.boxes_xyxy_norm[index] = row.numbers[1:5]
        columns.labels[index] = row.numbers[5]
        columns.scores[index] = row.numbers[6] if len(row.numbers) == 7 else 1.0
    return num_rows, list(code_of_name)


def _open_batches(path: str, num_columns: int) -> pa_csv.CSVStreamingReader:
    """Stream the rows in blocks, so that no more than one stands beside the result in memory."""
    text = pa.dictionary(pa.int32(), pa.string())
    # pyarrow takes 0x10 for an integer: a label comes as its text.
    types = [text, *[pa.float64()] * 5, text, pa.float64()]
    names = list(FIELDS[:num_columns])
    return pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False),
        parse_options=pa_csv.ParseOptions(quote_char=False),
        # Nothing is a null: a video may be called NA, and an empty number is an error.
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(zip(names, types)), null_values=[], strings_can_be_null=False
        ),
    )


def as_numpy(column: pa.Array, dtype: type) -> np.ndarray:
    """View a column of numbers without nulls; `dtype` is its type."""
    # Array.to_numpy imports pandas where there is one: 0.3 s and 60 MB.
    if not len(column):
        return np.empty(0, dtype)
    values = np.frombuffer(column.buffers()[1], dtype)
    return values[column.offset : column.offset + len(column)]
