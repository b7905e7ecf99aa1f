"""Shuffling the frames of each clip in a pipeline."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmlt.functional import shuffled_frame_order, video_name, window_shape
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ShuffleFrames(BaseTransform):
    """Put the frames of each window into a random order that depends on the video alone.

    Stands after the sampling of frames, better after their decoding too: decoders are slow on
    unordered indices. See :func:`mmlt.functional.shuffled_frame_order`;
    ``mmlt.ShuffleBiasTestLoop`` with the same ``seed`` shuffles likewise.

    Required keys: frame_inds or imgs, num_clips, clip_len, and one of img_key, filename, frame_dir.
    Modified keys: imgs if there, else frame_inds.

    Args:
        seed: Of the experiment.
        shuffle: Number of the shuffle: another number is another order.
    """

    def __init__(self, seed: int = 0, shuffle: int = 1) -> None:
        self.seed = seed
        self.shuffle = shuffle
        shuffled_frame_order('', 1, 1, seed=seed, shuffle=shuffle)  # checks both

    def transform(self, results: dict) -> dict:
        """Reorder the frames; see the class."""
        num_windows, clip_len = window_shape(results['num_clips'], results['clip_len'])
        order = shuffled_frame_order(
            video_name(results), num_windows, clip_len, seed=self.seed, shuffle=self.shuffle
        )
        places = (np.arange(num_windows)[:, None] * clip_len + order).ravel()
        key = 'imgs' if 'imgs' in results else 'frame_inds'
        frames = results[key]
        if len(frames) == 0 or len(frames) % len(places):
            raise ValueError(
                f'{video_name(results)}: {len(frames)} {key} are not {num_windows} windows of '
                f'{clip_len} frames'
            )
        starts = range(0, len(frames), len(places))  # each crop of the video
        shuffled = [frames[start + place] for start in starts for place in places]
        results[key] = np.asarray(shuffled) if isinstance(frames, np.ndarray) else shuffled
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(seed={self.seed}, shuffle={self.shuffle})'
