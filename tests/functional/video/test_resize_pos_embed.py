from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch

from mmlt.functional import resize_pos_embed


def _rows(*values):
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1)


def test_by_hand():
    """0 1 / 2 3 on a 3 x 3 grid: halfway points are means of their neighbours."""
    resized = resize_pos_embed(_rows(0, 1, 2, 3), (3, 3))
    assert resized.flatten().tolist() == [0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3]


def test_prefix_rows_stay_in_front():
    resized = resize_pos_embed(_rows(7, 9, 0, 1, 2, 3), (1, 2), num_prefix_tokens=2)
    assert resized.flatten().tolist() == [7, 9, 0, 1]  # one row of the grid: its first


def test_a_sequence_is_resized_linearly():
    resized = resize_pos_embed(_rows(5, 0, 3, 6), (1, 5), old_hw=(1, 3), num_prefix_tokens=1)
    assert resized.flatten().tolist() == [5, 0, 1.5, 3, 4.5, 6]
    assert resize_pos_embed(_rows(4), (2, 3)).flatten().tolist() == [4] * 6


def _reference_scipy(pos_embed, new_hw, old_hw, num_prefix_tokens):
    """As scenic: the grid through ``scipy.ndimage.zoom`` of order 1, the class token again."""
    rows = pos_embed[0].numpy()
    grid = rows[num_prefix_tokens:].reshape(*old_hw, -1)
    zoom = (new_hw[0] / old_hw[0], new_hw[1] / old_hw[1], 1)
    grid = scipy.ndimage.zoom(grid, zoom, order=1)
    return np.concatenate([rows[:num_prefix_tokens], grid.reshape(new_hw[0] * new_hw[1], -1)])[None]


@pytest.mark.parametrize('num_prefix_tokens', [0, 1])
@pytest.mark.parametrize(
    ('old_hw', 'new_hw'),
    [((4, 4), (6, 6)), ((6, 6), (4, 4)), ((3, 5), (7, 4)), ((1, 6), (1, 9)), ((5, 2), (1, 1))],
)
def test_equals_scipys_zoom(old_hw, new_hw, num_prefix_tokens):
    rows = num_prefix_tokens + old_hw[0] * old_hw[1]
    pos_embed = torch.randn(1, rows, 8, generator=torch.Generator().manual_seed(1)).double()
    options = dict(old_hw=old_hw, num_prefix_tokens=num_prefix_tokens)
    resized = resize_pos_embed(pos_embed, new_hw, **options)
    expected = _reference_scipy(pos_embed, new_hw, **options)
    np.testing.assert_allclose(resized, expected, atol=1e-12, rtol=0)


def test_numpy_will_do():
    pos_embed = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    resized = resize_pos_embed(pos_embed, np.array([3, 3]), old_hw=np.array([2, 2]))
    expected = resize_pos_embed(torch.from_numpy(pos_embed), (3, 3), old_hw=(2, 2))
    assert resized.dtype == torch.float32 and torch.equal(resized, expected)


def test_the_same_grid_is_the_same_tensor():
    pos_embed = torch.randn(1, 7, 2)
    assert resize_pos_embed(pos_embed, (2, 3), old_hw=(2, 3), num_prefix_tokens=1) is pos_embed
    turned = resize_pos_embed(pos_embed, (3, 2), old_hw=(2, 3), num_prefix_tokens=1)
    assert turned.shape == pos_embed.shape and not torch.equal(turned, pos_embed)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_dtype_stays(dtype):
    assert resize_pos_embed(torch.ones(1, 4, 2, dtype=dtype), (3, 3)).dtype == dtype


def test_arrays_are_taken_and_gradients_pass():
    assert resize_pos_embed(np.zeros((1, 4, 2)), [1, 2]).shape == (1, 2, 2)
    pos_embed = torch.randn(1, 5, 2, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(
        lambda rows: resize_pos_embed(rows, (3, 1), num_prefix_tokens=1), pos_embed
    )


@pytest.mark.parametrize(
    ('shape', 'new_hw', 'options', 'message'),
    [
        ((5, 2), (2, 2), {}, r'pos_embed must be a \(1, P \+ H \* W, D\) .* shape \(5, 2\)'),
        ((2, 4, 2), (2, 2), {}, r'got shape \(2, 4, 2\)'),
        ((1, 5, 2), (2, 2), {}, 'pos_embed has 5 places .* no square: pass old_hw'),
        ((1, 0, 2), (2, 2), {}, 'pos_embed has 0 places'),
        ((1, 4, 2), (2, 2), dict(num_prefix_tokens=5), 'pos_embed has -1 places'),
        ((1, 4, 2), (2, 2), dict(num_prefix_tokens=-1), 'num_prefix_tokens must be an integer'),
        ((1, 6, 2), (2, 2), dict(old_hw=(2, 2)), r'old_hw is \(2, 2\), 4 places, .* 6 rows'),
        ((1, 4, 2), (2, 0), {}, r'new_hw\[1\] must be an integer of at least 1, got 0'),
        ((1, 4, 2), 4, {}, 'new_hw must be 2 integers, got 4'),
        ((1, 4, 2), (4, 4), dict(old_hw=(1, 2, 2)), r'old_hw must be 2 integers, got \(1, 2, 2\)'),
    ],
)
def test_what_it_refuses(shape, new_hw, options, message):
    with pytest.raises(ValueError, match=message):
        resize_pos_embed(torch.zeros(shape), new_hw, **options)


def test_integers_are_refused():
    with pytest.raises(ValueError, match='dtype torch.int64'):
        resize_pos_embed(torch.zeros(1, 4, 2, dtype=torch.int64), (2, 2))
