"""Sampling all windows of a video, for testing."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmlt.functional import sliding_windows
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SlidingWindowFrames(BaseTransform):
    """Split a video into windows of ``clip_len`` frames, ``stride`` frames apart.

    Stands where mmaction2's ``SampleFrames`` does. The number of windows changes from video to
    video, so the batch size must be 1. See :func:`mmlt.functional.sliding_windows`.

    Required keys: total_frames, start_index.
    Added keys: frame_inds, clip_len, frame_interval, num_clips.

    Args:
        clip_len: Frames of a window.
        stride: Frames of the video from one window's start to the next one's.
        frame_interval: Frames of the video from one frame of a window to the next.
        keep_tail_frames: Whether frames after the last full window make one more, looped.
    """

    def __init__(
        self,
        clip_len: int = 32,
        stride: int = 16,
        frame_interval: int = 1,
        keep_tail_frames: bool = False,
    ) -> None:
        self.options = dict(
            clip_len=clip_len,
            stride=stride,
            frame_interval=frame_interval,
            keep_tail_frames=keep_tail_frames,
        )
        sliding_windows(1, **self.options)  # checks them

    def transform(self, results: dict) -> dict:
        """Set the frame indices of all windows; see the class."""
        windows = sliding_windows(results['total_frames'], **self.options)
        results['frame_inds'] = (windows.ravel() + results['start_index']).astype(np.int32)
        results['num_clips'], results['clip_len'] = windows.shape
        results['frame_interval'] = self.options['frame_interval']
        return results

    def __repr__(self) -> str:
        options = ', '.join(f'{key}={value}' for key, value in self.options.items())
        return f'{type(self).__name__}({options})'
