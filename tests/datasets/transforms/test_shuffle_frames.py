"""The transform that shuffles: equal to the functional, before and after decoding."""

from __future__ import annotations

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

from mmlt.functional import shuffled_frame_order

START = {'filename': 'videos/v.mp4', 'num_clips': 2, 'clip_len': 3}


def _build(**options):
    return TRANSFORMS.build({'type': 'mmlt.ShuffleFrames', **options})


def test_indices_within_their_windows():
    frame_inds = np.array([0, 1, 2, 10, 11, 12], np.int32)
    results = _build(seed=4, shuffle=2)({**START, 'frame_inds': frame_inds})
    order = shuffled_frame_order('v', 2, 3, seed=4, shuffle=2)
    assert results['frame_inds'].tolist() == [*order[0], *(10 + order[1])]
    assert results['frame_inds'].dtype == np.int32


def test_decoded_frames_of_two_crops():
    imgs = [np.full((2, 2), value) for value in (0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32)]
    frame_inds = np.arange(6)
    results = _build()({**START, 'imgs': imgs, 'frame_inds': frame_inds})
    order = shuffled_frame_order('v', 2, 3)
    expected = [*order[0], *(10 + order[1]), *(20 + order[0]), *(30 + order[1])]
    assert [int(img[0, 0]) for img in results['imgs']] == expected
    assert results['frame_inds'].tolist() == list(range(6))  # what was decoded stays on record


def test_before_or_after_decoding_is_the_same():
    frame_inds = np.array([3, 4, 5, 4, 5, 6])
    before = _build()({**START, 'frame_inds': frame_inds})['frame_inds']
    after = _build()({**START, 'frame_inds': frame_inds, 'imgs': list(frame_inds)})['imgs']
    assert before.tolist() == after


def test_segments_are_one_window():
    start = {'frame_dir': 'rawframes/v', 'num_clips': 8, 'clip_len': 1}
    results = _build()({**start, 'frame_inds': np.arange(0, 80, 10)})
    assert results['frame_inds'].tolist() == (10 * shuffled_frame_order('v', 1, 8)[0]).tolist()


def test_does_not_depend_on_what_came_before():
    transform = _build()
    first = transform({**START, 'frame_inds': np.arange(6)})['frame_inds'].tolist()
    transform({**START, 'filename': 'other.mp4', 'frame_inds': np.arange(6)})
    again = transform({**START, 'frame_inds': np.arange(6)})['frame_inds'].tolist()
    assert first == again


def test_errors():
    with pytest.raises(ValueError, match='v: 5 frame_inds are not 2 windows of 3 frames'):
        _build()({**START, 'frame_inds': np.arange(5)})
    with pytest.raises(ValueError, match='seed must be an integer of at least 0'):
        _build(seed=-1)
    assert repr(_build(seed=3)) == 'ShuffleFrames(seed=3, shuffle=1)'
