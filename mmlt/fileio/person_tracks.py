"""The persons found in the videos of a data set of one's own, beside its videos.json.

persons.csv                  video_id,timestamp,x1,y1,x2,y2,score,person_id: boxes in fractions
                             of the frame, and the track of each, from 0 in each video
prepare.parts/persons.json   which detector found them, and from which score on it is a person
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.json_files import read_json_object, write_json
from mmlt.fileio.json_schema import check_keys
from mmlt.functional.detection.fields import name_fault, parse_number, parse_seconds
from mmlt.functional.detection.text_files import read_csv_rows

PERSONS_CSV = 'persons.csv'
DETECTOR_FILE = Path('prepare.parts', 'persons.json')
_HEADER = ['video_id', 'timestamp', 'x1', 'y1', 'x2', 'y2', 'score', 'person_id']
_PARSERS = (parse_seconds, *[parse_number] * 5, parse_seconds)


class VideoPersons(NamedTuple):
    """The persons of a video, n boxes.

    Attributes:
        seconds: (n,) int64, ascending; the best scored box of a second first.
        boxes_xyxy_norm: (n, 4) float64, fractions of the frame.
        scores: (n,) float64.
        person_ids: (n,) int64: boxes of one person have the same, as far as it could be tracked.
    """

    seconds: np.ndarray
    boxes_xyxy_norm: np.ndarray
    scores: np.ndarray
    person_ids: np.ndarray


class DetectorRecord(NamedTuple):
    """What found the persons of a data set.

    Attributes:
        detector: Its name.
        score_thr: Boxes scored lower were left out.
        person_det_score_thr: From this score on a box is taken for a person.
    """

    detector: str
    score_thr: float
    person_det_score_thr: float


def write_persons_csv(path: str | Path, persons: Mapping[str, VideoPersons]) -> None:
    """Write the persons of videos, whole or not at all; a file that is there is replaced."""
    with (
        atomic_write(path, overwrite=True) as file,
        open(file, 'w', newline='', encoding='utf-8') as stream,
    ):
        writer = csv.writer(stream, lineterminator='\n')
        writer.writerow(_HEADER)
        for video_id, (seconds, boxes, scores, person_ids) in persons.items():
            columns = (seconds.tolist(), boxes.tolist(), scores.tolist(), person_ids.tolist())
            for second, box, score, person_id in zip(*columns):
                writer.writerow([video_id, f'{second:04d}', *box, score, person_id])


def read_persons_csv(path: str | Path) -> dict[str, VideoPersons]:
    """Read a persons.csv, the rows of a video in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The header or a field is wrong. Names file, line and value.
    """
    rows = read_csv_rows(path)
    where, header = next(rows, (f'{path}, line 1', []))
    if header != _HEADER:
        raise ValueError(f'{where}: the header {",".join(_HEADER)} is missing')
    found: dict[str, list[list[float]]] = {}
    for where, (video_id, *fields) in rows:
        if len(fields) != len(_PARSERS):
            raise ValueError(f'{where}: {1 + len(fields)} fields, not {len(_HEADER)}')
        if name_fault(video_id):
            raise ValueError(f'{where}: video_id {video_id!r}: {name_fault(video_id)}')
        found.setdefault(video_id, []).append(_parse(fields, where))
    return {video_id: _columns(np.array(numbers)) for video_id, numbers in found.items()}


def _parse(fields: list[str], where: str) -> list[float]:
    numbers = []
    for name, text, parse in zip(_HEADER[1:], fields, _PARSERS):
        try:
            numbers.append(parse(text))
        except ValueError as error:
            raise ValueError(f'{where}: {name} {text!r}: {error}') from None
    x1, y1, x2, y2 = numbers[1:5]
    if not (0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1):
        raise ValueError(f'{where}: box {",".join(fields[1:5])}: not in fractions of the frame')
    return numbers


def _columns(rows: np.ndarray) -> VideoPersons:
    whole = rows[:, [0, 6]].astype(np.int64)
    return VideoPersons(whole[:, 0], rows[:, 1:5], rows[:, 5], whole[:, 1])


def write_detector_record(folder: str | Path, record: DetectorRecord) -> None:
    """Say in a data set's folder what found its persons."""
    write_json(Path(folder) / DETECTOR_FILE, record._asdict(), overwrite=True)


def read_detector_record(folder: str | Path) -> DetectorRecord | None:
    """What found the persons of a data set; None where that is not known.

    Raises:
        ValueError: The file is wrong; names it.
    """
    path = Path(folder) / DETECTOR_FILE
    if not path.exists():
        return None
    content = read_json_object(path)
    kinds = {'detector': 'text', 'score_thr': 'number', 'person_det_score_thr': 'number'}
    check_keys(content, kinds, str(path))
    return DetectorRecord(*(content[key] for key in kinds))
