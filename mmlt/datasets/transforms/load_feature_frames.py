"""Loading some frames of a video's stored features."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmlt.fileio.frame_features import open_frame_features
from mmlt.functional.checks import check_choice, check_integer
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadFeatureFrames(BaseTransform):
    """Read ``num_frames`` frames of a (T, D) feature file, and no others, in their order.

    Required keys: filename; feature_dim where the width is to be checked.
    Added keys: imgs (num_frames, D) float32, frame_inds, total_frames (T).

    Args:
        num_frames: VideoLT trains on 60 and tests on 150.
        mode: 'random', by numpy's global generator, for training, or 'even', from the first frame
            to the last, for testing.
        replace: Whether frames are drawn independently, so that some come twice. A video
            of fewer than ``num_frames`` frames is drawn from so in any case.

    Reference:
        Zhang et al., "VideoLT: Large-scale Long-tailed Video Recognition", ICCV 2021, section 5.1.

    Differs from reference:
        The paper says "randomly sampling 60 frames"; its code draws them independently
        (``replace=True``), of 150 frames about 50 different ones. Here they all differ where the
        video is long enough. 'even' truncates as the code does.
    """

    def __init__(self, num_frames: int = 60, mode: str = 'random', replace: bool = False) -> None:
        self.num_frames = check_integer('num_frames', num_frames, 1)
        self.mode = check_choice('mode', mode, ('random', 'even'))
        self.replace = replace

    def transform(self, results: dict) -> dict:
        """Read the frames; see the class."""
        path = results['filename']
        mapped = open_frame_features(path, results.get('feature_dim'))
        indices = self._draw(len(mapped))
        features = mapped[indices].astype(np.float32)
        if not np.isfinite(features).all():
            frame = indices[(~np.isfinite(features)).any(axis=1)][0]
            raise ValueError(f'{path}: frame {frame} holds a feature that is nan or infinite')
        results['imgs'] = features
        results['frame_inds'] = indices
        results['total_frames'] = len(mapped)
        return results

    def _draw(self, total: int) -> np.ndarray:
        if self.mode == 'even':
            return np.linspace(0, total - 1, self.num_frames).astype(np.int64)
        replace = self.replace or total < self.num_frames
        # numpy's global generator: the one that loader workers seed and checkpoints keep.
        drawn = np.random.choice(total, self.num_frames, replace=replace)  # noqa: NPY002
        return np.sort(drawn)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_frames={self.num_frames}, mode={self.mode!r}, '
            f'replace={self.replace})'
        )
