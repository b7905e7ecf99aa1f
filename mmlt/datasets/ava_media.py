"""Which file of each video an AVA-style pipeline reads last, and whether it is there."""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Sequence
from typing import Any

from mmaction.datasets.transforms import SampleAVAFrames
from mmengine.fileio import FileClient

from mmlt.datasets.transforms.sample_ava_times import SampleAVATimes

_SAMPLERS = (SampleAVAFrames, SampleAVATimes)


def last_media_files(dataset: Any, samples: Sequence[dict]) -> dict[str, str]:
    """Name the file that must be there for a video's last clip.

    Args:
        dataset: An AVADataset with its pipeline.
        samples: Its data list.

    Returns:
        Video id -> the video file, or the frame with the highest number that a clip can reach;
        {} where the pipeline does not read frames in a way that is known here.
    """
    if not dataset.use_frames:
        return {sample['video_id']: sample['filename'] for sample in samples}
    sampler = next((t for t in _transforms(dataset) if isinstance(t, _SAMPLERS)), None)
    if sampler is None or dataset.modality != 'RGB':
        return {}
    last: dict[str, dict] = {}
    for sample in samples:
        kept = last.setdefault(sample['video_id'], sample)
        if sample['timestamp'] > kept['timestamp']:
            last[sample['video_id']] = sample
    return {
        video: osp.join(
            sample['frame_dir'],
            dataset.filename_tmpl.format(_last_frame(dataset, sampler, sample)),
        )
        for video, sample in last.items()
    }


def _last_frame(dataset: Any, sampler: SampleAVAFrames | SampleAVATimes, sample: dict) -> int:
    """The highest frame number that a sampler can draw for a keyframe."""
    start = sample.get('timestamp_start', dataset.timestamp_start)
    if isinstance(sampler, SampleAVATimes):
        own = dict(sample, timestamp_start=start, start_index=dataset.start_index)
        return int(sampler.frame_numbers(own).max())
    center = sample['fps'] * (sample['timestamp'] - start) + dataset.start_index
    jitter = 0 if sampler.test_mode else (sampler.frame_interval + 1) // 2 - 1
    last = center + (sampler.clip_len - 1 - sampler.clip_len // 2) * sampler.frame_interval + jitter
    first_shot_frame, end = sample['shot_info']
    return max(first_shot_frame, min(last, end - 1)) + dataset.start_index


def media_exists(dataset: Any) -> Callable[[str], bool] | None:
    """The existence test of the storage that the pipeline reads from; None where it has none."""
    if getattr(dataset, 'video_table', None) is not None and not dataset.use_frames:
        return osp.isfile  # mmlt.DecodeAtTimes reads a disk
    for transform in _transforms(dataset):
        if hasattr(transform, 'io_backend'):
            options = getattr(transform, 'kwargs', {})
            client = FileClient(transform.io_backend, **options)
            return client.exists if hasattr(client.client, 'exists') else None
    return None


def _transforms(dataset: Any) -> Sequence:
    return getattr(dataset.pipeline, 'transforms', ())
