"""AVA's list of keyframes that count neither in training nor in evaluation."""

from __future__ import annotations

import os

from mmlt.functional.detection.fields import name_fault, parse_seconds
from mmlt.functional.detection.text_files import read_csv_rows


def read_excluded_timestamps(path: str | os.PathLike) -> frozenset[tuple[str, int]]:
    """Read AVA's list of excluded keyframes, lines of ``video_id,timestamp``.

    Args:
        path: the file, UTF-8, with or without a byte-order mark. Blank lines are passed over. A
            timestamp is written as in the annotations: 904, 0904 or 904.0.

    Returns:
        The set of (video id, timestamp in s).

    Raises:
        ValueError: a line with another number of columns, or a timestamp that is no whole number;
            a file that is no CSV in UTF-8. Names file, line and value.

    Reference:
        https://research.google.com/ava/download.html

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'excluded.csv'
        >>> _ = path.write_text('clip,0902')
        >>> read_excluded_timestamps(path)
        frozenset({('clip', 902)})
    """
    excluded = set()
    for where, row in read_csv_rows(path):
        if len(row) != 2 or not row[0]:
            raise ValueError(f'{where}: expected video_id,timestamp, got {",".join(row)!r}')
        fault = name_fault(row[0])
        if fault:
            raise ValueError(f'{where}: video_id {row[0]!r}: {fault}')
        try:
            seconds = parse_seconds(row[1])
        except ValueError:
            raise ValueError(
                f'{where}: timestamp {row[1]!r} is not a whole number of seconds'
            ) from None
        excluded.add((row[0], seconds))
    return frozenset(excluded)
