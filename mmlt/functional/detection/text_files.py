"""Read a small text file, or say which file and line make it unreadable.

A line ends at LF, CR LF or CR and nowhere else, whatever Python's ``splitlines`` takes for an end.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

_LINE_END = re.compile(r'\r\n|\r|\n')
# White space and controls that nobody sees, and that other readers take for ends or for letters.
_UNSEEN = re.compile('[^\\S \t]|[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff]')


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
        # utf-8-sig counts from behind the mark
        start = error.start + 3 * content.startswith(b'\xef\xbb\xbf')
        line = line_number(content[:start].decode('latin-1'), start)
        value = content[start : start + 1]
        raise ValueError(f'{path}, line {line}: byte {value!r} is not UTF-8 text') from None


def line_number(text: str, position: int) -> int:
    """The line, from 1, of a place in a text."""
    return len(_LINE_END.findall(text, 0, position)) + 1


def read_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a file, without their ends."""
    return _LINE_END.split(read_text(path))


def read_fields(path: str | os.PathLike) -> Iterator[tuple[int, list[str]]]:
    """Number of each line that is not blank, and its fields; blanks and tabs separate them.

    Raises:
        ValueError: other white space or a control character, which would be a separator to some
            and a letter to others; names file and line.
    """
    for number, line in enumerate(read_lines(path), start=1):
        unseen = _UNSEEN.search(line)
        if unseen:
            raise ValueError(
                f'{path}, line {number}: the character {unseen[0]!r}; only blanks and tabs may '
                'separate fields'
            )
        fields = line.split()
        if fields:
            yield number, fields


def tell_csv_error(error: csv.Error) -> str:
    """What the csv module found, with what it means; before Python 3.11 it refuses a NUL itself."""
    if 'NUL' in str(error):
        return 'a NUL, a control character'
    return f'{error}; is a quote not closed?'


def read_csv_rows(path: str | os.PathLike) -> Iterator[tuple[str, list[str]]]:
    """Yield where each row is ('file, line 3') and its fields; blank lines are passed over.

    Raises:
        ValueError: the file is not UTF-8, or no CSV; names file and line.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=''), strict=True)
    line = 1  # where a row starts: a quote left open makes one row of all that follows
    try:
        for row in reader:
            if len(row) > 1 or any(field.strip(' \t') for field in row):
                yield f'{path}, line {line}', row
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f'{path}, line {line}: {tell_csv_error(error)}') from None
