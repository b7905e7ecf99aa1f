from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlt.fileio.repeated_rows import repeated_rows
from mmlt.functional import AVABoxes, ava_boxes_from_arrays

BOX = (0.1, 0.2, 0.5, 0.9)


def _boxes(rows) -> AVABoxes:
    videos, timestamps, corners, labels = zip(*rows)
    return ava_boxes_from_arrays(videos, timestamps, corners, labels)


def _reference(boxes: AVABoxes) -> list[int]:
    """A dictionary of rows, one after the other."""
    seen, repeats = set(), []
    for i, (video, time, corners, label) in enumerate(
        zip(boxes.video_index, boxes.timestamps, boxes.boxes_xyxy_norm.tolist(), boxes.labels)
    ):
        row = (int(video), int(time), *corners, int(label))
        if row in seen:
            repeats.append(i)
        seen.add(row)
    return repeats


def test_hand_made_rows():
    rows = [
        ('a', 902, BOX, 1),
        ('a', 902, BOX, 2),
        ('a', 902, BOX, 1),  # of row 0
        ('b', 902, BOX, 1),
        ('a', 903, BOX, 1),
        ('a', 902, (0.1, 0.2, 0.5, 0.8), 1),
        ('a', 902, BOX, 2),  # of row 1
        ('a', 902, BOX, 1),  # of row 0 again
    ]
    assert repeated_rows(_boxes(rows)).tolist() == [2, 6, 7]


@pytest.mark.parametrize('num_rows', [0, 1])
def test_too_few_to_repeat(num_rows):
    boxes = ava_boxes_from_arrays(
        ['a'] * num_rows, [1] * num_rows, np.zeros((num_rows, 4)), [1] * num_rows
    )
    assert repeated_rows(boxes).tolist() == []


def test_minus_zero_equals_zero_and_a_score_is_no_part_of_a_row():
    corners = [[0.0, 0.0, 1.0, 1.0], [-0.0, 0.0, 1.0, 1.0]]
    boxes = ava_boxes_from_arrays(['a', 'a'], [1, 1], corners, [1, 1], [0.5, 0.7])
    assert repeated_rows(boxes).tolist() == [1]


ROW = st.tuples(
    st.sampled_from('abc'),
    st.integers(-2, 2),
    st.tuples(*[st.sampled_from([-0.0, 0.0, 0.25])] * 2, *[st.sampled_from([0.5, 1.0])] * 2),
    st.integers(1, 3),
)


@given(st.lists(ROW, min_size=1, max_size=60))
def test_equals_a_dictionary_of_rows(rows):
    boxes = _boxes(rows)
    assert repeated_rows(boxes).tolist() == _reference(boxes)


def test_many_rows_in_more_than_one_block():
    rng = np.random.default_rng(0)
    num_rows = 100_000  # a block has 32,768
    corners = np.sort(rng.random((num_rows, 2, 2)), axis=1).reshape(num_rows, 4)
    boxes = ava_boxes_from_arrays(
        np.sort(rng.choice(['a', 'b', 'c'], num_rows)),
        rng.integers(0, 900, num_rows),
        corners,
        rng.integers(1, 61, num_rows),
    )
    assert repeated_rows(boxes).tolist() == []
    twice = AVABoxes(
        *(np.concatenate([c, c[1000:3000]]) if c is not boxes.video_names else c for c in boxes)
    )
    assert repeated_rows(twice).tolist() == list(range(num_rows, num_rows + 2000))


def test_rows_of_one_hash_need_not_be_equal(monkeypatch):
    from mmlt.fileio import repeated_rows as module

    rng = np.random.default_rng(0)
    rows = [('ab'[i % 2], i % 3, BOX, 1 + i % 4) for i in rng.integers(0, 9, 50)]
    boxes = _boxes(rows)
    monkeypatch.setattr(module, 'box_hashes', lambda keys, _: np.zeros(len(keys), np.uint64))
    assert repeated_rows(boxes).tolist() == _reference(boxes)


def test_hashes_tell_small_integers_apart():
    from mmlt.fileio.repeated_rows import _hash_rows

    grid = np.stack(np.meshgrid(range(8), range(32), range(1, 33)), -1).reshape(-1, 3)
    boxes = AVABoxes(
        grid[:, 0].astype(np.int32),
        np.array(list('abcdefgh')),
        grid[:, 1].astype(np.int32),
        np.tile(BOX, (len(grid), 1)),
        grid[:, 2].astype(np.int32),
        np.ones(len(grid)),
    )
    assert len(np.unique(_hash_rows(boxes, slice(None)))) == len(grid)
