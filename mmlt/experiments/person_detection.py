"""What the tools share that find persons in keyframes: a detector of mmdet, and its run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmengine.device import get_device

from mmlt.datasets.keyframe_batches import KeyframeBatches
from mmlt.experiments.box_extraction import hash_settings
from mmlt.fileio.checkpoints import hash_file
from mmlt.fileio.feature_folder import Failure, Video
from mmlt.models.hog_person_detector import HOGPersonDetector
from mmlt.models.person_detector import (
    PersonDetector,
    build_detector,
    image_pipeline,
    person_index,
    read_config,
)


class PersonSource(NamedTuple):
    """A detector of persons, in two steps.

    Attributes:
        pipeline: Of an image in a reading process: from ``img``, (H, W, 3) uint8 BGR, what
            ``detect`` needs of it.
        detect: Of some images in the main process: (n, 5) boxes of each, see
            :class:`~mmlt.models.person_detector.PersonDetector`.
        settings: What the boxes depend on.
    """

    pipeline: Callable[[dict], Any]
    detect: Callable[[Sequence], Sequence[np.ndarray]]
    settings: dict[str, Any]


def mmdet_persons(
    config_path: str,
    checkpoint: str,
    *,
    person_label: str = 'person',
    score_thr: float = 0.05,
    device: str | None = None,
    cfg_options: Mapping | None = None,
) -> PersonSource:
    """Persons by any detector of mmdet 3.x.

    Args:
        config_path: Its config.
        checkpoint: Its weights, a local file.
        person_label: Name or index of the class.
        score_thr: Boxes scored lower are left out.
        device: Where it runs; None: a GPU where there is one.
        cfg_options: What to change in the config.

    Raises:
        FileNotFoundError: No such file.
        ValueError: No config of a detector, weights of another model, or no such class.
    """
    config = read_config(config_path, cfg_options or {})
    pipeline = image_pipeline(config)
    model = build_detector(config, checkpoint, device or get_device())
    label = person_index(config, checkpoint, person_label)
    settings = {
        'weights_sha256': hash_file(checkpoint),
        'config_sha256': hash_settings(config, config.test_dataloader.dataset.to_dict()),
        'person_label': label,
        'score_thr': score_thr,
    }
    return PersonSource(pipeline, PersonDetector(model, label, score_thr), settings)


def hog_persons(score_thr: float = 0.5) -> PersonSource:
    """Persons by OpenCV's HOG detector, a stand-in; each reading process detects in its images.

    Raises:
        ImportError: OpenCV has it not.
    """
    return PersonSource(_HOGStep(score_thr), list, {'detector': 'hog', 'score_thr': score_thr})


class _HOGStep:
    def __init__(self, score_thr: float) -> None:
        self.detector = HOGPersonDetector(score_thr)

    def __call__(self, results: dict) -> np.ndarray:
        return self.detector(results['img'])


def detect_videos(
    detect: Callable[[Sequence], Sequence[np.ndarray]],
    batches: KeyframeBatches,
    num_workers: int,
    *,
    write: Callable[[Video, np.ndarray], object],
    advance: Callable[[int, int], object],
    last_second: int | None = None,
) -> list[Failure]:
    """Detect in the keyframes of videos and write their boxes, video by video.

    Args:
        detect: See :class:`PersonSource`.
        batches: Of the videos.
        num_workers: Reading processes.
        write: Called with a video and its (n, 6) rows: second, corners, score.
        advance: Called with the numbers of videos and of keyframes done since.
        last_second: A video that ends before it is told of.

    Returns:
        The videos that could not be read to their end; nothing of them is written.
    """
    rows: dict[Video, list[np.ndarray]] = {video: [] for video in batches.videos}
    last: dict[Video, int] = {}
    failures = []
    for batch in batches.load(num_workers):
        video, reason = batch.video, batch.reason
        if video not in rows:  # it has failed
            continue
        if batch.samples:
            try:
                rows[video] += _rows(batch.seconds, detect(batch.samples))
                last[video] = batch.seconds[-1]
                advance(0, len(batch.seconds))
                continue
            except ValueError as error:
                reason = str(error)
        found = rows.pop(video)
        if reason is not None:
            failures.append(Failure(video.video_id, video.path, reason))
            warn(f'{video.path} is left out: {reason}')
        else:
            write(video, np.concatenate(found))
            if last_second is not None and last[video] < last_second:
                warn(f'{video.path} ends before second {last[video] + 1}')
        advance(1, 0)
    return failures


def _rows(seconds: Sequence[int], boxes: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [np.insert(of_one, 0, second, axis=1) for second, of_one in zip(seconds, boxes)]


def warn(message: str) -> None:
    """Tell of something on standard error that is no reason to stop."""
    print(f'warning: {message}', file=sys.stderr, flush=True)
