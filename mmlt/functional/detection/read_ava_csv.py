"""Labelled boxes on keyframes from a CSV in AVA's format."""

from __future__ import annotations

import os

import numpy as np

from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.ava_csv import count_rows, num_columns
from mmlt.functional.detection.ava_roads import read_exactly, read_quickly


def read_ava_csv(path: str | os.PathLike) -> AVABoxes:
    """Read boxes from a CSV in AVA's format.

    A row is ``video_id,timestamp,x1,y1,x2,y2,label[,score]``, without a header. All rows have
    the same number of columns, 7 or 8. In ground truth the 8th column is the person id; it is
    read as a score, as mmaction2 and ActivityNet read it.

    The text is UTF-8; a byte-order mark at its start changes nothing, blank lines are skipped. A
    number is what Python's ``float`` reads, in ASCII digits (``5.``, ``.5``, ``1e-3``, ``+1``), and
    finite: no ``0x10``, no ``1_0``, no ``nan``, no ``1e400``. A timestamp is a whole one (904,
    0904, 904.0); a label has digits alone; both fit 32 bits. Blanks and tabs around a number are
    passed over. A field may stand in double quotes. A video id has no control character.

    A file is read row by row, some 20 times slower, if a single row of it has a quote anywhere but
    around a whole video id, a comma or a doubled quote in a video id, or nothing but blanks and
    tabs (an empty line is quick); and to find the line if there is anything wrong in it.

    Args:
        path: the file; plain, or compressed with an extension that says so (.gz, ...).

    Returns:
        AVABoxes, rows as in the file, videos numbered by first appearance; scores 1.0 where
        the file has 7 columns.

    Raises:
        ValueError: naming file, line, field and value: a wrong number of columns, an empty
            video id, a field that is not a (finite, where it applies whole) number, x1 > x2 or
            y1 > y2 (a box without area is legal). Also if the file has no row, or cannot be
            unpacked.
        FileNotFoundError: if there is no such file.

    Reference:
        https://research.google.com/ava/download.html

    Differs from reference:
        mmaction2's reader takes rows of 7 and of 8 columns in one file, and a NaN.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'detections.csv'
        >>> _ = path.write_text('clip,0902,0.1,0.1,0.4,0.9,12,0.75')
        >>> boxes = read_ava_csv(path)
        >>> boxes.timestamps.tolist(), boxes.labels.tolist(), boxes.scores.tolist()
        ([902], [12], [0.75])
    """
    path = os.fspath(path)
    columns_of_file, max_rows = num_columns(path), count_rows(path)
    columns = AVABoxes(
        np.empty(max_rows, np.int32),
        np.empty(0, np.str_),
        np.empty(max_rows, np.int32),
        np.empty((max_rows, 4)),
        np.empty(max_rows, np.int32),
        np.ones(max_rows),
    )
    found = read_quickly(path, columns_of_file, columns) or read_exactly(path, columns)
    num_rows, names = found
    result = AVABoxes(*(column[:num_rows] for column in columns))
    return result._replace(video_names=np.array(names, dtype=np.str_))
