"""Draws the boxes and labels of a keyframe into a frame: detections orange, ground truth green.

Shapes: H x W frame in pixels; boxes_xyxy_norm in fractions of the frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import cv2
import numpy as np

from mmlt.functional import AVABoxes

DETECTION_COLOR = (0, 140, 255)  # BGR
GROUND_TRUTH_COLOR = (80, 175, 76)
_TEXT_COLOR = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SMALL_LETTERS = 0.7  # beside a box, of the size of those on it
_LEAST_LETTERS = 0.38  # 9 px high
_READABLE_SIDE = 480  # a shorter side below this leaves no room for labels


class Person(NamedTuple):
    """One box of a keyframe with its labels, best first.

    Attributes:
        box_xyxy_norm: (4,) float64.
        labels: (class id, score) pairs.
    """

    box_xyxy_norm: np.ndarray
    labels: tuple


def group_persons(
    boxes: AVABoxes, video_id: str, *, min_score: float | None = None, top: int | None = None
) -> dict[int, list[Person]]:
    """The boxes of one video by keyframe, rows with the same coordinates joined.

    Args:
        boxes: Rows of (keyframe, box, label, score).
        video_id: The video to take.
        min_score: Least score of a label that is kept; None keeps all. A box without a label left
            is dropped.
        top: How many labels a box keeps; None keeps all.

    Returns:
        Timestamp in s -> its boxes, in the order of their best scores.

    Raises:
        ValueError: ``video_id`` has no row.
    """
    known = [str(name) for name in boxes.video_names]
    if video_id not in known:
        listed = ', '.join(known[:5]) + (', ...' if len(known) > 5 else '')
        raise ValueError(f'video_id: no box of {video_id!r}; there are videos {listed}')
    mask = np.asarray(boxes.video_index) == known.index(video_id)
    if min_score is not None:
        mask &= np.asarray(boxes.scores) >= min_score
    rows = np.flatnonzero(mask)
    rows = rows[np.lexsort((boxes.labels[rows], -boxes.scores[rows]))]
    labels_of: dict[tuple, list] = {}
    for row in rows:
        key = (int(boxes.timestamps[row]), *boxes.boxes_xyxy_norm[row].tolist())
        labels_of.setdefault(key, []).append((int(boxes.labels[row]), float(boxes.scores[row])))
    persons: dict[int, list[Person]] = {}
    for (timestamp, *box), labels in labels_of.items():
        persons.setdefault(timestamp, []).append(Person(np.array(box), tuple(labels[:top])))
    return persons


def draw_keyframe(
    frame: np.ndarray,
    detections: Iterable[Person],
    ground_truth: Iterable[Person],
    label_map: Mapping[int, str],
    *,
    scale: int | None = None,
) -> np.ndarray:
    """A copy of the frame with its boxes and labels, ground truth under detections.

    Args:
        frame: (H, W, 3) uint8, BGR.
        detections: Boxes whose labels are drawn with their scores.
        ground_truth: Boxes whose labels are drawn alone.
        label_map: Class id -> name; an id outside of it is drawn as a number.
        scale: Factor by which the frame is enlarged before drawing; None enlarges a small frame
            until labels are readable.

    Returns:
        (scale * H, scale * W, 3) uint8.
    """
    height, width = frame.shape[:2]
    scale = scale or max(1, -(-_READABLE_SIDE // min(height, width)))
    size = (width * scale, height * scale)
    canvas = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) if scale > 1 else frame.copy()
    drawn = [
        *((person, GROUND_TRUTH_COLOR) for person in ground_truth),
        *((person, DETECTION_COLOR) for person in detections),
    ]
    for person, color in drawn:  # all outlines first, so that none crosses a label
        _draw_outline(canvas, person, color)
    occupied = [_corners(canvas, person) for person, _ in drawn]
    for person, color in drawn:
        labels = _label_texts(person, color, label_map)
        if labels:
            _draw_labels(canvas, _corners(canvas, person), labels, color, occupied)
    return canvas


def _name(label_map: Mapping[int, str], class_id: int) -> str:
    name = label_map.get(class_id, f'class {class_id}')
    return name.encode('ascii', 'replace').decode()  # all that OpenCV's font has


def _corners(canvas: np.ndarray, person: Person) -> list[int]:
    height, width = canvas.shape[:2]
    corners = person.box_xyxy_norm * [width - 1, height - 1, width - 1, height - 1]
    return np.round(corners).astype(int).tolist()


def _draw_outline(canvas: np.ndarray, person: Person, color: tuple) -> None:
    x1, y1, x2, y2 = _corners(canvas, person)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), color, max(1, round(min(canvas.shape[:2]) / 240)))


def _label_texts(person: Person, color: tuple, label_map: Mapping[int, str]) -> list[str]:
    with_score = color == DETECTION_COLOR
    return [
        _name(label_map, class_id) + (f' {score:.2f}' if with_score else '')
        for class_id, score in person.labels
    ]


def _draw_labels(
    canvas: np.ndarray,
    box: list[int],
    lines: list[str],
    color: tuple,
    occupied: list[list[int]],
) -> None:
    """Detections' labels with their scores hang from the top edge, the others stand at the foot.

    A small box would be hidden: its labels stand beside it, in smaller letters, where they cover
    the least of what is ``occupied``, the boxes and the labels that were placed so.
    """
    height, width = canvas.shape[:2]
    is_detection = color == DETECTION_COLOR
    font_scale, margin = min(height, width) / 1100 + 0.05, 4
    text_widths, line_height = _measure(lines, font_scale, margin)
    stack = line_height * len(lines)
    left, top = box[0], box[1] if is_detection else box[3] - stack
    if _would_hide(box, max(text_widths) + 2 * margin, stack):
        font_scale, margin = max(_SMALL_LETTERS * font_scale, _LEAST_LETTERS), 2
        text_widths, line_height = _measure(lines, font_scale, margin)
        stack = line_height * len(lines)
        size = (max(text_widths) + 2 * margin, stack)
        left, top = _free_place(canvas, box, size, is_detection, occupied)
        occupied.append([left, top, left + size[0], top + size[1]])
    top = int(np.clip(top, 0, max(0, height - stack)))
    for index, (line, text_width) in enumerate(zip(lines, text_widths)):
        start = int(np.clip(left, 0, max(0, width - text_width - 2 * margin)))
        upper, lower = top + index * line_height, top + (index + 1) * line_height
        end = (start + text_width + 2 * margin, lower)
        cv2.rectangle(canvas, (start, upper), end, color, cv2.FILLED)
        place = (start + margin, lower - margin - 1)
        cv2.putText(canvas, line, place, _FONT, font_scale, _TEXT_COLOR, 1, cv2.LINE_AA)


def _would_hide(box: list[int], width: int, height: int) -> bool:
    """Whether labels of this size leave too little to see of a box, or of who is beside it."""
    box_width, box_height = box[2] - box[0], box[3] - box[1]
    return height > box_height / 2 or width * height > box_width * box_height


def _measure(lines: list[str], font_scale: float, margin: int) -> tuple[list[int], int]:
    """The width of each line's text, and the height of all lines with their margins."""
    sizes = [cv2.getTextSize(line, _FONT, font_scale, 1)[0] for line in lines]
    return [size[0] for size in sizes], max(size[1] for size in sizes) + 2 * margin + 2


def _free_place(
    canvas: np.ndarray,
    box: list[int],
    size: tuple[int, int],
    is_detection: bool,
    occupied: list[list[int]],
) -> tuple[int, int]:
    """Left and top of a stack of labels around a box, above it first, of annotated ones below."""
    x1, y1, x2, y2 = box
    width, height = size
    above, below = (y1 - height, y1 - 2 * height), (y2, y2 + height)
    near, far = above if is_detection else below
    at_side = y1 if is_detection else y2 - height
    places = [(x1, near), (x2, at_side), (x1 - width, at_side), (x2, near), (x1 - width, near)]
    places += [(x1, far), (x1, below[0] if is_detection else above[0])]
    limits = max(0, canvas.shape[1] - width), max(0, canvas.shape[0] - height)
    inside = [tuple(np.clip(place, 0, limits).tolist()) for place in places]

    def covered(place: tuple[int, int]) -> int:
        left, top = place
        return sum(
            max(0, min(left + width, own[2]) - max(left, own[0]))
            * max(0, min(top + height, own[3]) - max(top, own[1]))
            for own in occupied
        )

    return min(inside, key=covered)
