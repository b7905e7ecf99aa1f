"""Find the line and the field that make a CSV in AVA's format unreadable."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator

import pyarrow as pa

FIELDS = ('video_id', 'timestamp', 'x1', 'y1', 'x2', 'y2', 'label', 'score')

_INT32_MAX = 2**31 - 1
# Python's float() takes 1_000 and digits of other scripts; the fast reader does not.
_NUMBER_CHARACTERS = re.compile(r'[\s0-9a-zA-Z.+-]+')
_INTEGER = re.compile(r'\s*-?[0-9]+\s*')


def find_fault(path: str) -> str | None:
    """Describe the first fault in a CSV of AVA's format, or return None if none is found."""
    num_columns = None
    try:
        for line, row in _rows(path):
            if num_columns is None:
                num_columns = len(row) if len(row) in (7, 8) else None
            if len(row) != num_columns:
                due = f'{num_columns or "7 or 8"} columns'
                return f'{path}: line {line} has {len(row)} columns where {due} are due: {row!r}'
            fault = _field_fault(row)
            if fault is not None:
                field, why = fault
                return f'{path}: line {line}: {field} is {row[FIELDS.index(field)]!r}: {why}'
    except csv.Error as error:
        return f'{path}: {error}'
    return None


def _rows(path: str) -> Iterator[tuple[int, list[str]]]:
    with pa.input_stream(path) as stream:
        # A byte that is not UTF-8 becomes a lone surrogate, which no valid text contains.
        text = io.TextIOWrapper(stream, 'utf-8', errors='surrogateescape', newline='')
        reader = csv.reader(text)
        for row in reader:
            if row:
                yield reader.line_num, row


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
            return field, 'it must be a number'
        if not _NUMBER_CHARACTERS.fullmatch(text):
            return field, 'it must be a number'
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
