"""The transform that samples all windows: equal to the functional, in mmaction2's terms."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmlt.functional import sliding_windows


def _build(**options):
    return TRANSFORMS.build({'type': 'mmlt.SlidingWindowFrames', **options})


def test_all_windows_of_a_video():
    results = _build()({'total_frames': 50, 'start_index': 0})
    assert results['frame_inds'].tolist() == [*range(32), *range(16, 48)]
    assert results['frame_inds'].dtype == np.int32
    assert (results['num_clips'], results['clip_len'], results['frame_interval']) == (2, 32, 1)


def test_frames_on_disk_count_from_one():
    results = _build(clip_len=4, stride=2)({'total_frames': 3, 'start_index': 1})
    assert results['frame_inds'].tolist() == [1, 2, 3, 1]


def test_options_reach_the_functional():
    options = {'clip_len': 5, 'stride': 3, 'frame_interval': 2, 'keep_tail_frames': True}
    results = _build(**options)({'total_frames': 20, 'start_index': 0})
    expected = sliding_windows(20, **options)
    assert results['frame_inds'].tolist() == expected.ravel().tolist()
    assert results['num_clips'] == len(expected)
    assert results['frame_interval'] == 2


def test_one_window_is_what_sample_frames_takes():
    """mmaction2's own sampling of a video that holds exactly one clip."""
    start = {'total_frames': 8, 'start_index': 0}
    with DefaultScope.overwrite_default_scope('mmaction'):
        stock = TRANSFORMS.build({'type': 'SampleFrames', 'clip_len': 8, 'test_mode': True})
    ours, theirs = _build(clip_len=8)(dict(start)), stock(dict(start))
    assert ours.keys() == theirs.keys()
    assert ours['frame_inds'].tolist() == theirs['frame_inds'].tolist()


def test_in_a_pipeline(tmp_path):
    """Every window of a real video, as the model gets them."""
    path = str(tmp_path / 'v.avi')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'MJPG'), 8, (16, 16))
    for number in range(7):
        writer.write(np.full((16, 16, 3), 30 * number, np.uint8))
    writer.release()
    steps = ['OpenCVInit', _cfg(clip_len=4, stride=2), 'OpenCVDecode', _cfg('FormatShape')]
    with DefaultScope.overwrite_default_scope('mmaction'):
        pipeline = Compose([s if isinstance(s, dict) else {'type': s} for s in steps])
        clips = pipeline({'filename': path, 'start_index': 0, 'modality': 'RGB'})['imgs']
    assert clips.shape == (2, 3, 4, 16, 16)
    values = np.round(clips.mean(axis=(1, 3, 4)) / 30)
    assert values.tolist() == [[0, 1, 2, 3], [2, 3, 4, 5]]


def _cfg(name='mmlt.SlidingWindowFrames', **options):
    return {'type': name, **options, **({'input_format': 'NCTHW'} if 'Format' in name else {})}


def test_repr_and_bad_options():
    assert 'stride=3' in repr(_build(stride=3))
    with pytest.raises(ValueError, match='stride must be an integer of at least 1, got 0'):
        _build(stride=0)
