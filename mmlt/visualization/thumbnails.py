"""Small pictures of one person or of a whole keyframe, as JPEG bytes that a page can hold.

Shapes: H x W frame in pixels; boxes_xyxy_norm in fractions of the frame.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

HEIGHT = 160  # px of a thumbnail
QUALITY = 70  # of its JPEG, 1 to 100
_SURROUNDINGS = 1.5  # side of a crop, in longer sides of the person's box
_SIDE_MARGIN = 1.2  # width of a crop, at least, in widths of the person's box
_LEAST_SIDE = 64  # px of a crop: of fewer one sees nothing
_CROP_LINES = (4, 2)  # px of the dark line and the coloured one on it
_WHOLE_LINES = (0, 1)  # on a whole keyframe, where people are small
_SAME_PLACE = 3  # px: a box there would hide the one before it, and goes within
_DARK = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FONT_SCALE = 0.36  # letters 8 px high, the smallest that can be read
_LINE_HEIGHT = 13


class Outline(NamedTuple):
    """A box to draw.

    Attributes:
        box_xyxy_norm: (4,) fractions of the frame.
        color: BGR.
        label: Text on a ground of that color in the box's upper left; '' for none.
    """

    box_xyxy_norm: Sequence[float] | np.ndarray
    color: tuple[int, int, int]
    label: str = ''


def crop_around(
    box_xyxy_norm: Sequence[float] | np.ndarray, width: int, height: int
) -> tuple[int, int, int, int]:
    """The part of a frame that shows a person with what is around him: a square where it can be.

    Its side is one and a half times the longer side of the box, so that he fills two thirds of it;
    it is pushed into the frame, and where the frame is smaller, cut to it. A box wider than the
    frame is high gets a wider part.

    Args:
        box_xyxy_norm: (4,) fractions of the frame.
        width: Of the frame, px.
        height: The same.

    Returns:
        x1, y1, x2, y2 in whole pixels, the latter two exclusive.

    Example:
        >>> crop_around([0.4, 0.5, 0.5, 0.7], 1000, 1000)
        (300, 450, 600, 750)
        >>> crop_around([0.0, 0.5, 0.1, 0.7], 1000, 1000)
        (0, 450, 300, 750)
    """
    x1, y1, x2, y2 = np.clip(box_xyxy_norm, 0, 1) * [width, height, width, height]
    side = max(_LEAST_SIDE, _SURROUNDINGS * max(x2 - x1, y2 - y1))
    crop_height = min(side, height)
    crop_width = min(max(crop_height, _SIDE_MARGIN * (x2 - x1)), width)
    left = np.clip((x1 + x2 - crop_width) / 2, 0, width - crop_width)
    top = np.clip((y1 + y2 - crop_height) / 2, 0, height - crop_height)
    left, top = int(round(left)), int(round(top))
    right = min(width, left + max(1, int(round(crop_width))))
    bottom = min(height, top + max(1, int(round(crop_height))))
    return left, top, right, bottom


def encode_thumbnail(
    frame: np.ndarray,
    outlines: Sequence[Outline],
    *,
    around: Sequence[float] | np.ndarray | None = None,
    height: int = HEIGHT,
    quality: int = QUALITY,
) -> bytes:
    """A JPEG of a keyframe, or of the part around one person, with boxes drawn in.

    Args:
        frame: (H, W, 3) uint8, BGR; left as it is.
        outlines: The boxes, drawn one over the other; one in the place of an earlier one, within.
        around: (4,) box of the person to show, fractions of the frame, see :func:`crop_around`;
            None shows the whole frame.
        height: Of the thumbnail, px; its width follows.
        quality: Of the JPEG, 1 to 100.
    """
    left, top, right, bottom = _part(frame, around)
    factor, size = height / (bottom - top), thumbnail_size(frame, around, height)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    canvas = cv2.resize(frame[top:bottom, left:right], size, interpolation=method)
    scale = factor * np.array([frame.shape[1], frame.shape[0]] * 2)
    shift = factor * np.array([left, top] * 2)
    places = [np.clip(outline.box_xyxy_norm, 0, 1) * scale - shift for outline in outlines]
    lines = _WHOLE_LINES if around is None else _CROP_LINES
    for number, (outline, place) in enumerate(zip(outlines, places)):
        hidden = any(np.abs(place - other).max() < _SAME_PLACE for other in places[:number])
        _draw_box(canvas, place, outline.color, lines, inset=max(lines) if hidden else 0)
    for outline, place in zip(outlines, places):
        if outline.label:
            _draw_label(canvas, place, outline)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    if around is None:  # half the colours would leave little of a line of one pixel
        full = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, full]
    _, encoded = cv2.imencode('.jpg', canvas, options)
    return encoded.tobytes()


def thumbnail_size(
    frame: np.ndarray,
    around: Sequence[float] | np.ndarray | None = None,
    height: int = HEIGHT,
) -> tuple[int, int]:
    """Width and height, in px, of what :func:`encode_thumbnail` makes of the same arguments."""
    left, top, right, bottom = _part(frame, around)
    return max(1, round(height * (right - left) / (bottom - top))), height


def _part(
    frame: np.ndarray, around: Sequence[float] | np.ndarray | None
) -> tuple[int, int, int, int]:
    height, width = frame.shape[:2]
    return (0, 0, width, height) if around is None else crop_around(around, width, height)


def jpeg_uri(jpeg: bytes) -> str:
    """The address of an image that holds the image itself, for ``<img src>``.

    Example:
        >>> jpeg_uri(b'abc')
        'data:image/jpeg;base64,YWJj'
    """
    return f'data:image/jpeg;base64,{base64.b64encode(jpeg).decode("ascii")}'


def _draw_box(
    canvas: np.ndarray,
    place: np.ndarray,
    color: tuple[int, int, int],
    lines: tuple[int, int],
    inset: int,
) -> None:
    """On a dark line, so that it stands out from any ground; ``inset`` px within its place."""
    x1, y1, x2, y2 = np.round(place).astype(int).tolist()
    inset = min(inset, (x2 - x1) // 4, (y2 - y1) // 4)
    corners = (x1 + inset, y1 + inset), (x2 - 1 - inset, y2 - 1 - inset)
    for each, thickness in zip((_DARK, color), lines):
        if not thickness:
            continue
        cv2.rectangle(canvas, *corners, each, thickness, cv2.LINE_AA)


def _draw_label(canvas: np.ndarray, place: np.ndarray, outline: Outline) -> None:
    height, width = canvas.shape[:2]
    text = outline.label.encode('ascii', 'replace').decode()  # all that OpenCV's font has
    (text_width, _), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
    left = int(np.clip(place[0], 0, max(0, width - text_width - 5)))
    top = int(np.clip(place[1], 0, max(0, height - _LINE_HEIGHT)))
    corner = (left + text_width + 4, top + _LINE_HEIGHT - 1)
    cv2.rectangle(canvas, (left, top), corner, outline.color, cv2.FILLED)
    cv2.putText(canvas, text, (left + 2, top + 10), _FONT, _FONT_SCALE, _DARK, 1, cv2.LINE_AA)
