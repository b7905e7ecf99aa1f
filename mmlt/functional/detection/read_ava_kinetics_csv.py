"""Labelled boxes on keyframes from a CSV of AVA-Kinetics."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from mmlt.functional.detection.ava_boxes import AVABoxes
from mmlt.functional.detection.ava_csv import (
    PARSERS,
    Row,
    columns_fault,
    count_rows,
    has_box,
    parse_row,
    rows_of_file,
)
from mmlt.functional.detection.ava_roads import read_exactly
from mmlt.functional.detection.fields import INT32_MAX, parse_number
from mmlt.functional.detection.read_ava_csv import read_ava_csv

#: The person id of a row that has none, as mmaction2's tools write it.
NO_PERSON_ID = -1.0


def read_ava_kinetics_csv(path: str | os.PathLike) -> AVABoxes:
    r"""Read annotated boxes from a CSV of AVA-Kinetics, or of AVA and Kinetics videos together.

    As :func:`read_ava_csv`, and: rows of 7 columns, without a person id, may stand among those of
    8; a row may be a keyframe alone (``video_id,timestamp``, or all fields behind these empty),
    where nobody is annotated: it gives no row; a timestamp may have a fraction, which is cut off,
    for frames are found and proposals named by the whole second.

    Args:
        path: the file; plain, or compressed with an extension that says so (.gz, ...).

    Returns:
        AVABoxes, rows as in the file without those of a keyframe alone; the scores are the person
        ids, -1 where there is none.

    Raises:
        ValueError: as :func:`read_ava_csv`; also if no row has a box.
        FileNotFoundError: if there is no such file.

    Reference:
        Li et al., "The AVA-Kinetics Localized Human Actions Video Dataset", 2020; v1.0 of the
        annotations; mmaction2's tools/data/ava_kinetics, which cuts off the fractions too.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'train.csv'
        >>> rows = ['clip,5.000000,0.1,0.1,0.4,0.9,12', 'nobody,7.5', 'film,0902,0,0,1,1,80,3']
        >>> _ = path.write_text('\n'.join(rows))
        >>> boxes = read_ava_kinetics_csv(path)
        >>> boxes.video_names.tolist(), boxes.timestamps.tolist(), boxes.scores.tolist()
        (['clip', 'film'], [5, 902], [-1.0, 3.0])
    """
    path = os.fspath(path)
    try:
        boxes = read_ava_csv(path)
    except ValueError:  # whatever it is, the exact road knows
        return _read_row_by_row(path)
    if _first_row_has_a_person_id(path):
        return boxes
    return boxes._replace(scores=np.full(len(boxes.scores), NO_PERSON_ID))


def _first_row_has_a_person_id(path: str) -> bool:
    return len(next(rows_of_file(path))[1]) == 8


def _read_row_by_row(path: str) -> AVABoxes:
    max_rows = count_rows(path)
    columns = AVABoxes(
        np.empty(max_rows, np.int32),
        np.empty(0, np.str_),
        np.empty(max_rows, np.int32),
        np.empty((max_rows, 4)),
        np.empty(max_rows, np.int32),
        np.empty(max_rows),
    )
    num_rows, names = read_exactly(path, columns, _rows)
    if not num_rows:
        raise ValueError(f'{path}: no row with a box')
    boxes = AVABoxes(*(column[:num_rows] for column in columns))
    return boxes._replace(video_names=np.array(names, dtype=np.str_))


def _rows(path: str) -> Iterator[Row]:
    for line, fields in rows_of_file(path):
        if len(fields) not in (2, 7, 8):
            raise ValueError(columns_fault(path, line, fields, '2, 7 or 8'))
        if not has_box(fields):
            parse_row(path, line, fields[:2], _PARSERS)  # raises
            continue
        if not fields[7:] or not fields[7].strip(' \t'):
            fields = [*fields[:7], str(NO_PERSON_ID)]
        yield parse_row(path, line, fields, _PARSERS)


def _cut_seconds(text: str) -> int:
    value = parse_number(text)
    if abs(value) > INT32_MAX:
        raise ValueError('it must be a number of at most 32 bits')
    return int(value)


_PARSERS = (_cut_seconds, *PARSERS[1:])
