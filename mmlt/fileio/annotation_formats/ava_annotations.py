"""AVA's annotations: a CSV of video_id, timestamp, x1, y1, x2, y2, class id and, often, person id.

AVA itself has fractions of the frame; many who took its layout over have pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmlt.fileio.annotation_formats.annotated_box import (
    FRACTIONS,
    PIXELS,
    UNITS,
    AnnotatedBox,
    AnnotationFile,
    ReadOptions,
)
from mmlt.functional.checks import check_choice
from mmlt.functional.detection.ava_csv import Row, exact_rows, rows_of_file

# Beyond the frame by the rounding of fractions at most; pixels beyond one and a half.
_HIGHEST_FRACTION, _LOWEST_PIXEL = 1.01, 1.5


def recognises(path: str | Path) -> bool:
    """Whether the first row has AVA's 7 or 8 columns, by whatever they are separated."""
    if Path(path).suffix.lower() == '.json':
        return False
    try:
        _, fields = next(rows_of_file(str(path)), (0, []))
    except (UnicodeDecodeError, ValueError):
        return False
    return len(fields) in (7, 8) or _is_separated(fields, ';') or _is_separated(fields, '\t')


def _is_separated(fields: list[str], separator: str) -> bool:
    return ','.join(fields).count(separator) in (6, 7)


def read(path: str | Path, options: ReadOptions) -> AnnotationFile:
    """The boxes of a CSV, a row each.

    Raises:
        ValueError: A row is wrong, a class id is 0 or not in ``options.class_names``, a person id
            no whole number, or it is open whether boxes are pixels. Names file, line and value.
    """
    path = str(path)
    _check_separator(path)
    rows = list(exact_rows(path))
    unit, remark = _unit(path, rows, options.box_unit)
    return AnnotationFile(list(_boxes(path, rows, unit, options)), [remark])


def _check_separator(path: str) -> None:
    line, fields = next(rows_of_file(path))
    for separator, name in ((';', 'semicolons'), ('\t', 'tabs')):
        if len(fields) not in (7, 8) and _is_separated(fields, separator):
            raise ValueError(
                f'{path}: line {line} is separated by {name}: {",".join(fields)!r:.80}; AVA has '
                'commas, and a point in its numbers'
            )


def _boxes(path: str, rows: list[Row], unit: str, options: ReadOptions) -> Iterator[AnnotatedBox]:
    names = options.class_names
    for row in rows:
        where = f'{path}, line {row.line}'
        second, *corners, class_id = row.numbers[:6]
        if class_id < 1:
            raise ValueError(
                f'{where}: class id {class_id}; ids start at 1, as in the label map: add 1 to ids '
                'that start at 0'
            )
        if names is not None and class_id not in names:
            raise ValueError(f'{where}: class id {class_id} is not in the label map')
        yield AnnotatedBox(
            where=where,
            media=row.video_id,
            time_sec=None,
            timestamp=second,
            corners=tuple(corners),
            unit=unit,
            labels=(str(class_id) if names is None else names[class_id],),
            person=_person(row.numbers[6], where) if row.numbers[6:] else None,
        )


def _person(value: float, where: str) -> str:
    if not float(value).is_integer():
        raise ValueError(
            f'{where}: person id {value!r} is not a whole number; if it is a score, these are '
            'detections, no annotations'
        )
    return str(int(value))


def _unit(path: str, rows: list[Row], box_unit: str | None) -> tuple[str, str]:
    """What the corners are, and the sentence that says so."""
    if box_unit is not None:
        check_choice('box_unit', box_unit, UNITS)
        return box_unit, f'{path}: boxes in {box_unit}, as --box-unit says'
    highest = [max(row.numbers[1:5]) for row in rows]
    top = rows[highest.index(max(highest))]
    shown = f'line {top.line}: {",".join(f"{value:g}" for value in top.numbers[1:5])}'
    if max(highest) <= _HIGHEST_FRACTION:
        return FRACTIONS, f'{path}: boxes in fractions of the frame, for none is over 1 ({shown})'
    small = [row for row, value in zip(rows, highest) if value <= _LOWEST_PIXEL]
    if not small:
        return PIXELS, f'{path}: boxes in pixels of the video, for all are over 1 (as {shown})'
    small_corners = ','.join(f'{value:g}' for value in small[0].numbers[1:5])
    raise ValueError(
        f'{path}: are the boxes pixels or fractions? Line {small[0].line} has {small_corners}, '
        f'{shown}; say --box-unit pixels or fractions, or mend the rows'
    )
