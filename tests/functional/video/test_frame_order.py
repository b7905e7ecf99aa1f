"""The shuffled order of a video's frames, and its application to decoded clips."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import shuffle_clips, shuffled_frame_order, video_name, window_shape

ROOT = Path(__file__).parents[3]


def _reference_order(name, num_windows, clip_len, seed, shuffle):
    """The documented rule, window by window, by Python's own big integers."""
    digest = hashlib.sha256(f'{seed}\n{shuffle}\n{name}'.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], 'little') for i in range(0, 32, 4)]
    random = np.random.RandomState(words)
    return [random.permutation(clip_len).tolist() for _ in range(num_windows)]


def test_rows_are_permutations():
    order = shuffled_frame_order('v', 5, 32)
    assert order.dtype == np.int64
    assert np.sort(order, axis=1).tolist() == [list(range(32))] * 5


def test_parity_with_the_documented_rule():
    for name, seed, shuffle in (('v', 0, 1), ('übung 7', 3, 2), ('', 2**40, 0)):
        ours = shuffled_frame_order(name, 3, 16, seed=seed, shuffle=shuffle)
        assert ours.tolist() == _reference_order(name, 3, 16, seed, shuffle)


def test_the_same_in_every_process():
    """Python's own hash of a text changes from process to process."""
    code = 'from mmlt.functional import *; print(shuffled_frame_order("v", 2, 8).tolist())'
    other = '2' if os.environ.get('PYTHONHASHSEED') == '1' else '1'
    printed = subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONHASHSEED': other},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == f'{shuffled_frame_order("v", 2, 8).tolist()}\n'


def test_depends_on_each_of_name_seed_and_shuffle():
    orders = {
        shuffled_frame_order(name, 1, 32, seed=seed, shuffle=shuffle).tobytes()
        for name in ('a', 'b')
        for seed in (0, 1, 11)
        for shuffle in (1, 2, 11)
    }
    assert len(orders) == 18


def test_a_window_does_not_depend_on_how_many_follow():
    long = shuffled_frame_order('v', 7, 16)
    assert long[:2].tolist() == shuffled_frame_order('v', 2, 16).tolist()
    assert len({row.tobytes() for row in long}) == 7


def test_every_order_is_as_likely():
    counts = Counter(tuple(shuffled_frame_order(f'v{i}', 1, 3)[0]) for i in range(3000))
    assert len(counts) == 6
    # 500 each; standard deviation sqrt(3000 * 1/6 * 5/6) = 20
    assert max(abs(count - 500) for count in counts.values()) < 100


def test_global_random_state_is_not_touched():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    shuffled_frame_order('v', 2, 8)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_window_shape():
    assert window_shape(3, 32) == (3, 32)
    assert window_shape(8, 1) == (1, 8)


def test_video_name():
    assert video_name({'img_key': 'v,0902', 'frame_dir': 'a/v'}) == 'v,0902'
    assert video_name({'filename': '/mnt/x/walk/v.1.mp4'}) == 'v.1'
    assert video_name({'frame_dir': 'data/rawframes/v.1', 'filename': None}) == 'v.1'
    with pytest.raises(ValueError, match=r"none of img_key, filename .* only \['img_shape'\]"):
        video_name({'img_shape': (4, 4)})


ORDER = np.array([[2, 0, 1], [1, 2, 0]])


def test_ncthw_by_hand():
    # two windows of three frames, two crops of each, one channel: values window * 10 + frame
    clips = torch.tensor([[0, 1, 2], [10, 11, 12], [100, 101, 102], [110, 111, 112]])
    shuffled = shuffle_clips(clips.view(4, 1, 3, 1, 1), ORDER)
    assert shuffled.shape == (4, 1, 3, 1, 1)
    assert shuffled.flatten(1).tolist() == [
        [2, 0, 1],
        [11, 12, 10],
        [102, 100, 101],
        [111, 112, 110],
    ]
    assert clips.tolist()[0] == [0, 1, 2]


def test_cthw_by_hand():
    clips = torch.arange(6).view(2, 3, 1, 1)
    shuffled = shuffle_clips(clips, ORDER[:1], layout='CTHW')
    assert shuffled.flatten(1).tolist() == [[2, 0, 1], [5, 3, 4]]


def test_nchw_by_hand():
    frames = torch.arange(12).view(12, 1, 1, 1)  # two crops of two windows of three frames
    shuffled = shuffle_clips(frames, ORDER, layout='NCHW').flatten().tolist()
    assert shuffled == [2, 0, 1, 4, 5, 3, 8, 6, 7, 10, 11, 9]


def test_pixels_and_dtype_stay():
    clips = torch.randint(0, 256, (2, 3, 5, 4, 6), dtype=torch.uint8)
    order = shuffled_frame_order('v', 2, 5)
    shuffled = shuffle_clips(clips, order)
    assert shuffled.dtype == torch.uint8
    for window in range(2):
        for place, frame in enumerate(order[window]):
            assert torch.equal(shuffled[window, :, place], clips[window, :, frame])


def test_strides_stay():
    clips = torch.zeros(2, 5, 4, 6, 3).permute(
        0, 4, 1, 2, 3
    )  # as mmaction2's FormatShape leaves it
    shuffled = shuffle_clips(clips, shuffled_frame_order('v', 2, 5))
    assert shuffled.stride() == clips.stride() != shuffled.contiguous().stride()


@pytest.mark.parametrize(
    ('shape', 'layout'),
    [
        ((4, 1, 4, 1, 1), 'NCTHW'),  # four frames, not three
        ((3, 1, 3, 1, 1), 'NCTHW'),  # three clips are no whole number of crops of two
        ((4, 1, 3, 1), 'NCTHW'),
        ((1, 3, 1, 1), 'CTHW'),  # one clip, but two windows
        ((8, 1, 1, 1), 'NCHW'),
    ],
)
def test_clips_that_do_not_fit(shape, layout):
    with pytest.raises(ValueError, match=rf'\({layout}\) do not hold 2 windows of 3 frames'):
        shuffle_clips(torch.zeros(shape), ORDER, layout=layout)


def test_order_of_one_window_needs_its_axis():
    clips = torch.arange(3).view(1, 1, 3, 1, 1)
    assert shuffle_clips(clips, [[2, 0, 1]]).flatten().tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match=r'order must have shape \(W, L\), got shape \(3,\)'):
        shuffle_clips(clips, [2, 0, 1])


def test_unknown_layout():
    with pytest.raises(ValueError, match="layout must be one of 'NCTHW'.*got 'NTCHW'"):
        shuffle_clips(torch.zeros(2, 1, 3, 1, 1), ORDER, layout='NTCHW')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'num_windows': 0}, 'num_windows must be an integer of at least 1, got 0'),
        ({'clip_len': 2.0}, 'clip_len must be an integer of at least 1, got 2.0'),
        ({'seed': -1}, 'seed must be an integer of at least 0, got -1'),
        ({'shuffle': True}, 'shuffle must be an integer of at least 0, got True'),
    ],
)
def test_bad_numbers(arguments, message):
    with pytest.raises(ValueError, match=message):
        shuffled_frame_order(**{'video_name': 'v', 'num_windows': 1, 'clip_len': 2, **arguments})
