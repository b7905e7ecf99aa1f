"""Boxes as somebody drew them become boxes of AVA: on a whole second, in fractions of the frame."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.datasets.own_data.annotated_media import MediaFinder, Place, UnknownMediaError
from mmlt.fileio.annotation_formats.annotated_box import FRACTIONS, AnnotatedBox, counted, some
from mmlt.functional.detection.box_overlap import pair_iou

# What a box may reach over the edge of the frame, and is cut off: by the rounding of its corners.
_SLACK_PIXELS, _SLACK_RATIO = 1.5, 0.002
_MOVED = 'moved to the nearest whole second'
_SAME_PERSON_IOU = 0.5


class KeyframeBox(NamedTuple):
    """A box of a keyframe.

    Attributes:
        where: Where it stands, for messages.
        video_id: The prepared video.
        second: Whole, of the data set's timestamps.
        corners: x1, y1, x2, y2 in fractions of the frame.
        labels: Names of the actions, at least one.
        person: Name or number of the person, None where there is none.
    """

    where: str
    video_id: str
    second: int
    corners: tuple[float, float, float, float]
    labels: tuple[str, ...]
    person: str | None


class _Placed(NamedTuple):
    box: KeyframeBox
    time_sec: float


def keyframe_boxes(
    boxes: Iterable[AnnotatedBox],
    finder: MediaFinder,
    *,
    ignore_unknown: bool = False,
) -> tuple[list[KeyframeBox], list[str]]:
    """Find the keyframe of each box.

    Args:
        boxes: As they were read.
        finder: Of the prepared videos; says whether boxes between seconds move to the nearer one.
        ignore_unknown: Leave out what is of no prepared video.

    Returns:
        Boxes that are the same but for their labels are one, in the order of video and second; and
        what has to be said, a sentence each.

    Raises:
        ValueError: A box is of no prepared video, at a time that is no whole second of it, beyond
            its frame, or of a person who has another box there. Names where, and value.
    """
    placed: list[_Placed] = []
    notes: dict[str, list[str]] = defaultdict(list)
    readings: Counter[str] = Counter()
    for box in boxes:
        try:
            place = finder.find(box)
        except UnknownMediaError:
            if not ignore_unknown:
                raise
            notes['of no prepared video left out'].append(box.where)
            continue
        if place.reading:
            readings[place.reading] += 1
        if not box.labels:
            notes['without a label left out: a row of AVA has one'].append(box.where)
            continue
        found = _place(box, place, finder, notes)
        if found is not None:
            placed.append(found)
    merged = _merged(placed, finder.table.fps, notes)
    _say_how_far(placed, finder.table.timestamp_start, notes)
    remarks = [f'{counted(count, "box")} on {reading}' for reading, count in readings.items()]
    remarks += [
        f'{counted(len(places), "box")} {note}: {some(places)}' for note, places in notes.items()
    ]
    return merged, remarks


def _place(
    box: AnnotatedBox,
    place: Place,
    finder: MediaFinder,
    notes: dict[str, list[str]],
) -> _Placed | None:
    """A box on its keyframe; None at the end of a video, where none is within half a second."""
    table = finder.table
    nearest = round(place.time_sec)
    shift = abs(place.time_sec - nearest)
    is_moved = shift > 0.5 / table.fps
    if is_moved and not finder.rounds:
        raise ValueError(
            f'{box.where}: {_told(box)} is {place.time_sec:g} s of {place.video_id!r}, the first '
            'box between seconds: AVA has boxes on whole ones; move it there, or let '
            '--round-seconds move all of them and say how far'
        )
    second, seconds = table.timestamp_start + nearest, table.seconds(place.video_id)
    is_inside = place.time_sec < table.videos[place.video_id].num_frames / table.fps
    if is_moved and second == seconds.stop and is_inside:
        notes['in the last half second of a video, left out: it has no such second'].append(
            box.where
        )
        return None
    if second not in seconds:
        raise ValueError(
            f'{box.where}: {_told(box)} would be second {second} of {place.video_id!r}, which has '
            f'the seconds {seconds[0]} to {seconds[-1]}'
        )
    if is_moved:
        notes[_MOVED].append(box.where)
    corners, is_cut = _fractions(box, place.size)
    if is_cut:
        notes['cut at the edge of the frame (over it by rounding)'].append(box.where)
    found = KeyframeBox(box.where, place.video_id, second, corners, box.labels, box.person)
    return _Placed(found, place.time_sec)


def _say_how_far(
    placed: Sequence[_Placed], timestamp_start: int, notes: dict[str, list[str]]
) -> None:
    """Put the largest move of a box into the note of those that were moved."""
    if _MOVED in notes:
        far = max(abs(time - (found.second - timestamp_start)) for found, time in placed)
        notes[f'{_MOVED} (by at most {far:.3f} s)'] = notes.pop(_MOVED)


def _told(box: AnnotatedBox) -> str:
    """Media and time as they are written."""
    times = ('' if box.time_sec is None else f' at {box.time_sec:g} s', f', second {box.timestamp}')
    return f'{box.media!r}{times[box.timestamp is not None]}'


def _fractions(
    box: AnnotatedBox, size: Sequence[int]
) -> tuple[tuple[float, float, float, float], bool]:
    """The corners in fractions of the frame, and whether something was cut off."""
    sizes = (*size, *size)
    corners = box.corners
    if box.unit != FRACTIONS:
        corners = tuple(value / side for value, side in zip(corners, sizes))
    slack = (max(_SLACK_PIXELS / side, _SLACK_RATIO) for side in sizes)
    if not all(-free <= value <= 1 + free for value, free in zip(corners, slack)):
        raise ValueError(
            f'{box.where}: the box {_shown(box)} is not inside of the frame, {size[0]} x {size[1]} '
            'pixels; is it of another size, or of another video?'
        )
    inside = tuple(min(max(value, 0.0), 1.0) for value in corners)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        raise ValueError(f'{box.where}: the box {_shown(box)} has no area')
    return inside, inside != corners


def _shown(box: AnnotatedBox) -> str:
    return f'{", ".join(f"{value:g}" for value in box.corners)} ({box.unit})'


def _merged(placed: Sequence[_Placed], fps: int, notes: dict[str, list[str]]) -> list[KeyframeBox]:
    """One entry a box, with all its labels."""
    of_keyframe: dict[tuple[str, int], list[_Placed]] = defaultdict(list)
    for each in placed:
        of_keyframe[each.box.video_id, each.box.second].append(each)
    merged = []
    for key in sorted(of_keyframe):
        found: dict[tuple, KeyframeBox] = {}
        for box, _ in of_keyframe[key]:
            same = box.person, box.corners
            labels = found[same].labels if same in found else ()
            if set(labels) & set(box.labels):
                notes['with a label that stands there already, once kept'].append(box.where)
            union = tuple(dict.fromkeys((*labels, *box.labels)))
            found[same] = found.get(same, box)._replace(labels=union)
        _refuse_two_of_a_person(of_keyframe[key], 0.5 / fps)
        merged += found.values()
    return merged


def _refuse_two_of_a_person(placed: Sequence[_Placed], slack: float) -> None:
    """Refuse different boxes of a person, said to be so or, from different times, by overlap."""
    of_person: dict[str, KeyframeBox] = {}
    for box, _ in placed:
        first = of_person.setdefault(box.person, box) if box.person is not None else box
        if first.corners != box.corners:
            raise ValueError(
                f'{box.where}: person {box.person!r} has two boxes on second {box.second} of '
                f'{box.video_id!r}; the other one: {first.where}'
            )
    unnamed = [each for each in placed if each.box.person is None]
    for i, (box, time_sec) in enumerate(unnamed):
        for other, other_time in unnamed[:i]:
            corners = np.array([box.corners]), np.array([other.corners])
            is_moved = abs(time_sec - other_time) > slack
            if is_moved and pair_iou(*corners)[0] >= _SAME_PERSON_IOU:
                raise ValueError(
                    f'{box.where}: rounded to second {box.second} of {box.video_id!r} it overlaps '
                    f'a box of another time, {other.where}; if they are one person, keep one'
                )
