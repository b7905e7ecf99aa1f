"""Short mp4 files in VideoLT's layout: long-tailed, a quarter with two classes, part background.

T frames of S x S pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.datasets.toy_world.clips import APPEARANCES, MOTIONS, draw_clip, write_video
from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.drawing import smooth_ground, to_uint8
from mmlt.datasets.toy_world.features import write_feature_lists
from mmlt.datasets.toy_world.folders import Progress, run_tasks, write_part

#: Videos whose first class is each of the appearances, at scale 1.
NUM_VIDEOS = {
    'train': (14, 8, 5, 3, 2, 2, 1, 1),
    'val': (1,) * len(APPEARANCES),
    'test': (2,) * len(APPEARANCES),
}


class VideoTask(NamedTuple):
    """One video to draw."""

    config: ToyWorldConfig
    path: Path
    seed: tuple[int, ...]
    labels: list[int]


def make_video_world(
    out: Path,
    config: ToyWorldConfig,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Write the video set into the folder ``out``.

    ``out/videos/VIDEO.mp4`` are the videos, a class being an appearance; the lists are those of
    :func:`make_feature_world`. Arguments, returns and errors are those of :func:`make_ava_world`.
    """

    def write(folder: Path) -> dict[str, Any]:
        (folder / 'videos').mkdir()
        labels = {split: plan_videos(config, split) for split in SPLITS}
        write_feature_lists(folder, labels, [name.replace(' ', '_') for name in APPEARANCES])
        tasks = [
            VideoTask(
                config,
                folder / 'videos' / f'{split}_{index:05d}.mp4',
                (config.seed, SPLITS.index(split), 7, index),
                classes,
            )
            for split in SPLITS
            for index, classes in enumerate(labels[split])
        ]
        for done, _ in enumerate(run_tasks(_draw_video, tasks, workers), start=1):
            if progress is not None:
                progress(done, len(tasks))
        facts = {split: len(videos) for split, videos in labels.items()}
        return {'num_classes': len(APPEARANCES), 'num_videos': facts}

    return write_part(Path(out), 'videos', config, write, overwrite=overwrite)


def plan_videos(config: ToyWorldConfig, split: str) -> list[list[int]]:
    """Class indices of each video; every fourth shows the commonest class besides its own."""
    counts = np.maximum(np.rint(np.multiply(NUM_VIDEOS[split], config.scale)), 1).astype(int)
    firsts = np.repeat(np.arange(len(counts)), counts).tolist()
    return [sorted({label, 0} if i % 4 == 3 else {label}) for i, label in enumerate(firsts)]


def draw_video(labels: list[int], config: ToyWorldConfig, rng: np.random.Generator) -> np.ndarray:
    """Frames (T, S, S) uint8: one clip of each class and one without an actor, in any order."""
    size = (config.clips_size, config.clips_size)
    ground = smooth_ground(rng, size, config.background_std)
    noise = rng.standard_normal((config.clips_frames, *size), dtype=np.float32)
    clips = [to_uint8(ground + config.clips_noise_std * noise)]
    for label in labels:
        motion = MOTIONS[rng.integers(len(MOTIONS))]
        clips.append(draw_clip(motion, APPEARANCES[label], config, rng))
    return np.concatenate([clips[index] for index in rng.permutation(len(clips))])


def _draw_video(task: VideoTask) -> None:
    frames = draw_video(task.labels, task.config, np.random.default_rng(task.seed))
    write_video(task.path, frames, task.config.clips_fps)
