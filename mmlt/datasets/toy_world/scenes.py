"""Videos of the AVA set: a ground and a look for each, a new small drama every second.

T frames of a second (``fps``), H x W pixels of a frame, n actors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.config import ToyWorldConfig
from mmlt.datasets.toy_world.drawing import (
    MARKS,
    add_clutter,
    motion_path,
    smooth_ground,
    stripes,
    to_uint8,
)
from mmlt.datasets.toy_world.labels import HELD_OBJECTS, INTERACTIONS, POSES


class Look(NamedTuple):
    """What all actors of a video share."""

    ground: np.ndarray
    size: float
    brightness: float
    texture_angle: float
    texture_wavelength: float


class Second(NamedTuple):
    """Frames (T, H, W) uint8 from file index ``first_frame`` on, and their actors' boxes (n, 4)."""

    first_frame: int
    frames: np.ndarray
    boxes: np.ndarray


def draw_look(config: ToyWorldConfig, rng: np.random.Generator) -> Look:
    """Draw ground, clutter, size, contrast and texture of a video."""
    ground = smooth_ground(rng, (config.height, config.width), config.background_std)
    add_clutter(ground, rng, config.num_clutter, config.clutter)
    return Look(
        ground,
        size=rng.uniform(*config.size_range),
        brightness=config.actor * rng.uniform(*config.contrast_range),
        texture_angle=rng.uniform(0, np.pi),
        texture_wavelength=rng.uniform(4, 8),
    )


def first_frame_of(config: ToyWorldConfig, keyframe: int) -> int:
    """File index of the first frame that shows a keyframe's drama.

    With ``start_index=1`` mmaction2's SampleAVAFrames reads, for the keyframe ``fps * (keyframe +
    1)`` frames after ``timestamp_start``, the files ``centre - clip_len // 2`` to ``centre +
    (clip_len + 1) // 2 - 1`` where ``centre = fps * (keyframe + 1) + 2`` (the start index counts
    twice). A second ends with that window and is ``fps`` long; with ``fps > clip_len`` the frames
    before the window feed the jitter of training.
    """
    centre = config.fps * (keyframe + 1) + 2
    return centre + (config.clip_len + 1) // 2 - config.fps


def place_actors(
    num_actors: int, look: Look, config: ToyWorldConfig, rng: np.random.Generator
) -> np.ndarray:
    """Centres (n, 2) in pixels (x, y), the best spread of sixteen draws."""
    if num_actors == 0:
        return np.zeros((0, 2))
    half = np.asarray(config.box_half) * look.size
    extent = np.array([config.width, config.height])
    margin = np.minimum(half + 2, extent / 2)
    centres = rng.uniform(margin, extent - margin, size=(16, num_actors, 2))
    # Things reach further to the sides (objects, partners) than up and down.
    gap = (centres[:, :, None] - centres[:, None]) / [1.25, 1.0]
    distance = np.linalg.norm(gap, axis=-1) + 1e6 * np.eye(num_actors)
    return centres[distance.min(axis=(1, 2)).argmax()]


def draw_actor(
    frames: np.ndarray,
    centre: np.ndarray,
    labels: np.ndarray,
    look: Look,
    config: ToyWorldConfig,
    rng: np.random.Generator,
    *,
    holds_above: bool = False,
) -> np.ndarray:
    """Add one actor with its object and partner to (T, H, W) frames in place; returns its box on
    the keyframe.

    ``centre`` (x, y) in pixels, ``labels`` (3,) ranks of pose, object and interaction, -1 for none.
    ``holds_above``: the object is not on the side of its label, but centred above the actor.
    The box is (4,), ``x1 y1 x2 y2`` in fractions of the frame.
    """
    num_frames, height, width = frames.shape
    motion, shape = POSES[labels[0]]
    speed = (num_frames - 1) / (config.clip_len - 1)
    path = centre + look.size * motion_path(
        motion,
        num_frames,
        drift=config.drift * speed,
        shake=config.shake,
        period=config.shake_period,
        phase=rng.uniform(0, 2 * np.pi),
    )
    reach = look.size * (config.partner_far + config.drift) + 6
    left, top = np.maximum(np.floor(centre - reach).astype(int), 0)
    right, bottom = np.minimum(np.ceil(centre + reach).astype(int), [width, height])
    dx = (np.arange(left, right) - path[:, :1]).astype(np.float32)[:, None, :]
    dy = (np.arange(top, bottom) - path[:, 1:]).astype(np.float32)[:, :, None]
    texture = stripes(dx, dy, angle=look.texture_angle, wavelength=look.texture_wavelength)
    body = MARKS[shape](dx, dy, config.body_radius * look.size)
    patch = body * (look.brightness + config.texture * texture)
    if labels[1] >= 0:
        patch = patch + look.brightness * _held_object(
            dx, dy, labels[1], look, config, is_above=holds_above
        )
    if labels[2] >= 0:
        patch = patch + look.brightness * _partner(dx, dy, labels[2], look, config)
    frames[:, top:bottom, left:right] += patch
    keyframe = num_frames - (config.clip_len + 1) // 2
    return _box(path[keyframe], look, config, rng)


def _held_object(
    dx: np.ndarray,
    dy: np.ndarray,
    rank: int,
    look: Look,
    config: ToyWorldConfig,
    *,
    is_above: bool,
) -> np.ndarray:
    thing, side = HELD_OBJECTS[rank]
    sign = -1 if side == 'left' else 1
    away = sign * (config.body_radius + 2.5) * look.size
    if is_above:
        return MARKS[thing](dx, dy + abs(away), config.object_radius * look.size)
    return MARKS[thing](dx - away, dy - 2 * look.size, config.object_radius * look.size)


def _partner(
    dx: np.ndarray, dy: np.ndarray, rank: int, look: Look, config: ToyWorldConfig
) -> np.ndarray:
    """The second actor, a diamond beside the first one's upper half, walking to it or from it."""
    side, approach = INTERACTIONS[rank]
    num_frames = len(dx)
    distance = np.linspace(config.partner_near, config.partner_far, num_frames)
    if approach == 'approaching':
        distance = distance[::-1]
    sign = -1 if side == 'left' else 1
    away = (sign * look.size * distance).astype(np.float32)[:, None, None]
    return MARKS['diamond'](dx - away, dy + 5 * look.size, config.partner_radius * look.size)


def _box(
    centre: np.ndarray, look: Look, config: ToyWorldConfig, rng: np.random.Generator
) -> np.ndarray:
    half = np.asarray(config.box_half) * look.size
    corners = np.concatenate([centre - half, centre + half]) + 0.5 + rng.uniform(-1, 1, size=4)
    return np.clip(corners / np.tile([config.width, config.height], 2), 0, 1).round(3)


def render_video(
    config: ToyWorldConfig,
    actors: Sequence[np.ndarray],
    rng: np.random.Generator,
    holds_above: Sequence[np.ndarray] | None = None,
) -> Iterator[Second]:
    """Draw a video second by second: empty frames, the keyframes' dramas, empty frames.

    Args:
        actors: For each keyframe the (n, 3) label ranks of its actors.
        holds_above: For each keyframe (n,) bool, see :func:`draw_actor`; None: nobody.
    """
    look = draw_look(config, rng)
    if holds_above is None:
        holds_above = [np.zeros(len(labels), dtype=bool) for labels in actors]

    def second(
        first_frame: int, num_frames: int, labels: np.ndarray, above: Sequence[bool]
    ) -> Second:
        scene = np.repeat(look.ground[None], num_frames, axis=0)
        centres = place_actors(len(labels), look, config, rng)
        boxes = [
            draw_actor(scene, centre, ranks, look, config, rng, holds_above=is_above)
            for centre, ranks, is_above in zip(centres, labels, above)
        ]
        noise = rng.standard_normal(scene.shape, dtype=np.float32)
        frames = to_uint8(scene + config.noise_std * noise)
        return Second(first_frame, frames, np.reshape(boxes, (-1, 4)))

    nobody = np.zeros((0, 3), dtype=int)
    yield second(1, first_frame_of(config, 0) - 1, nobody, ())
    for keyframe, (labels, above) in enumerate(zip(actors, holds_above)):
        yield second(first_frame_of(config, keyframe), config.fps, labels, above)
    end = first_frame_of(config, len(actors))
    num_frames = config.fps * (config.keyframes_per_video + 1)
    yield second(end, num_frames - end + 1, nobody, ())
