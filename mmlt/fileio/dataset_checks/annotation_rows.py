"""Annotations read as far as they go: the rows that can be used, and what is wrong with others."""

from __future__ import annotations

import mmap
import os
import re
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mmlt.fileio.dataset_checks.finding import MAX_PLACES, Finding, find
from mmlt.functional import AVABoxes, ava_boxes_from_arrays, read_ava_csv
from mmlt.functional.detection.ava_boxes import take_rows
from mmlt.functional.detection.ava_csv import FIELDS, line_of_row, num_columns, rows_of_file
from mmlt.functional.detection.fields import (
    INT32_MAX,
    name_fault,
    parse_class_id,
    parse_number,
)

_BYTE_ORDER_MARK = b'\xef\xbb\xbf'
_NUMBER_LIKE = re.compile(r'\s*(?:[-+.0-9]|nan|inf|$)', re.IGNORECASE)
_ODD_BYTES = (b'\r', b' ', b'\t')
_ODD_SECOND = re.compile(rb'\n[^,\n]*,[0-9]+\.')


class AnnotatedRows(NamedTuple):
    """The usable rows of a CSV in AVA's format.

    Attributes:
        path: The file.
        boxes: n rows; video names without spaces around, corners as written (perhaps pixels),
            ``scores`` the person ids (0 where there are none).
        lines: (n,) the line of each row; None: to be counted when asked for.
        findings: What is wrong with the writing of the file, and with the rows left out.
        has_persons: Whether there is a column of person ids.
        numbers: (n,) which rows of those read these are; None: all.
    """

    path: str
    boxes: AVABoxes
    lines: np.ndarray | None
    findings: tuple[Finding, ...]
    has_persons: bool
    numbers: np.ndarray | None = None

    def without(self, excluded: frozenset[tuple[str, int]]) -> AnnotatedRows:
        """The rows of keyframes that are not excluded."""
        if not excluded:
            return self
        boxes, names = self.boxes, self.boxes.video_names.tolist()
        pairs = zip(boxes.video_index.tolist(), boxes.timestamps.tolist())
        kept = [(names[video], second) not in excluded for video, second in pairs]
        numbers = np.flatnonzero(kept)
        return self._replace(boxes=take_rows(boxes, numbers), numbers=numbers)

    def place(self, row: int) -> tuple[int, str]:
        """Line and content of a row."""
        boxes = self.boxes
        number = row if self.numbers is None else int(self.numbers[row])
        line = line_of_row(self.path, number) if self.lines is None else int(self.lines[number])
        corners = ','.join(f'{value:g}' for value in boxes.boxes_xyxy_norm[row].tolist())
        video = boxes.video_names[boxes.video_index[row]]
        return line, f'{video},{boxes.timestamps[row]},{corners},{boxes.labels[row]}'

    def find(self, kind: str, rows: np.ndarray, **details: object) -> list[Finding]:
        """A finding in some of the rows; none without a row."""
        if not len(rows):
            return []
        places = [self.place(int(row)) for row in rows[:MAX_PLACES]]
        return [find(kind, self.path, places, count=len(rows), **details)]

    def find_videos(self, kind: str, videos: dict[str, str], **details: object) -> list[Finding]:
        """A finding of some videos (name -> what to say of it), each at its first row."""
        if not videos:
            return []
        names, index = self.boxes.video_names.tolist(), self.boxes.video_index
        places = []
        for video in list(videos)[:MAX_PLACES]:
            row = int((index == names.index(video)).argmax())
            places.append((self.place(row)[0], videos[video]))
        return [find(kind, self.path, places, count=len(videos), **details)]


def read_annotated_rows(path: str | os.PathLike) -> AnnotatedRows:
    """Read a CSV of annotations: at full speed if nothing is odd, else row by row.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no CSV at all. Names file and line.
    """
    path = os.fspath(path)
    if not _looks_odd(path):
        try:
            boxes = read_ava_csv(path)
            has_persons = num_columns(path) == 8
            if not has_persons or (boxes.scores == np.floor(boxes.scores)).all():
                return AnnotatedRows(path, boxes, None, (), has_persons)
        except ValueError:  # the reason is found below, with all others
            pass
    return _RowReader(path).read()


def _looks_odd(path: str) -> bool:
    """Whether a file has what is read without an error but is worth a word."""
    if not os.path.getsize(path):
        return True
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:3] == _BYTE_ORDER_MARK or any(data.find(byte) >= 0 for byte in _ODD_BYTES):
            return True
        first_row = b'\n' + data[: data.find(b'\n')]
        return bool(_ODD_SECOND.match(first_row) or _ODD_SECOND.search(data))


class _RowReader:
    """Walks through the rows; what is odd is kept by kind, the first places and a count."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.places: dict[tuple, list] = defaultdict(list)
        self.counts: dict[tuple, int] = defaultdict(int)
        self.columns: tuple[list, ...] = ([], [], [], [], [], [])

    def note(self, kind: str, line: int, value: object, **details: object) -> None:
        key = (kind, tuple(sorted(details.items())))
        self.counts[key] += 1
        if len(self.places[key]) < MAX_PLACES:
            self.places[key].append((line, _shown(value)))

    def read(self) -> AnnotatedRows:
        due = None
        for line, fields in rows_of_file(self.path):
            if is_header(fields):
                self.note('header', line, ','.join(fields))
                continue
            due = due or (len(fields) if len(fields) in (7, 8) else None)
            if len(fields) != (due or 8):
                self.note('columns', line, ','.join(fields), due=due or '7 or 8')
                continue
            self._read_row(line, fields)
        self._note_bytes()
        findings = [
            find(kind, self.path, self.places[kind, details], count=count, **dict(details))
            for (kind, details), count in self.counts.items()
        ]
        videos, seconds, corners, labels, persons, lines = self.columns
        boxes = _to_boxes(videos, seconds, corners, labels, persons)
        return AnnotatedRows(
            self.path, boxes, np.array(lines, dtype=np.int64), tuple(findings), due != 7
        )

    def _read_row(self, line: int, fields: list[str]) -> None:
        video = fields[0].strip()
        if video != fields[0]:
            self.note('spaces', line, fields[0])
        if name_fault(video):
            return self.note('bad_value', line, fields[0], role='video name')
        second = self._parsed(line, fields, 1, parse_number)
        corners = [self._parsed(line, fields, i, parse_number) for i in range(2, 6)]
        label = self._parsed(line, fields, 6, parse_class_id)
        person = self._parsed(line, fields, 7, _parse_person) if len(fields) > 7 else 0
        if None in (second, label, person, *corners):
            return None
        if not second.is_integer() or abs(second) > INT32_MAX:
            return self.note('float_timestamp', line, fields[1])
        if '.' in fields[1]:
            self.note('whole_float_timestamp', line, fields[1])
        if corners[0] > corners[2] or corners[1] > corners[3]:
            return self.note('reversed_corners', line, ','.join(fields))
        values = (video, int(second), corners, label, person, line)
        for column, value in zip(self.columns, values):
            column.append(value)
        return None

    def _parsed(
        self, line: int, fields: list[str], index: int, parse: Callable[[str], float]
    ) -> float | None:
        try:
            return parse(fields[index])
        except ValueError:
            role = 'person id' if index == 7 else FIELDS[index]
            self.note('bad_value', line, fields[index], role=role)
            return None

    def _note_bytes(self) -> None:
        if self.path.endswith(('.gz', '.bz2')):
            return
        with open(self.path, 'rb') as file:
            content = file.read()
        if content.startswith(_BYTE_ORDER_MARK):
            self.note('byte_order_mark', 1, 'EF BB BF')
        at = content.find(b'\r\n')
        if at >= 0:
            self.note('windows_line_ends', content.count(b'\n', 0, at) + 1, 'CR LF')
            self.counts['windows_line_ends', ()] = content.count(b'\r\n')


def _parse_person(text: str) -> float:
    value = parse_number(text)
    if not value.is_integer() or abs(value) > 2**53:
        raise ValueError('no person id')
    return value


def is_header(fields: list[str]) -> bool:
    """Whether words stand where numbers are due: 'video_id,timestamp,x1,...'.

    Example:
        >>> is_header('video_id,timestamp,x1,y1,x2,y2,label,person'.split(','))
        True
        >>> is_header('clip,902,x1,y1,x2,y2,label,person'.split(','))
        False
    """
    return len(fields) > 6 and not any(_NUMBER_LIKE.match(field) for field in fields[1:7])


def _to_boxes(videos: list, seconds: list, corners: list, labels: list, persons: list) -> AVABoxes:
    if videos:
        return ava_boxes_from_arrays(videos, seconds, np.array(corners), labels, persons)
    empty = np.empty(0, dtype=np.int32)
    corners = np.empty((0, 4))
    return AVABoxes(empty, np.empty(0, dtype=str), empty, corners, empty, np.empty(0))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f'{text[:120]} ...'
