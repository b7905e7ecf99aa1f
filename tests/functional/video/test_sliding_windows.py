"""The windows into which a video is split."""

from __future__ import annotations

import pytest

from mmlt.functional import sliding_windows


def _reference_hara(num_frames, size, stride):
    """What the authors' code does, in its own terms: windows over a list, the last one looped."""
    windows = []
    for begin in range(0, num_frames, stride):
        window = list(range(begin, min(num_frames, begin + size)))
        if len(window) == size:
            windows.append(window)
            continue
        looped = [window[i % len(window)] for i in range(size)]
        return [*windows, looped]
    return windows


def test_hand_computed():
    windows = sliding_windows(48)
    assert windows.tolist() == [list(range(32)), list(range(16, 48))]


def test_short_video_is_looped():
    assert sliding_windows(3, clip_len=8).tolist() == [[0, 1, 2, 0, 1, 2, 0, 1]]
    assert sliding_windows(1, clip_len=3).tolist() == [[0, 0, 0]]


def test_frame_interval():
    assert sliding_windows(9, clip_len=3, stride=4, frame_interval=2).tolist() == [
        [0, 2, 4],
        [4, 6, 8],
    ]
    assert sliding_windows(4, clip_len=3, frame_interval=2).tolist() == [[0, 2, 0]]


def test_frames_beyond_the_last_full_window():
    assert sliding_windows(7, clip_len=4, stride=2).tolist() == [[0, 1, 2, 3], [2, 3, 4, 5]]
    assert sliding_windows(7, clip_len=4, stride=2, keep_tail_frames=True).tolist() == [
        [0, 1, 2, 3],
        [2, 3, 4, 5],
        [4, 5, 6, 4],
    ]


@pytest.mark.parametrize(('clip_len', 'stride'), [(32, 16), (4, 3), (4, 4), (3, 5), (1, 1)])
def test_parity_with_the_authors_code(clip_len, stride):
    for num_frames in range(1, 80):
        windows = sliding_windows(
            num_frames, clip_len=clip_len, stride=stride, keep_tail_frames=True
        )
        assert windows.tolist() == _reference_hara(num_frames, clip_len, stride)


@pytest.mark.parametrize('argument', ['num_frames', 'clip_len', 'stride', 'frame_interval'])
@pytest.mark.parametrize('value', [0, 1.5, True])
def test_bad_numbers(argument, value):
    with pytest.raises(ValueError, match=f'{argument} must be an integer of at least 1'):
        sliding_windows(**{'num_frames': 10, argument: value})
