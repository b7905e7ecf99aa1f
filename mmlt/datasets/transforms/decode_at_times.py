"""Reading a clip from a video file by time."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmlt.fileio.image_frames import shrink
from mmlt.fileio.timed_video import frame_times, frames_at
from mmlt.functional.checks import check_integer
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DecodeAtTimes(BaseTransform):
    """Decode the frames that a video file shows at the times of a clip.

    In the place of mmaction2's ``RawFrameDecode``, for a dataset without frames on disk: frame k is
    what the file shows k / fps seconds after ``start_sec``, so the clip is the one that
    tools/data/prepare_videos.py writes. See :func:`mmlt.fileio.timed_video.frames_at`. Needs PyAV.

    Required keys: filename, start_sec, fps, frame_inds (L,), in any order, also several times the
    same, from 0 on; gt_bboxes, proposals (optional).
    Added keys: imgs (L of (H, W, 3) uint8, RGB), original_shape, img_shape.
    Modified keys: gt_bboxes, proposals: from fractions of the frame to pixels, float32.

    Args:
        short_side: Larger frames are shrunk to so many pixels, as those on disk are; None leaves
            them as they are.

    Differs from reference: mmaction2's decoders of videos take the frame of an index, of which a
    file of 29.97 frames a second has other numbers than 30 times the seconds.
    """

    def __init__(self, short_side: int | None = 256) -> None:
        if short_side is not None:
            check_integer('short_side', short_side, 1)
        self.short_side = short_side

    def transform(self, results: dict) -> dict:
        """Decode the frames; see the class."""
        numbers, places = np.unique(results['frame_inds'], return_inverse=True)
        times = frame_times(results['start_sec'], numbers, results['fps'])
        images = [
            np.ascontiguousarray(shrink(image, self.short_side)[..., ::-1])
            for image in frames_at(results['filename'], times)
        ]
        results['imgs'] = [images[place].copy() for place in places.ravel().tolist()]
        results['original_shape'] = results['img_shape'] = images[0].shape[:2]
        if 'gt_bboxes' in results:  # of proposals alone RawFrameDecode makes nothing
            height, width = results['img_shape']
            scale = np.array([width, height, width, height])
            for key in ('gt_bboxes', 'proposals'):
                if results.get(key) is not None:
                    results[key] = (results[key] * scale).astype(np.float32)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(short_side={self.short_side})'
