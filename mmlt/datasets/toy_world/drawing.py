"""Marks, motions and grounds: what every drawn part of the toy world is made of.

T frames, h x w pixels of a patch. Masks are float32 coverage in [0, 1] with an edge one pixel soft;
x points right, y down, and a mark's coordinates are pixels from its own centre.
"""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np

GREY, GAIN = 128.0, 64.0


def _cover(distance: np.ndarray) -> np.ndarray:
    """Coverage of pixels at a signed distance (inside positive) from an edge."""
    return np.clip(distance + 0.5, 0, 1)


def _disc(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    return _cover(radius - np.hypot(dx, dy))


def _square(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    return _cover(0.88 * radius - np.maximum(abs(dx), abs(dy)))


def _ring(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    return _cover(0.2 * radius - abs(np.hypot(dx, dy) - 0.8 * radius))


def _cross(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    across, along = np.minimum(abs(dx), abs(dy)), np.maximum(abs(dx), abs(dy))
    return _cover(np.minimum(0.32 * radius - across, radius - along))


def _diamond(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    return _cover((radius - abs(dx) - abs(dy)) / np.sqrt(2))


def _wand(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    return _cover(np.minimum(0.3 * radius - abs(dx), 2 * radius - abs(dy)))


def _frame(dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    return _cover(0.22 * radius - abs(np.maximum(abs(dx), abs(dy)) - 0.9 * radius))


MARKS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    'disc': _disc,
    'square': _square,
    'ring': _ring,
    'cross': _cross,
    'diamond': _diamond,
    'wand': _wand,
    'ball': _disc,
    'frame': _frame,
}


def motion_path(
    motion: str, num_frames: int, *, drift: float, shake: float, period: float, phase: float
) -> np.ndarray:
    """Offsets (T, 2) in pixels (x, y) of a motion from its mean place.

    ``drift`` is the whole distance covered, ``shake`` an amplitude, ``period`` in frames, ``phase``
    in radians.
    """
    kind, direction = motion.split()
    time = np.arange(num_frames)
    if kind == 'drift':
        along = drift * (time / max(num_frames - 1, 1) - 0.5)
        sign = -1 if direction in ('left', 'up') else 1
        along, vertical = sign * along, direction in ('up', 'down')
    else:
        along = shake * np.sin(2 * np.pi * time / period + phase)
        vertical = direction == 'upright'
    path = np.zeros((num_frames, 2))
    path[:, int(vertical)] = along
    return path


def smooth_ground(
    rng: np.random.Generator, size: tuple[int, int], std: float, *, cell: int = 16
) -> np.ndarray:
    """Static low-frequency ground (h, w) float32: a Gaussian every ``cell`` pixels, smoothed."""
    height, width = size
    grid = rng.standard_normal((height // cell + 2, width // cell + 2), dtype=np.float32)
    ground = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return std * (ground - ground.mean()) / max(float(ground.std()), 1e-6)


def add_clutter(
    ground: np.ndarray, rng: np.random.Generator, num_blobs: int, brightness: float
) -> None:
    """Add round, soft, static blobs to a ground in place."""
    height, width = ground.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(num_blobs):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        spread = rng.uniform(2.0, 4.5)
        squared = ((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)
        ground += brightness * np.exp(-squared)


def stripes(dx: np.ndarray, dy: np.ndarray, *, angle: float, wavelength: float) -> np.ndarray:
    """A sinusoidal texture in [-1, 1] over a mark's own coordinates."""
    along = dx * np.cos(angle) + dy * np.sin(angle)
    return np.sin(2 * np.pi * along / wavelength)


def to_uint8(frames: np.ndarray) -> np.ndarray:
    """Grey levels of brightness values."""
    return np.clip(np.rint(GREY + GAIN * frames), 0, 255).astype(np.uint8)
