"""The metadata of VIA 3, the same in a project and in a CSV: what one entry of it is.

``z`` is empty for an image, [t] for a frame of a video and [t1, t2] for a temporal segment, in
seconds of the file. ``xy`` is empty, or the number of a shape and its coordinates, in pixels of the
file as it is shown. Source: ``_via_metadata.js``, ``_via_file_annotator.js`` of VIA 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from mmlt.fileio.annotation_formats.annotated_box import (
    PIXELS,
    AnnotatedBox,
    AnnotationFile,
    ReadOptions,
    counted,
    some,
)
from mmlt.fileio.annotation_formats.via3_attributes import ViaAttributes, read_attributes
from mmlt.fileio.json_schema import check_object

_HIGHEST = 1e9  # seconds or pixels; far more than any file has
_RECTANGLE, _POLYGON, _EXTREME_RECTANGLE = 2, 7, 8
_OTHERS = {1: 'point', 3: 'circle', 4: 'ellipse', 5: 'line', 6: 'polyline', 9: 'extreme circle'}


class Entry(NamedTuple):
    """An entry as it is written.

    Attributes:
        where: File, and key or line.
        media: The file that it is of.
        times: ``z``.
        shape: ``xy``.
        values: ``av``: attribute id -> value.
    """

    where: str
    media: str
    times: Any
    shape: Any
    values: Any


def read_entries(
    path: str, attributes: Any, entries: Iterable[Entry], options: ReadOptions
) -> AnnotationFile:
    """The boxes among the entries of a file, and what was left out.

    Raises:
        ValueError: An entry is wrong; names file, key or line, and value.
    """
    if options.box_unit not in (None, PIXELS):
        raise ValueError(f'{path}: the boxes of VIA are in pixels, not in {options.box_unit}')
    entries = [_checked(entry) for entry in entries]
    drawn = [entry for entry in entries if entry.shape]
    used = {key for entry in drawn for key, value in entry.values.items() if value != ''}
    chosen = read_attributes(attributes, used, options.attributes, str(path))
    segments = [entry.where for entry in entries if not entry.shape]
    polygons = [entry.where for entry in drawn if entry.shape[0] == _POLYGON]
    boxes = [_box(entry, chosen) for entry in drawn]
    remarks = [_of_attributes(path, chosen)]
    remarks.append(f'{path}: boxes in pixels of the file as it is shown, for so VIA writes them')
    if segments:
        remarks.append(
            f'{path}: {counted(len(segments), "piece")} of metadata without a box (temporal '
            f'segments, or attributes of a whole file) left out: {some(segments)}'
        )
    if polygons:
        remarks.append(
            f'{path}: {counted(len(polygons), "polygon")}, of which the box around is taken: '
            f'{some(polygons)}'
        )
    return AnnotationFile(boxes, remarks)


def _of_attributes(path: str, chosen: ViaAttributes) -> str:
    actions = ', '.join(repr(chosen.every[key].name) for key in chosen.actions)
    person = 'none' if chosen.person is None else repr(chosen.every[chosen.person].name)
    return f'{path}: attributes: the action is {actions}, the person {person}'


def _checked(entry: Entry) -> Entry:
    values = entry.values
    if isinstance(values, list) and len(values) == 1:  # so other programs write it
        values = values[0]
    check_object(values, f"{entry.where}: key 'av'")
    for key, numbers in (('z', entry.times), ('xy', entry.shape)):
        if not isinstance(numbers, list) or not all(map(_is_number, numbers)):
            raise ValueError(
                f'{entry.where}: key {key!r} must be a list of numbers, got {numbers!r:.80}'
            )
    return entry._replace(values=values)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) <= _HIGHEST  # which NaN is not


def _box(entry: Entry, chosen: ViaAttributes) -> AnnotatedBox:
    where, times = entry.where, entry.times
    if len(times) > 1:
        raise ValueError(
            f'{where}: a box over a temporal segment, {times}: AVA wants one for each second; draw '
            'them on its frames'
        )
    return AnnotatedBox(
        where=where,
        media=entry.media,
        time_sec=float(times[0]) if times else None,
        timestamp=None,
        corners=_corners(entry.shape, where),
        unit=PIXELS,
        labels=chosen.labels(entry.values, where),
        person=chosen.person_of(entry.values, where),
    )


def _corners(shape: list, where: str) -> tuple[float, float, float, float]:
    kind, numbers = shape[0], [float(number) for number in shape[1:]]
    if kind in _OTHERS:
        raise ValueError(f'{where}: a {_OTHERS[kind]}, not a rectangle: draw the box of the person')
    if kind == _RECTANGLE and len(numbers) == 4:
        x, y, width, height = numbers  # a side dragged over the opposite one makes it negative
        xs, ys = (x, x + width), (y, y + height)
    elif kind in (_POLYGON, _EXTREME_RECTANGLE) and len(numbers) >= 4 and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
    else:
        raise ValueError(
            f"{where}: key 'xy' must be [2, x, y, width, height], a rectangle, got {shape!r:.80}"
        )
    return min(xs), min(ys), max(xs), max(ys)
