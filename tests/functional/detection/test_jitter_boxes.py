from __future__ import annotations

import pytest
import torch

from mmlt.functional import jitter_boxes

BOXES = torch.tensor([[10.0, 20.0, 50.0, 40.0], [0.0, 0.0, 100.0, 60.0]])
SIZE = (60, 100)


def _draws(shape=(2, 4), seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_hand_computed():
    # 40 x 20 and a quarter: sides move by up to 10 and 5
    uniform = torch.tensor([[0.0, 1.0, 0.5, 0.75], [0.0, 0.5, 1.0, 0.6]])
    moved = jitter_boxes(BOXES, ratio=0.25, image_size=SIZE, uniform=uniform)
    expected = torch.tensor([[0.0, 25.0, 50.0, 42.5], [0.0, 0.0, 100.0, 60.0]])  # cut at the border
    torch.testing.assert_close(moved, expected)
    assert BOXES[0].tolist() == [10, 20, 50, 40]


def test_sides_move_uniformly_by_up_to_the_ratio():
    boxes = torch.tensor([[400.0, 300.0, 600.0, 400.0]]).expand(20000, 4)
    uniform = _draws(boxes.shape)
    moved = jitter_boxes(boxes, ratio=0.15, image_size=(1000, 1000), uniform=uniform) - boxes
    shares = moved / torch.tensor([200.0, 100.0, 200.0, 100.0])
    assert shares.abs().max() <= 0.1501
    # of a uniform distribution over [-.15, .15]
    torch.testing.assert_close(shares.mean(0), torch.zeros(4), atol=0.003, rtol=0)
    torch.testing.assert_close(shares.std(0), torch.full((4,), 0.3 / 12**0.5), atol=0.002, rtol=0)
    assert shares.t().corrcoef().fill_diagonal_(0).abs().max() < 0.03


@pytest.mark.parametrize('ratio', [0.15, 0.5])
def test_never_inside_out_nor_outside(ratio):
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand(5000, 2, 2, generator=generator).sort(dim=1).values
    boxes = corners.reshape(-1, 4) * torch.tensor([100.0, 60.0, 100.0, 60.0])
    uniform = torch.rand(boxes.shape, generator=generator).round(decimals=1)  # both ends too
    moved = jitter_boxes(boxes, ratio=ratio, image_size=SIZE, uniform=uniform)
    assert (moved[:, :2] <= moved[:, 2:] + 1e-4).all()
    assert (moved >= 0).all() and (moved[:, 2:] <= torch.tensor([100.0, 60.0])).all()


def test_no_ratio_and_no_area():
    unmoved = jitter_boxes(BOXES, ratio=0, image_size=SIZE, uniform=_draws())
    assert torch.equal(unmoved, BOXES)
    point = torch.tensor([[7.0, 8.0, 7.0, 8.0]])
    assert torch.equal(
        jitter_boxes(point, ratio=0.5, image_size=SIZE, uniform=_draws((1, 4))), point
    )
    empty = torch.zeros(0, 4)
    assert jitter_boxes(empty, ratio=0.5, image_size=SIZE, uniform=empty).shape == (0, 4)


def test_dtype_of_the_boxes_stays():
    moved = jitter_boxes(BOXES.double(), ratio=0.1, image_size=SIZE, uniform=_draws())
    assert moved.dtype == torch.float64


@pytest.mark.parametrize('ratio', [-0.1, 0.51, 'a'])
def test_bad_ratios(ratio):
    with pytest.raises(ValueError, match=r'ratio must be a number in \[0, 0.5\]'):
        jitter_boxes(BOXES, ratio=ratio, image_size=SIZE, uniform=_draws())


@pytest.mark.parametrize('uniform', [_draws((1, 4)), _draws((2, 3))])
def test_bad_shapes(uniform):
    with pytest.raises(ValueError, match=r'must both have shape \(n, 4\), got \(2, 4\) and'):
        jitter_boxes(BOXES, ratio=0.1, image_size=SIZE, uniform=uniform)
