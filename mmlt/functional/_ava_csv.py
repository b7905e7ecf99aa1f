"""Open a CSV in AVA's format, or say which line and field make it unreadable."""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

if TYPE_CHECKING:
    from .ava_boxes import AVABoxes

FIELDS = ('video_id', 'timestamp', 'x1', 'y1', 'x2', 'y2', 'label', 'score')

_DTYPES = {pa.int32(): np.int32, pa.float64(): np.float64}  # of the columns that are numbers
_INT32_MAX = 2**31 - 1
# Python's float() takes 1_000 and digits of other scripts; the fast reader does not.
_NUMBER_CHARACTERS = re.compile(r'[\s0-9a-zA-Z.+-]+')
_INTEGER = re.compile(r'\s*-?[0-9]+\s*')
_MAX_SHOWN = 200  # characters: a quote left open makes one row of all that follows
_NOT_A_NUMBER = 'it must be a number'


def num_columns(path: str | os.PathLike) -> int:
    """Count the columns of the first row, 7 or 8."""
    path = os.fspath(path)
    try:
        stream = pa.input_stream(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    with stream:
        head = stream.read(1 << 16).decode('utf-8-sig', errors='replace').strip()
    if not head:
        raise ValueError(f'{path} is empty: an AVA file has one row for each box and label')
    columns = len(next(csv.reader([head.splitlines()[0]])))
    if columns not in (7, 8):
        raise_fault(path, f'its first row has {columns} columns')
    return columns


def count_lines(path: str) -> int:
    """Count the lines: no file has more rows than lines."""
    num_lines = 1
    with pa.input_stream(path) as stream:
        while block := stream.read(1 << 20):
            # bytes.count is quick only where the byte is rare.
            num_lines += np.count_nonzero(np.frombuffer(block, np.uint8) == ord('\n'))
            num_lines += block.count(b'\r')
    return num_lines


def check_labels(
    path: str | os.PathLike, boxes: AVABoxes, class_ids: Iterable[int], message: str
) -> None:
    """Raise unless every label of a file that was read is one of `class_ids`.

    Args:
        path: the CSV that `boxes` were read from.
        boxes: what :func:`~mmlt.functional.read_ava_csv` returned.
        class_ids: the labels allowed.
        message: what is wrong with another one; it follows ``class id 81``.

    Raises:
        ValueError: naming file, line and label.
    """
    unknown = np.flatnonzero(~np.isin(boxes.labels, list(class_ids)))
    if not len(unknown):
        return
    path, label = os.fspath(path), int(boxes.labels[unknown[0]])
    line = next(n for n, row in _rows(path) if int(row[FIELDS.index('label')]) == label)
    raise ValueError(f'{path}, line {line}: class id {label} {message}')


def line_of_row(path: str | os.PathLike, row: int) -> int | None:
    """The line of a CSV on which its row number `row`, from 0, starts; None if it is no CSV."""
    if str(path).endswith('.parquet') or not os.path.isfile(path):
        return None
    return next(itertools.islice(_rows(os.fspath(path)), row, None))[0]


def open_batches(path: str, num_columns: int) -> pa_csv.CSVStreamingReader:
    """Stream the rows in blocks, so that no more than one stands beside the result in memory."""
    types: list[pa.DataType] = [pa.dictionary(pa.int32(), pa.string())]
    types += [pa.float64()] * 5 + [pa.int32(), pa.float64()]
    names = list(FIELDS[:num_columns])
    return pa_csv.open_csv(
        path,
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False),
        # Nothing is a null: a video may be called NA, and an empty number is an error.
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(zip(names, types)), null_values=[], strings_can_be_null=False
        ),
    )


def as_numpy(column: pa.Array) -> np.ndarray:
    """View a column of numbers without nulls."""
    # Array.to_numpy imports pandas where there is one: 0.3 s and 60 MB. DataType.to_pandas_dtype
    # needs pandas before pyarrow 26.
    dtype = _DTYPES[column.type]
    if not len(column):
        return np.empty(0, dtype)
    values = np.frombuffer(column.buffers()[1], dtype)
    return values[column.offset : column.offset + len(column)]


def raise_fault(path: str, summary: str, cause: Exception | None = None) -> NoReturn:
    """Raise the error that names line, field and value; the slow search runs only now."""
    raise ValueError(_find_fault(path) or f'{path} cannot be read: {summary}') from cause


def _find_fault(path: str) -> str | None:
    """Describe the first fault in a CSV of AVA's format, or return None if none is found."""
    num_columns = None
    for line, row in _rows(path):
        if num_columns is None:
            num_columns = len(row) if len(row) in (7, 8) else None
        if len(row) != num_columns:
            due = f'{num_columns or "7 or 8"} columns'
            return f'{path}: line {line} has {len(row)} columns where {due} are due: {_shown(row)}'
        fault = _field_fault(row)
        if fault is not None:
            field, why = fault
            if line == 1 and field == 'timestamp' and why == _NOT_A_NUMBER:
                why += '; is line 1 a header? remove it'
            return f'{path}: line {line}: {field} is {_shown(row[FIELDS.index(field)])}: {why}'
    return None


def _shown(value: str | list[str]) -> str:
    text = repr(value)
    hint = ' (a quote is not closed in its line)' if '\\n' in text else ''
    return (text if len(text) <= _MAX_SHOWN else f'{text[:_MAX_SHOWN]} ...') + hint


def _rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row starts, and its fields."""
    with pa.input_stream(path) as stream:
        # A byte that is not UTF-8 becomes a lone surrogate, which no valid text contains.
        text = io.TextIOWrapper(stream, 'utf-8-sig', errors='surrogateescape', newline='')
        reader = csv.reader(text)
        line = 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f'{path}: line {line}: {error}') from None


def _field_fault(row: list[str]) -> tuple[str, str] | None:
    """The first field that is wrong and why, or None."""
    if not row[0]:
        return 'video_id', 'it must not be empty'
    if any('\ud800' <= character <= '\udfff' for character in row[0]):
        return 'video_id', 'it must be UTF-8 text'
    numbers = {}
    for field, text in zip(FIELDS[1:], row[1:]):
        try:
            numbers[field] = float(text)
        except ValueError:
            return field, _NOT_A_NUMBER
        if not _NUMBER_CHARACTERS.fullmatch(text):
            return field, _NOT_A_NUMBER
        if not math.isfinite(numbers[field]):
            return field, 'it must be finite'
    for field in ('timestamp', 'label'):
        if not numbers[field].is_integer() or abs(numbers[field]) > _INT32_MAX:
            return field, 'it must be a whole number of at most 32 bits'
    if not _INTEGER.fullmatch(row[FIELDS.index('label')]):
        return 'label', 'it must be written as a whole number, without a point'
    for low, high in (('x1', 'x2'), ('y1', 'y2')):
        if numbers[low] > numbers[high]:
            return low, f'it must not exceed {high}, {numbers[high]!r}'
    return None
