"""Feature sequences in VideoLT's layout: long-tailed, multi-label, mostly background.

V videos, C classes, T frames, D channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.folders import Progress, write_part


class Prototypes(NamedTuple):
    """Unit vectors: of the classes (C, D) and of a few backgrounds (8, D)."""

    classes: np.ndarray
    backgrounds: np.ndarray


def make_feature_world(
    out: Path,
    config: ToyWorldConfig,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Write the feature set into the folder ``out``.

    ``out/features/VIDEO.npy`` holds (T, D) float32; ``train.lst``, ``val.lst`` and ``test.lst``
    hold lines ``VIDEO a,b`` (class indices from 0); ``count-labels-train.lst`` holds lines ``name
    index count``. Arguments, returns and errors are those of :func:`make_ava_world`; ``workers`` is
    not needed, the set is written in seconds.
    """
    del workers

    def write(folder: Path) -> dict[str, Any]:
        (folder / 'features').mkdir()
        prototypes = draw_prototypes(config)
        labels = {split: plan_labels(config, split) for split in SPLITS}
        num_videos, done = sum(map(len, labels.values())), 0
        for split in SPLITS:
            for index, classes in enumerate(labels[split]):
                name = f'{split}_{index:05d}'
                rng = np.random.default_rng([config.seed, SPLITS.index(split), 5, index])
                sequence = draw_sequence(classes, prototypes, config, rng)
                np.save(folder / 'features' / f'{name}.npy', sequence)
                done += 1
                if progress is not None:
                    progress(done, num_videos)
        names = [f'toy_class_{index:02d}' for index in range(config.features_classes)]
        write_feature_lists(folder, labels, names)
        facts = {split: len(videos) for split, videos in labels.items()}
        return {'num_classes': config.features_classes, 'num_videos': facts}

    return write_part(Path(out), 'features', config, write, overwrite=overwrite)


def class_counts(config: ToyWorldConfig, split: str) -> np.ndarray:
    """Videos of each class (C,), commonest first.

    In training a shifted Zipf law, ``(rank + 3) ** -s``, from ``features_most`` to
    ``features_fewest``; in val and test proportional to its square root, ``features_eval`` or more.
    """
    ranks = np.arange(config.features_classes) / 3 + 1
    exponent = np.log(config.features_most / config.features_fewest) / np.log(ranks[-1])
    counts = config.features_most * ranks**-exponent
    if split != 'train':
        counts = config.features_eval * np.sqrt(counts / config.features_fewest) / 2
        counts = np.maximum(counts, config.features_eval)
    return np.maximum(np.rint(counts * config.scale), 1).astype(int)


def plan_labels(config: ToyWorldConfig, split: str) -> list[list[int]]:
    """Class indices of each video: one, or in three of ten cases two different ones."""
    rng = np.random.default_rng([config.seed, SPLITS.index(split), 4])
    counts = class_counts(config, split)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    num_second = int(round(0.3 / 1.3 * len(labels)))
    videos = [[int(label)] for label in labels[num_second:]]
    order = rng.permutation(len(videos))
    for label in labels[:num_second].tolist():
        place = next((i for i, v in enumerate(order) if videos[v][0] != label), None)
        if place is None:
            videos.append([label])
            continue
        videos[order[place]].append(label)
        order = np.delete(order, place)
    return [sorted(video) for video in videos]


def draw_prototypes(config: ToyWorldConfig) -> Prototypes:
    """Prototypes in which each rare class leans on a common one, its neighbour."""
    rng = np.random.default_rng([config.seed, 6])
    num_classes, dim = config.features_classes, config.features_dim
    classes = _unit(rng.standard_normal((num_classes, dim)))
    common = max(1, num_classes // 4)
    neighbours = classes[np.arange(num_classes) % common]
    lean = np.where(np.arange(num_classes) < common, 0.0, 0.7)[:, None]
    classes = _unit(lean * neighbours + (1 - lean) * classes)
    return Prototypes(classes, _unit(rng.standard_normal((8, dim))))


def draw_sequence(
    classes: list[int], prototypes: Prototypes, config: ToyWorldConfig, rng: np.random.Generator
) -> np.ndarray:
    """Features (T, D) float32: each class in one stretch of the video, background elsewhere."""
    shortest, longest = config.features_length_range
    num_frames = int(rng.integers(shortest, longest + 1))
    backgrounds = rng.choice(len(prototypes.backgrounds), 2, replace=False)
    # One cut from one background to the other, at any frame.
    which = (np.arange(num_frames) >= rng.integers(num_frames)).astype(int)
    sequence = prototypes.backgrounds[backgrounds[which]]
    # Two classes share the video evenly, so that neither covers the other.
    for part, label in zip(np.array_split(np.arange(num_frames), len(classes)), classes):
        shown = max(1, int(rng.uniform(*config.features_shown_range) * len(part)))
        start = part[0] + rng.integers(len(part) - shown + 1)
        sequence[start : start + shown] = prototypes.classes[label]
    style = rng.normal(0, config.features_noise_std / 4, size=sequence.shape[1])
    noise = rng.normal(0, config.features_noise_std, size=sequence.shape)
    return (sequence + style + noise).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def write_feature_lists(folder: Path, labels: dict[str, list[list[int]]], names: list[str]) -> None:
    """Write the list of each split, whose videos are SPLIT_00000 and so on, and the count file."""
    for split, videos in labels.items():
        lines = [f'{split}_{i:05d} {",".join(map(str, v))}\n' for i, v in enumerate(videos)]
        (folder / f'{split}.lst').write_text(''.join(lines), encoding='utf-8')
    counts = np.bincount(np.concatenate(labels['train']), minlength=len(names))
    lines = [f'{name} {i} {count}\n' for i, (name, count) in enumerate(zip(names, counts))]
    (folder / 'count-labels-train.lst').write_text(''.join(lines), encoding='utf-8')
