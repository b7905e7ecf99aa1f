"""Labels that can be read off the tracks of persons, to try things out without an annotator.

They are rules on boxes, and know nothing of what the image shows. Lengths are in heights of the
person's box, so that near and far count alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TRACK_LABELS = (
    'standing',
    'walking left',
    'walking right',
    'walking toward',
    'walking away',
    'alone',
    'beside another person',
)


class TrackRules(NamedTuple):
    """Where the rules draw their lines.

    Attributes:
        window_sec: The motion of a box is that of its track in so many seconds before and after.
        min_speed: A person walks to a side, or toward or away, from this speed on along that axis,
            box heights a second; one who does neither stands.
        beside_across: Somebody is beside another whose feet are at most so far away across the
            image, in mean box heights of the two,
        beside_along: and so far along it, up or down.
    """

    window_sec: int = 1
    min_speed: float = 0.15
    beside_across: float = 0.6
    beside_along: float = 0.2


def label_by_rule(
    seconds: np.ndarray,
    boxes_xyxy_norm: np.ndarray,
    person_ids: np.ndarray,
    *,
    aspect_ratio: float,
    rules: TrackRules | None = None,
) -> np.ndarray:
    r"""Label each box of a video by how its track moves and who is near.

    With (x, y) the middle of a box's lower edge and h its height, the velocity of a person at a
    keyframe is the least-squares slope of x and of y over the boxes of the track within the window,
    divided by their mean h. Down the image is toward the camera, as for one that looks down on
    level ground. A box without another of its track in the window has no velocity, and no label of
    motion.

    Args:
        seconds: (n,) whole numbers.
        boxes_xyxy_norm: (n, 4), fractions of the frame.
        person_ids: (n,): boxes of one track have the same.
        aspect_ratio: Width of the frame by its height.
        rules: Where the lines are drawn; None: as they are by default.

    Returns:
        (n, 7) bool, the columns being ``TRACK_LABELS``.

    Example:
        >>> boxes = [[0.1, 0.2, 0.2, 0.6], [0.3, 0.2, 0.4, 0.6]]
        >>> found = label_by_rule([0, 1], boxes, [5, 5], aspect_ratio=1.5)
        >>> [TRACK_LABELS[column] for column in np.flatnonzero(found[0])]
        ['walking right', 'alone']
    """
    rules = rules or TrackRules()
    seconds, person_ids = np.asarray(seconds), np.asarray(person_ids)
    feet, heights = _feet_and_heights(boxes_xyxy_norm, aspect_ratio)
    velocities = _velocities(seconds, feet, heights, person_ids, rules.window_sec)
    with np.errstate(invalid='ignore'):
        across, along = velocities.T
        left, right = across <= -rules.min_speed, across >= rules.min_speed
        away, toward = along <= -rules.min_speed, along >= rules.min_speed
    standing = np.isfinite(across) & ~(left | right | away | toward)
    beside = _are_beside(seconds, feet, heights, rules)
    return np.stack([standing, left, right, toward, away, ~beside, beside], axis=1)


def track_travels(
    boxes_xyxy_norm: np.ndarray, person_ids: np.ndarray, *, aspect_ratio: float
) -> np.ndarray:
    """How far the track of each box gets in all, see :func:`label_by_rule` for the arguments.

    Returns:
        (n,) diagonal of the rectangle around all feet of the track, in mean box heights.

    Example:
        >>> boxes = [[0.1, 0.2, 0.2, 0.6], [0.3, 0.2, 0.4, 0.6], [0.5, 0.2, 0.6, 0.6]]
        >>> track_travels(boxes, [5, 5, 6], aspect_ratio=1.5)
        array([0.75, 0.75, 0.  ])
    """
    person_ids = np.asarray(person_ids)
    feet, heights = _feet_and_heights(boxes_xyxy_norm, aspect_ratio)
    travels = np.zeros(len(person_ids))
    for person_id in np.unique(person_ids):
        rows = person_ids == person_id
        travels[rows] = np.linalg.norm(np.ptp(feet[rows], axis=0)) / heights[rows].mean()
    return travels


def _feet_and_heights(
    boxes_xyxy_norm: np.ndarray, aspect_ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) middles of the lower edges and (n,) heights, both in heights of the frame."""
    x1, y1, x2, y2 = np.asarray(boxes_xyxy_norm, np.float64).reshape(-1, 4).T
    return np.stack([(x1 + x2) / 2 * aspect_ratio, y2], axis=1), y2 - y1


def _velocities(
    seconds: np.ndarray,
    feet: np.ndarray,
    heights: np.ndarray,
    person_ids: np.ndarray,
    window_sec: int,
) -> np.ndarray:
    """(n, 2) box heights a second, right and down; NaN where there is one box alone."""
    velocities = np.full((len(seconds), 2), np.nan)
    for row, (second, person_id) in enumerate(zip(seconds, person_ids)):
        near = (person_ids == person_id) & (np.abs(seconds - second) <= window_sec)
        times = seconds[near] - seconds[near].mean()
        if times.any():
            slopes = times @ (feet[near] - feet[near].mean(axis=0)) / (times @ times)
            velocities[row] = slopes / heights[near].mean()
    return velocities


def _are_beside(
    seconds: np.ndarray, feet: np.ndarray, heights: np.ndarray, rules: TrackRules
) -> np.ndarray:
    """(n,) whether somebody else's feet are near in the same second."""
    beside = np.zeros(len(seconds), bool)
    for second in np.unique(seconds):
        rows = np.flatnonzero(seconds == second)
        mean_heights = (heights[rows][:, None] + heights[rows]) / 2
        across, along = np.moveaxis(np.abs(feet[rows][:, None] - feet[rows]), -1, 0)
        near = across <= rules.beside_across * mean_heights
        near &= along <= rules.beside_along * mean_heights
        np.fill_diagonal(near, False)
        beside[rows] = near.any(axis=1)
    return beside
