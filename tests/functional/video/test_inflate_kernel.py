from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmlt.functional import inflate_kernel

KERNEL = torch.tensor([[[[1.0, 2.0]]], [[[3.0, 4.0]]]])  # (2, 1, 1, 2)


@pytest.mark.parametrize(('num_frames', 'centre'), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_central_frame_alone_has_the_kernel(num_frames, centre):
    """Equation 9: the frame floor(t / 2), counted from 0."""
    kernel = inflate_kernel(KERNEL, num_frames, method='central')
    expected = torch.zeros(2, 1, num_frames, 1, 2)
    expected[:, :, centre] = KERNEL
    assert torch.equal(kernel, expected)


def test_average_shares_the_kernel_among_the_frames():
    kernel = inflate_kernel(KERNEL, 4, method='average')
    assert kernel.shape == (2, 1, 4, 1, 2)
    assert kernel[0, 0].tolist() == [[[0.25, 0.5]]] * 4
    assert kernel[1, 0].tolist() == [[[0.75, 1.0]]] * 4


@pytest.mark.parametrize('method', ['central', 'average'])
def test_a_still_clip_gives_what_its_picture_gives(method):
    generator = torch.Generator().manual_seed(0)
    kernel = torch.randn(4, 3, 2, 5, generator=generator, dtype=torch.float64)
    image = torch.randn(1, 3, 6, 10, generator=generator, dtype=torch.float64)
    clip = image[:, :, None].expand(-1, -1, 3, -1, -1)
    of_clip = F.conv3d(clip, inflate_kernel(kernel, 3, method), stride=(3, 2, 5))
    torch.testing.assert_close(of_clip[:, :, 0], F.conv2d(image, kernel, stride=(2, 5)))


@pytest.mark.parametrize('method', ['central', 'average'])
def test_dtype_stays_and_arrays_are_taken(method):
    array = np.ones((2, 3, 4, 5), np.float64)
    assert inflate_kernel(array, 2, method).dtype == torch.float64
    assert inflate_kernel(torch.ones(2, 3, 4, 5, dtype=torch.bfloat16), 2).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((torch.ones(2, 3, 4), 2), r'kernel_2d must be a \(D, C, h, w\) .* shape \(2, 3, 4\)'),
        ((torch.ones(1, 1, 1, 1, dtype=torch.int64), 2), 'dtype torch.int64'),
        ((KERNEL, 0), 'num_frames must be an integer of at least 1, got 0'),
        ((KERNEL, 2.0), 'num_frames must be an integer of at least 1, got 2.0'),
        ((KERNEL, 2, 'mean'), "method must be one of 'central', 'average', got 'mean'"),
    ],
)
def test_what_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        inflate_kernel(*arguments)
