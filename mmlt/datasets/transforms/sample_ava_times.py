"""Sampling the clip of a keyframe in seconds, whatever the frame rate is."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmlt.functional.checks import check_integer, check_real
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SampleAVATimes(BaseTransform):
    r"""Choose the frames of a clip by their times around a keyframe.

    Frame i of L is the one nearest to

    .. math:: t + (i - \lfloor L / 2 \rfloor) \, \Delta

    seconds, t the keyframe's second; before the first or behind the last frame of the video it is
    that one, repeated. A clip so lasts as long at 10 frames a second as at 30. Frames further apart
    than ``interval_sec`` are repeated within the clip.

    Required keys: fps, timestamp, timestamp_start, shot_info (first, last + 1), start_index.
    Added keys: those of mmaction2's ``SampleAVAFrames``: frame_inds (L,) int32, clip_len,
    frame_interval (frames, may be a fraction), num_clips, crop_quadruple.

    Args:
        clip_len: L, frames.
        interval_sec: From one frame to the next, s.

    Differs from reference: ``SampleAVAFrames`` counts in frames, of a whole number each, moves
    each frame by chance in training, and adds ``start_index`` twice, so that a clip of frames
    counted from 1 is one frame late. Here it is added once, and nothing is left to chance.
    """

    def __init__(self, clip_len: int, interval_sec: float) -> None:
        self.clip_len = check_integer('clip_len', clip_len, 1)
        self.interval_sec = check_real('interval_sec', interval_sec, 0, 60)

    def frame_numbers(self, results: dict) -> np.ndarray:
        """The number of each frame, (L,) int32; see the class for the keys that are read."""
        offsets = (np.arange(self.clip_len) - self.clip_len // 2) * self.interval_sec
        seconds = results['timestamp'] - results['timestamp_start'] + offsets
        # nearest; the addend makes one of two alike the later, and 1e-6 hides what a product loses
        places = np.floor(results['fps'] * seconds + 0.5 + 1e-6).astype(np.int32)
        first, stop = results['shot_info']
        return np.clip(places, first, stop - 1) + np.int32(results['start_index'])

    def transform(self, results: dict) -> dict:
        """Add the keys that the class names."""
        results['frame_inds'] = self.frame_numbers(results)
        results['clip_len'] = self.clip_len
        results['frame_interval'] = self.interval_sec * results['fps']
        results['num_clips'] = 1
        results['crop_quadruple'] = np.array([0, 0, 1, 1], dtype=np.float32)
        return results

    def __repr__(self) -> str:
        return f'SampleAVATimes(clip_len={self.clip_len}, interval_sec={self.interval_sec})'
