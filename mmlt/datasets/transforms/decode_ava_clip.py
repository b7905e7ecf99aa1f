"""Decoding the frames of a clip from where the data set has them."""

from __future__ import annotations

from mmaction.datasets.transforms import RawFrameDecode
from mmcv.transforms import BaseTransform

from mmlt.datasets.transforms.decode_at_times import DecodeAtTimes
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DecodeAVAClip(BaseTransform):
    """Images from a folder of frames, or by time from the video file where a sample names one.

    ``mmlt.AVADataset(video_table=...)`` says which: the same pipeline, and the same clips, for a
    data set with frames on disk and one without. See mmaction2's ``RawFrameDecode`` and
    ``mmlt.DecodeAtTimes`` for the keys.

    Args:
        short_side: Shorter side of frames decoded from a video file, px; never enlarged. Images
            keep the size that they have on disk.
        io_backend: What images are read by.
    """

    def __init__(self, short_side: int | None = None, io_backend: str = 'disk') -> None:
        self.io_backend = io_backend
        self.short_side = short_side
        self.from_images = RawFrameDecode(io_backend=io_backend)
        self.from_video = DecodeAtTimes(short_side=short_side)

    def transform(self, results: dict) -> dict:
        """Add the keys of the decoder that is chosen."""
        decode = self.from_video if 'filename' in results else self.from_images
        return decode(results)

    def __repr__(self) -> str:
        return f'DecodeAVAClip(short_side={self.short_side}, io_backend={self.io_backend!r})'
