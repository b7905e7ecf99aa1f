"""Transforms, registered in scope ``mmlt``."""

from mmlt.datasets.transforms.decode_at_times import DecodeAtTimes
from mmlt.datasets.transforms.decode_ava_clip import DecodeAVAClip
from mmlt.datasets.transforms.keep_drawn_box import KeepDrawnBox
from mmlt.datasets.transforms.load_feature_bank import LoadFeatureBank
from mmlt.datasets.transforms.load_feature_frames import LoadFeatureFrames
from mmlt.datasets.transforms.sample_ava_times import SampleAVATimes
from mmlt.datasets.transforms.scale_jitter import ScaleJitter
from mmlt.datasets.transforms.set_dataset_name import SetDatasetName
from mmlt.datasets.transforms.shuffle_frames import ShuffleFrames
from mmlt.datasets.transforms.sliding_window_frames import SlidingWindowFrames

__all__ = [
    'DecodeAVAClip',
    'DecodeAtTimes',
    'KeepDrawnBox',
    'LoadFeatureBank',
    'LoadFeatureFrames',
    'SampleAVATimes',
    'ScaleJitter',
    'SetDatasetName',
    'ShuffleFrames',
    'SlidingWindowFrames',
]
