from __future__ import annotations

import numpy as np
import pytest
from mmaction.datasets.transforms import SampleAVAFrames

from mmlt.datasets.transforms import SampleAVATimes


def _results(fps, second, num_frames, start_index=0, timestamp_start=0):
    return dict(
        fps=fps,
        timestamp=second,
        timestamp_start=timestamp_start,
        shot_info=(0, num_frames),
        start_index=start_index,
    )


def _frames(clip_len, interval_sec, **results):
    return SampleAVATimes(clip_len, interval_sec)(_results(**results))['frame_inds'].tolist()


def test_by_hand():
    # half a second apart, the third of four on second 2: seconds 1, 1.5, 2, 2.5
    assert _frames(4, 0.5, fps=10, second=2, num_frames=100) == [10, 15, 20, 25]
    assert _frames(4, 0.5, fps=24, second=2, num_frames=100) == [24, 36, 48, 60]


def test_a_clip_ends_where_its_video_ends():
    assert _frames(5, 0.4, fps=10, second=1, num_frames=13) == [2, 6, 10, 12, 12]
    assert _frames(5, 0.4, fps=10, second=0, num_frames=13) == [0, 0, 0, 4, 8]


def test_the_start_is_second_timestamp_start_and_frame_start_index():
    options = dict(fps=30, num_frames=900, start_index=1, timestamp_start=900)
    # AVA: frame 1 is second 900
    assert _frames(3, 1 / 30, second=910, **options) == [300, 301, 302]


@pytest.mark.parametrize('start_index', [0, 1])
def test_as_mmaction2_but_for_the_start_index_that_it_adds_twice(start_index):
    stock = SampleAVAFrames(clip_len=8, frame_interval=4, test_mode=True)
    results = _results(30, 5, 10_000, start_index)
    due = stock(dict(results))['frame_inds'] - start_index
    ours = SampleAVATimes(8, 4 / 30)(dict(results))
    np.testing.assert_array_equal(ours['frame_inds'], due)
    assert ours['frame_inds'].dtype == due.dtype == np.int32
    assert ours.keys() == stock(dict(results)).keys()


@pytest.mark.parametrize('fps', [5, 8, 10, 12, 15, 24, 25, 30, 50, 60])
def test_no_frame_is_further_than_half_a_frame_from_its_time(fps):
    numbers = np.array(_frames(32, 1 / 15, fps=fps, second=100, num_frames=10**6))
    due = 100 + (np.arange(32) - 16) / 15
    assert np.abs(numbers / fps - due).max() <= 0.5 / fps + 1e-6


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [((0, 0.1), 'clip_len'), ((4, -0.1), 'interval_sec'), ((4, float('nan')), 'interval_sec')],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SampleAVATimes(*arguments)
