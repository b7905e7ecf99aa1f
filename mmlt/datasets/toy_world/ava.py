"""The toy world in AVA's formats: frames, annotations, label map, exclusions, proposals, counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.datasets.toy_world.context_labels import CONTEXT_KINDS
from mmlt.datasets.toy_world.folders import Progress, run_tasks, write_part
from mmlt.datasets.toy_world.labels import (
    BoxPlan,
    expected_counts,
    head_medium_tail,
    label_kinds,
    label_names,
    plan_boxes,
)
from mmlt.datasets.toy_world.proposals import draw_proposals
from mmlt.datasets.toy_world.scenes import render_video
from mmlt.fileio.proposals import write_proposals


class VideoTask(NamedTuple):
    """One video to draw: ``actors[k]`` are the (n, 3) label ranks of keyframe k, ``holds_above[k]``
    is (n,), whose object is centred.
    """

    config: ToyWorldConfig
    frame_dir: Path
    seed: tuple[int, ...]
    actors: list[np.ndarray]
    holds_above: list[np.ndarray]


class VideoBoxes(NamedTuple):
    """Boxes (n, 4) and proposals (p, 5) of each keyframe."""

    boxes: list[np.ndarray]
    proposals: list[np.ndarray]


def make_ava_world(
    out: Path,
    config: ToyWorldConfig,
    *,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> bool:
    """Write the AVA set into the folder ``out``.

    The bytes depend on the settings alone, not on ``workers``.

    Args:
        out: Becomes ``out/rawframes/VIDEO/img_00001.jpg`` and ``out/annotations``.
        config: With a ``context_share``, ``annotations/SPLIT_context.csv`` names the boxes whose
            object's side only context tells: video, timestamp, person, ``scene`` or ``echo``.
        workers: Processes that draw.
        overwrite: Replace a toy world of other settings.
        progress: Called with (videos done, videos in all).

    Returns:
        Whether anything was written; False means that this very world was already there.

    Raises:
        FileExistsError: ``out`` holds something else.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     config = ToyWorldConfig(scale=0.01)
        ...     (make_ava_world(f'{folder}/ava', config), make_ava_world(f'{folder}/ava', config))
        (True, False)
    """

    def write(folder: Path) -> dict[str, Any]:
        plans = {split: plan_boxes(config, split) for split in SPLITS}
        tasks = [t for split in SPLITS for t in _tasks(folder, config, split, plans[split])]
        videos = []
        for done, video in enumerate(run_tasks(_draw_video, tasks, workers), start=1):
            videos.append(video)
            if progress is not None:
                progress(done, len(tasks))
        annotations = folder / 'annotations'
        annotations.mkdir()
        for split in SPLITS:
            mine = [videos.pop(0) for _ in range(plans[split].num_videos)]
            _write_split(annotations, config, split, plans[split], mine)
        _write_classes(annotations, config, plans['train'])
        return _facts(config, plans)

    return write_part(Path(out), 'ava', config, write, overwrite=overwrite)


def video_id(split: str, index: int) -> str:
    """Eleven characters, as AVA's."""
    return f'toy{split}{index:0{8 - len(split)}d}'


def _tasks(folder: Path, config: ToyWorldConfig, split: str, plan: BoxPlan) -> Iterator[VideoTask]:
    slot = plan.video * config.keyframes_per_video + plan.keyframe
    num_slots = plan.num_videos * config.keyframes_per_video
    starts = np.searchsorted(slot, np.arange(1, num_slots))
    actors, above = np.split(plan.labels, starts), np.split(plan.context > 0, starts)
    for index in range(plan.num_videos):
        first = index * config.keyframes_per_video
        mine = slice(first, first + config.keyframes_per_video)
        frame_dir = folder / 'rawframes' / video_id(split, index)
        seed = (config.seed, SPLITS.index(split), 1, index)
        yield VideoTask(config, frame_dir, seed, actors[mine], above[mine])


def _draw_video(task: VideoTask) -> VideoBoxes:
    config = task.config
    task.frame_dir.mkdir(parents=True)
    video = VideoBoxes([], [])
    drama_rng, proposal_rng = (np.random.default_rng([*task.seed, i]) for i in range(2))
    for second in render_video(config, task.actors, drama_rng, task.holds_above):
        for index, frame in enumerate(second.frames, start=second.first_frame):
            path = task.frame_dir / f'img_{index:05d}.jpg'
            if not cv2.imwrite(str(path), frame, [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality]):
                raise OSError(f'could not write {path}')
        if len(second.boxes):
            video.boxes.append(second.boxes)
            video.proposals.append(draw_proposals(second.boxes, config, proposal_rng))
    return video


def _write_split(
    annotations: Path, config: ToyWorldConfig, split: str, plan: BoxPlan, videos: list[VideoBoxes]
) -> None:
    boxes = np.concatenate([b for video in videos for b in video.boxes])
    first_ids = [kind.first_id for kind in label_kinds(config)]
    rows, context, person, previous = [], [], 0, None
    each = zip(boxes, plan.video, plan.keyframe, plan.labels, plan.context)
    for box, video, keyframe, ranks, kind in each:
        key = f'{video_id(split, video)},{config.first_timestamp + keyframe:04d}'
        person = person + 1 if key == previous else 0
        previous = key
        corners = ','.join(f'{value:.3f}' for value in box)
        rows += [
            f'{key},{corners},{first + rank},{person}\n'
            for first, rank in zip(first_ids, ranks)
            if rank >= 0
        ]
        if kind:
            context.append(f'{key},{person},{CONTEXT_KINDS[kind]}\n')
    (annotations / f'{split}.csv').write_text(''.join(rows), encoding='utf-8')
    if config.context_share:
        (annotations / f'{split}_context.csv').write_text(''.join(context), encoding='utf-8')
    proposals = {
        f'{video_id(split, index)},{config.first_timestamp + keyframe:04d}': found
        for index, video in enumerate(videos)
        for keyframe, found in enumerate(video.proposals)
    }
    write_proposals(annotations / f'{split}_proposals.pkl', proposals)
    excluded = [f'{video_id(split, v)},{t:04d}\n' for v, t in _excluded(config, split, plan)]
    path = annotations / f'{split}_excluded_timestamps.csv'
    path.write_text(''.join(excluded), encoding='utf-8')


def _excluded(config: ToyWorldConfig, split: str, plan: BoxPlan) -> list[tuple[int, int]]:
    """(video, timestamp) of a few keyframes that only head classes can spare."""
    head = head_medium_tail(config)['head']
    spare = np.ones(len(plan.video), dtype=bool)
    for kind, ranks in zip(label_kinds(config), plan.labels.T):
        spare &= (ranks < 0) | np.isin(ranks + kind.first_id, head)
    slot = plan.video * config.keyframes_per_video + plan.keyframe
    free = np.setdiff1d(slot, slot[~spare])
    num_slots = plan.num_videos * config.keyframes_per_video
    wanted = max(1, round(config.excluded_ratio * num_slots))
    rng = np.random.default_rng([config.seed, SPLITS.index(split), 2])
    chosen = np.sort(rng.choice(free, min(wanted, len(free)), replace=False))
    videos, keyframes = np.divmod(chosen, config.keyframes_per_video)
    return list(zip(videos.tolist(), (keyframes + config.first_timestamp).tolist()))


def label_counts(config: ToyWorldConfig, plan: BoxPlan) -> dict[int, int]:
    """Boxes of each class id in a plan."""
    return {
        kind.first_id + rank: int((ranks == rank).sum())
        for kind, ranks in zip(label_kinds(config), plan.labels.T)
        for rank in range(len(kind.names))
    }


def _write_classes(annotations: Path, config: ToyWorldConfig, train: BoxPlan) -> None:
    names = label_names(config)
    items = ''.join(f'item {{\n  name: "{name}"\n  id: {i}\n}}\n' for i, name in names.items())
    (annotations / 'label_map.pbtxt').write_text(items, encoding='utf-8')
    counts = {
        'source': 'toy world: boxes of each label in train.csv, excluded keyframes included',
        'unit': 'boxes',
        'classes': [
            {'id': i, 'name': names[i], 'count': count}
            for i, count in label_counts(config, train).items()
        ],
    }
    split = {
        'source': (
            f'toy world: training boxes expected of the Zipf law at scale 1; head from '
            f'{config.head_min:g} on, tail below {config.tail_max:g}'
        ),
        **head_medium_tail(config),
    }
    for name, content in (('train_counts.json', counts), ('split.json', split)):
        text = json.dumps(content, indent=1) + '\n'
        (annotations / name).write_text(text, encoding='utf-8')


def _facts(config: ToyWorldConfig, plans: dict[str, BoxPlan]) -> dict[str, Any]:
    """What a config for mmaction2's AVADataset has to say of this world."""
    facts = {
        'num_classes': len(expected_counts(config)) + 1,
        'fps': config.fps,
        'start_index': 1,
        'filename_tmpl': 'img_{:05}.jpg',
        'timestamp_start': config.timestamp_start,
        'timestamp_end': config.timestamp_end,
        'num_videos': {split: plan.num_videos for split, plan in plans.items()},
        'num_keyframes': {
            split: plan.num_videos * config.keyframes_per_video for split, plan in plans.items()
        },
        'num_boxes': {split: len(plan.video) for split, plan in plans.items()},
    }
    if config.context_share:
        facts['num_context_labels'] = {
            split: {
                kind: int((plan.context == place).sum())
                for place, kind in enumerate(CONTEXT_KINDS)
                if kind
            }
            for split, plan in plans.items()
        }
    return facts
