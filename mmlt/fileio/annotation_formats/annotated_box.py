"""What every format of annotations is read into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

PIXELS, FRACTIONS = 'pixels', 'fractions'
UNITS = (PIXELS, FRACTIONS)
_MAX_LISTED = 5


class AnnotatedBox(NamedTuple):
    """A box as somebody drew it; nothing is known yet of the videos.

    Attributes:
        where: The file and the line or key where it stands, for messages.
        media: The video, or the image of a frame, as it is written there.
        time_sec: Seconds from the start of ``media``; None for an image, or a timestamp.
        timestamp: AVA's: counts from the data set's ``timestamp_start``; None: ``time_sec`` is it.
        corners: x1, y1, x2, y2.
        unit: Of the corners, 'pixels' of ``media`` as it is shown or 'fractions' of its size.
        labels: Names of the actions; empty where none is given.
        person: Name or number of the person, None where there is none.
    """

    where: str
    media: str
    time_sec: float | None
    timestamp: int | None
    corners: tuple[float, float, float, float]
    unit: str
    labels: tuple[str, ...]
    person: str | None


class AnnotationFile(NamedTuple):
    """The boxes of a file, and what has to be said of how it was read, a sentence each."""

    boxes: list[AnnotatedBox]
    remarks: list[str]


class ReadOptions(NamedTuple):
    """What a person may say of annotations that do not say it themselves.

    Attributes:
        attributes: Names of the attributes that are the action; None: the only one there is.
        box_unit: 'pixels' or 'fractions'; None: as the format says, or as the numbers tell.
        class_names: Class id -> name, for formats that know ids alone; None: ids are the names.
    """

    attributes: Sequence[str] | None = None
    box_unit: str | None = None
    class_names: Mapping[int, str] | None = None


def counted(number: int, noun: str) -> str:
    """A number and its noun.

    Example:
        >>> counted(1, 'box'), counted(3, 'box'), counted(2, 'class'), counted(0, 'polygon')
        ('1 box', '3 boxes', '2 classes', '0 polygons')
    """
    plural = 'es' if noun.endswith(('x', 's')) else 's'
    return f'{number} {noun}{"" if number == 1 else plural}'


def some(places: Iterable[str]) -> str:
    """The first places, and how many more there are."""
    places = list(places)
    more = f' and {len(places) - _MAX_LISTED} more' if len(places) > _MAX_LISTED else ''
    return '; '.join(places[:_MAX_LISTED]) + more
