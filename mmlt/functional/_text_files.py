"""Read a small text file, or say which file and line make it unreadable."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path


def read_text(path: str | os.PathLike) -> str:
    """Return the text of a UTF-8 file, line ends as they are, without a byte-order mark.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not UTF-8; names file and line.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such file') from None
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        value = content[error.start : error.start + 1]
        raise ValueError(f'{path}, line {line}: byte {value!r} is not UTF-8 text') from None


def read_csv_rows(path: str | os.PathLike) -> Iterator[tuple[str, list[str]]]:
    """Yield where each row is ('file, line 3') and its fields; empty lines are passed over.

    Raises:
        ValueError: the file is not UTF-8, or no CSV; names file and line.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=''), strict=True)
    line = 1  # where a row starts: a quote left open makes one row of all that follows
    try:
        for row in reader:
            if row:
                yield f'{path}, line {line}', row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f'{path}, line {line}: {error}; is a quote not closed?') from None
