"""Rows of a CSV in AVA's format one by one, or the line and field that make it unreadable."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.fields import (
    NOT_A_NUMBER,
    name_fault,
    parse_class_id,
    parse_number,
    parse_seconds,
)
from mmlt.functional.detection.text_files import tell_csv_error

FIELDS = ('video_id', 'timestamp', 'x1', 'y1', 'x2', 'y2', 'label', 'score')

PARSERS = (parse_seconds, *[parse_number] * 4, parse_class_id, parse_number)
_SHORTEST_ROW = len('v,1,0,0,1,1,1\n')
_MAX_SHOWN = 200  # characters: a quote left open makes one row of all that follows


class Row(NamedTuple):
    """One row: its line, its video and the numbers of the other columns."""

    line: int
    video_id: str
    numbers: tuple


def num_columns(path: str | os.PathLike) -> int:
    """Count the columns of the first row, 7 or 8."""
    path = os.fspath(path)
    line, fields = next(rows_of_file(path), (0, []))
    if not fields:
        raise ValueError(f'{path} is empty: an AVA file has one row for each box and label')
    if len(fields) not in (7, 8):
        raise ValueError(columns_fault(path, line, fields, None))
    return len(fields)


def count_rows(path: str) -> int:
    """A number that the rows of a file cannot exceed, from its lines and its size."""
    num_lines, size = 1, 0
    with _opened(path) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            # bytes.count is quick only where the byte is rare.
            num_lines += np.count_nonzero(np.frombuffer(block, np.uint8) == ord('\n'))
            num_lines += block.count(b'\r')
    return min(num_lines, size // _SHORTEST_ROW + 1)


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
    if len(unknown):
        label, line = int(boxes.labels[unknown[0]]), line_of_row(path, int(unknown[0]))
        raise ValueError(f'{os.fspath(path)}, line {line}: class id {label} {message}')


def person_ids(path: str | os.PathLike, boxes: AVABoxes) -> np.ndarray:
    """The person ids of annotations: their 8th column, which `boxes` has as scores.

    Args:
        path: the CSV that `boxes` were read from.
        boxes: what :func:`~mmlt.functional.read_ava_csv` returned.

    Returns:
        (n,) int64.

    Raises:
        ValueError: the file has 7 columns, or a person id is not a whole number of at most 53 bits
            (what a float64 holds exactly); names file, line and value.
    """
    path = os.fspath(path)
    if num_columns(path) != 8:
        raise ValueError(f'{path}: 7 columns; annotations need 8, the last one the person id')
    return whole_person_ids(path, boxes)


def whole_person_ids(path: str, boxes: AVABoxes) -> np.ndarray:
    """The scores of annotations that were read from `path` as whole numbers, (n,) int64."""
    in_range = np.abs(boxes.scores) <= 2**53
    ids = np.where(in_range, boxes.scores, 0).astype(np.int64)
    wrong = np.flatnonzero(ids != boxes.scores)
    if len(wrong):
        line, value = line_of_row(path, int(wrong[0])), boxes.scores[wrong[0]].item()
        raise ValueError(
            f'{path}, line {line}: person id {value!r} is not a whole number of at most 53 bits'
        )
    return ids


def line_of_row(path: str | os.PathLike, row: int) -> int:
    """The line on which row number `row`, from 0, of a file starts; reads up to there.

    Rows of a keyframe alone, which AVA-Kinetics has, are not counted.
    """
    with_a_box = (line for line, fields in rows_of_file(os.fspath(path)) if has_box(fields))
    for index, line in enumerate(with_a_box):
        if index == row:
            return line
    raise IndexError(f'{os.fspath(path)} has no row {row}')


def exact_rows(path: str) -> Iterator[Row]:
    """Read row by row.

    Raises:
        ValueError: at the first row that is wrong; names file, line, field and value.
    """
    num_columns = None
    for line, fields in rows_of_file(path):
        if len(fields) != num_columns:
            if num_columns is not None or len(fields) not in (7, 8):
                raise ValueError(columns_fault(path, line, fields, num_columns))
            num_columns = len(fields)
        yield parse_row(path, line, fields)


def has_box(fields: list[str]) -> bool:
    """Whether there is more in a row than a keyframe's video and timestamp."""
    return any(field.strip(' \t') for field in fields[2:])


def parse_row(
    path: str, line: int, fields: list[str], parsers: tuple[Callable, ...] = PARSERS
) -> Row:
    """The values of one row.

    Args:
        path: the file.
        line: where the row starts.
        fields: the video id and what the parsers are for.
        parsers: of the second field and those behind it.

    Raises:
        ValueError: naming file, line, field and value.
    """
    where = f'{path}: line {line}:'
    fault = name_fault(fields[0])
    if fault:
        raise ValueError(f'{where} video_id is {_shown(fields[0])}: {fault}')
    numbers = tuple(_parse_numbers(where, line, fields, parsers))
    for low, high in ((1, 3), (2, 4)):
        if len(numbers) > high and numbers[low] > numbers[high]:
            raise ValueError(
                f'{where} {FIELDS[low + 1]} is {_shown(fields[low + 1])}: it must not exceed '
                f'{FIELDS[high + 1]}, {numbers[high]!r}'
            )
    return Row(line, fields[0], numbers)


def _parse_numbers(
    where: str, line: int, fields: list[str], parsers: tuple[Callable, ...]
) -> Iterator[float]:
    for field, parse, text in zip(FIELDS[1:], parsers, fields[1:]):
        try:
            yield parse(text)
        except ValueError as error:
            why = str(error)
            if line == 1 and field == 'timestamp' and why == NOT_A_NUMBER:
                why += '; is line 1 a header? remove it'
            raise ValueError(f'{where} {field} is {_shown(text)}: {why}') from None


def columns_fault(path: str, line: int, fields: list[str], due: int | str | None) -> str:
    """What is wrong with a row of another number of columns."""
    return (
        f'{path}: line {line} has {len(fields)} columns where {due or "7 or 8"} columns are due: '
        f'{_shown(fields)}'
    )


def _shown(value: str | list[str]) -> str:
    text = repr(value)
    hint = ' (a quote is not closed in its line)' if '\\n' in text else ''
    return (text if len(text) <= _MAX_SHOWN else f'{text[:_MAX_SHOWN]} ...') + hint


def rows_of_file(path: str) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row starts, and its fields; blank lines are passed over."""
    with _opened(path) as stream:
        # A byte that is not UTF-8 becomes a lone surrogate, which no valid text contains.
        text = io.TextIOWrapper(stream, 'utf-8-sig', errors='surrogateescape', newline='')
        reader = csv.reader(text, strict=True)
        line = 1
        try:
            for fields in reader:
                if len(fields) > 1 or any(field.strip(' \t') for field in fields):
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f'{path}: line {line}: {tell_csv_error(error)}') from None


@contextmanager
def _opened(path: str) -> Iterator[pa.NativeFile]:
    """The bytes of a file, unpacked where its extension says that it is compressed."""
    try:
        with pa.input_stream(path) as stream:
            yield stream
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    except OSError as error:
        if error.errno is not None:  # the file system's, not a fault of the content
            raise
        raise ValueError(f'{path}: cannot be unpacked: {error}') from None
