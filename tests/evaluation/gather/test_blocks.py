from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlt.evaluation.gather.blocks import merge_blocks, to_float_array


@pytest.mark.parametrize(
    ('values', 'dtype'),
    [
        (torch.tensor([0.5, 1.0]), np.float32),
        (torch.tensor([0.5, 1.0], requires_grad=True), np.float32),
        (torch.tensor([0.5, 1.0], dtype=torch.bfloat16), np.float32),
        (torch.tensor([0.5, 1.0], dtype=torch.float64), np.float64),
        (np.array([0.5, 1.0], dtype=np.float16), np.float32),
        ([0.5, 1.0], np.float64),
    ],
)
def test_width_is_kept_and_halves_are_widened(values, dtype):
    array = to_float_array(values)
    assert array.dtype == dtype
    assert array.tolist() == [0.5, 1.0]


def test_blocks_are_joined_in_their_order_without_the_empty_ones():
    empty = {'names': [], 'scores': np.zeros((0, 0))}
    blocks = [
        {'names': ['a', 'b'], 'scores': np.float32([[1, 2], [3, 4]])},
        {'names': [], 'scores': np.zeros((0, 9))},
        {'names': ['c'], 'scores': np.float32([[5, 6]])},
    ]
    merged = merge_blocks(blocks, empty)
    assert merged['names'] == ['a', 'b', 'c']
    assert merged['scores'].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert merged['scores'].dtype == np.float32
    for nothing in ([], blocks[1:2]):
        assert merge_blocks(nothing, empty)['scores'].shape == (0, 0)
