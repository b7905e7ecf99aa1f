"""Choosing a few examples that do not all show the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np

from mmlt.functional.detection.box_overlap import pair_iou

_MOST_TRIED = 1000
_SAME_PLACE = 0.5  # IoU


class Scene(NamedTuple):
    """Who is seen where.

    Attributes:
        video_id: The video.
        timestamp: The second.
        box: (4,) xyxy in fractions of the frame.
        person_id: Of the annotated person; None where it is not known.
    """

    video_id: str
    timestamp: int
    box: np.ndarray
    person_id: int | None = None


def choose_scenes(scenes: Iterable[Scene], most: int) -> list[int]:
    """The places of the first scenes that are not alike, ascending.

    No two are of one keyframe, of one person, or of one place of a video (boxes of IoU 0.5).
    Where there are fewer than ``most`` of these among the first thousand, the next ones of
    other keyframes fill up, then any.

    Args:
        scenes: In the order of preference.
        most: How many to choose.

    Example:
        >>> here, there = np.array([0, 0, 0.5, 1]), np.array([0.5, 0, 1, 1])
        >>> scenes = [Scene('a', 902, here), Scene('a', 903, here), Scene('a', 904, there)]
        >>> choose_scenes(scenes, 2), choose_scenes(scenes, 3)
        ([0, 2], [0, 1, 2])
    """
    scenes = list(islice(scenes, _MOST_TRIED))
    chosen: list[int] = []
    for is_alike in (_are_alike, _are_of_one_keyframe, lambda one, other: False):
        for place, scene in enumerate(scenes):
            if len(chosen) == most:
                break
            if place not in chosen and not _any(is_alike, scene, (scenes[own] for own in chosen)):
                chosen.append(place)
    return sorted(chosen)


def _any(is_alike: Callable[[Scene, Scene], bool], scene: Scene, others: Iterable[Scene]) -> bool:
    return any(is_alike(scene, other) for other in others)


def _are_of_one_keyframe(one: Scene, other: Scene) -> bool:
    return one[:2] == other[:2]


def _are_alike(one: Scene, other: Scene) -> bool:
    if one.video_id != other.video_id:
        return False
    is_same_person = one.person_id is not None and one.person_id == other.person_id
    if is_same_person or one.timestamp == other.timestamp:
        return True
    return bool(pair_iou(one.box[None], other.box[None])[0] >= _SAME_PLACE)
