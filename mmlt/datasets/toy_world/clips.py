"""Two sets of clips whose classes differ by motion only, or by appearance only.

Each class of one set goes through all classes of the other set: no single frame tells a motion, no
movement an appearance. T frames of S x S pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.drawing import MARKS, smooth_ground, stripes, to_uint8
from mmlt.datasets.toy_world.folders import Progress, run_tasks, write_part
from mmlt.datasets.toy_world.labels import SHAPES

MOTIONS = (
    'drift left',
    'drift right',
    'drift up',
    'drift down',
    'circle clockwise',
    'circle counterclockwise',
    'swing sideways',
    'swing upright',
)
APPEARANCES = tuple(f'{skin} {shape}' for skin in ('plain', 'striped') for shape in SHAPES)
SETS: dict[str, tuple[str, ...]] = {'motion': MOTIONS, 'appearance': APPEARANCES}


class ClipTask(NamedTuple):
    """One clip to draw."""

    config: ToyWorldConfig
    path: Path
    seed: tuple[int, ...]
    motion: str
    appearance: str


def make_clip_world(
    out: Path,
    config: ToyWorldConfig,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Write both clip sets into the folder ``out``.

    ``out/motion`` and ``out/appearance`` each hold ``videos/*.mp4``, ``labels.txt`` (a class name a
    line) and ``train.txt``, ``val.txt``, ``test.txt`` with lines ``path label``, the path relative
    to ``videos``. Arguments, returns and errors are those of :func:`make_ava_world`.
    """

    def write(folder: Path) -> dict[str, Any]:
        tasks: list[ClipTask] = []
        for number, (name, classes) in enumerate(SETS.items()):
            (folder / name / 'videos').mkdir(parents=True)
            (folder / name / 'labels.txt').write_text('\n'.join(classes) + '\n', encoding='utf-8')
            tasks += _write_lists(folder / name, name, number, config)
        for done, _ in enumerate(run_tasks(_draw_clip, tasks, workers), start=1):
            if progress is not None:
                progress(done, len(tasks))
        return {'num_classes': {name: len(classes) for name, classes in SETS.items()}}

    return write_part(Path(out), 'clips', config, write, overwrite=overwrite)


def _write_lists(
    folder: Path, name: str, number: int, config: ToyWorldConfig
) -> Iterator[ClipTask]:
    """Write the list files of a set and yield its clips."""
    other = 'appearance' if name == 'motion' else 'motion'
    for split in SPLITS:
        per_class = max(1, round(getattr(config, f'clips_{split}') * config.scale))
        lines = []
        for index in range(per_class * len(SETS[name])):
            label = index // per_class
            path = f'{split}_{index:04d}.mp4'
            lines.append(f'{path} {label}\n')
            # A class's clips go round the other set's classes, each class starting elsewhere.
            factor = {name: SETS[name][label], other: SETS[other][(index + label) % 8]}
            seed = (config.seed, SPLITS.index(split), 3, number, index)
            yield ClipTask(
                config, folder / 'videos' / path, seed, factor['motion'], factor['appearance']
            )
        (folder / f'{split}.txt').write_text(''.join(lines), encoding='utf-8')


def clip_path(motion: str, config: ToyWorldConfig, rng: np.random.Generator) -> np.ndarray:
    """Places (T, 2) of a clip's actor in pixels (x, y).

    Places are to be taken modulo S: what leaves the frame comes in on the other side. Every place
    is as likely in every frame of every motion, so that only the order and the set of places tell
    it; opposite directions differ by the order alone.
    """
    kind, direction = motion.split()
    size, num_frames = config.clips_size, config.clips_frames
    place = rng.uniform(0, size, size=2)
    turn = 2 * np.pi * (np.arange(num_frames) / num_frames * rng.uniform(1.8, 2.2) + rng.random())
    if kind == 'drift':
        axis = int(direction in ('up', 'down'))
        step = rng.uniform(1.2, 1.6) * (-1 if direction in ('left', 'up') else 1)
        path = np.repeat(place[None], num_frames, axis=0)
        path[:, axis] += step * np.arange(num_frames)
        return path
    radius = 0.2 * size
    if kind == 'swing':
        axis = int(direction == 'upright')
        path = np.repeat(place[None], num_frames, axis=0)
        path[:, axis] += radius * np.sin(turn)
        return path
    sign = 1 if direction == 'clockwise' else -1
    return place + radius * np.stack([np.cos(turn), sign * np.sin(turn)], axis=1)


def draw_clip(
    motion: str, appearance: str, config: ToyWorldConfig, rng: np.random.Generator
) -> np.ndarray:
    """Frames (T, S, S) uint8 of one actor with that motion and appearance on its own ground."""
    size = config.clips_size
    path = clip_path(motion, config, rng)
    skin, shape = appearance.split()
    # Opposite edges meet: an actor that leaves comes in again.
    half = size / 2
    dx = (np.arange(size) - path[:, :1] + half) % size - half
    dy = (np.arange(size) - path[:, 1:] + half) % size - half
    dx, dy = dx.astype(np.float32)[:, None, :], dy.astype(np.float32)[:, :, None]
    mark = MARKS[shape](dx, dy, rng.uniform(9, 12))
    brightness = rng.uniform(0.8, 1.2)
    if skin == 'striped':
        texture = stripes(dx, dy, angle=rng.uniform(0, np.pi), wavelength=rng.uniform(4, 6))
        mark = mark * (0.5 + 0.5 * texture)
    ground = smooth_ground(rng, (size, size), config.background_std)
    noise = rng.standard_normal(mark.shape, dtype=np.float32)
    return to_uint8(ground + brightness * mark + config.clips_noise_std * noise)


def _draw_clip(task: ClipTask) -> None:
    rng = np.random.default_rng(task.seed)
    frames = draw_clip(task.motion, task.appearance, task.config, rng)
    write_video(task.path, frames, task.config.clips_fps)


def write_video(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write grey frames (T, H, W) uint8 as an mp4 file."""
    size = frames.shape[2], frames.shape[1]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
    if not writer.isOpened():
        raise OSError(f'OpenCV could not open {path} for writing (codec mp4v)')
    try:
        for frame in frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    finally:
        writer.release()
