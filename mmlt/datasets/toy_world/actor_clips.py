"""Clips of the AVA set's own actors, one large in the frame and one class each: its "Kinetics".

T frames of S x S pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.datasets.toy_world.clips import write_video
from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.drawing import to_uint8
from mmlt.datasets.toy_world.folders import Progress, run_tasks, write_part
from mmlt.datasets.toy_world.labels import label_kinds
from mmlt.datasets.toy_world.scenes import draw_actor, draw_look, place_actors

#: Ranks of the AVA set's poses that are classes here: the six commonest, which show every motion
#: and every shape, and of the eleven rarest, its tail, every second one. So six of the tail's poses
#: are shared, as often as the head's; the other five are shared in their parts alone.
CLASS_RANKS = (*range(6), *range(9, 20, 2))


class ActorClipTask(NamedTuple):
    """One clip to draw."""

    config: ToyWorldConfig
    path: Path
    seed: tuple[int, ...]
    rank: int


def make_actor_clip_world(
    out: Path,
    config: ToyWorldConfig,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Write the clip set into the folder ``out``.

    ``out/videos/*.mp4`` are the clips, ``labels.txt`` has a class name a line, ``train.txt``,
    ``val.txt`` and ``test.txt`` have lines ``path label``, the path relative to ``videos``.
    Arguments, returns and errors are those of :func:`make_ava_world`.
    """

    def write(folder: Path) -> dict[str, Any]:
        (folder / 'videos').mkdir()
        poses = label_kinds(config)[0]
        names = [poses.names[rank] for rank in CLASS_RANKS]
        (folder / 'labels.txt').write_text('\n'.join(names) + '\n', encoding='utf-8')
        tasks = [task for split in SPLITS for task in _write_list(folder, split, config)]
        for done, _ in enumerate(run_tasks(_draw_clip, tasks, workers), start=1):
            if progress is not None:
                progress(done, len(tasks))
        ava_ids = [poses.first_id + rank for rank in CLASS_RANKS]
        return {'num_classes': len(names), 'ava_ids': ava_ids}

    return write_part(Path(out), 'actor_clips', config, write, overwrite=overwrite)


def _write_list(folder: Path, split: str, config: ToyWorldConfig) -> Iterator[ActorClipTask]:
    """Write the list file of a split and yield its clips, as many of each class."""
    per_class = max(1, round(getattr(config, f'actor_clips_{split}') * config.scale))
    lines = []
    for index in range(per_class * len(CLASS_RANKS)):
        label = index // per_class
        path = f'{split}_{index:04d}.mp4'
        lines.append(f'{path} {label}\n')
        seed = (config.seed, SPLITS.index(split), 8, index)
        yield ActorClipTask(config, folder / 'videos' / path, seed, CLASS_RANKS[label])
    (folder / f'{split}.txt').write_text(''.join(lines), encoding='utf-8')


def draw_actor_clip(rank: int, config: ToyWorldConfig, rng: np.random.Generator) -> np.ndarray:
    """Frames (T, S, S) uint8 of one actor with the pose of that rank, on a ground of its own.

    It moves as fast for its size as in the AVA set, holds an object and has a partner as often; T
    is one and a half ``clip_len``, so that a sampled clip may begin at several frames.
    """
    size = config.actor_clips_size
    config = dataclasses.replace(
        config, height=size, width=size, size_range=config.actor_clips_size_range
    )
    look = draw_look(config, rng)
    (centre,) = place_actors(1, look, config, rng)
    _, objects, interactions = label_kinds(config)
    labels = [rank]
    for kind in (objects, interactions):
        labels.append(rng.integers(len(kind.names)) if rng.random() < kind.prob else -1)
    frames = np.repeat(look.ground[None], config.clip_len + config.clip_len // 2, axis=0)
    draw_actor(frames, centre, np.array(labels), look, config, rng)
    noise = rng.standard_normal(frames.shape, dtype=np.float32)
    return to_uint8(frames + config.noise_std * noise)


def _draw_clip(task: ActorClipTask) -> None:
    frames = draw_actor_clip(task.rank, task.config, np.random.default_rng(task.seed))
    write_video(task.path, frames, task.config.fps)
