"""Tubelet kernels from the patch kernels of an image model."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlt.functional.checks import check_choice, check_integer

INFLATION_METHODS = ('central', 'average')


def inflate_kernel(kernel_2d: Tensor, num_frames: int, method: str = 'central') -> Tensor:
    r"""Inflate the kernel of a 2D convolution to one over ``num_frames`` frames.

    .. math::
        E_\tau = \begin{cases} E_{image} & \tau = \lfloor t / 2 \rfloor \\ 0 & \text{else}
        \end{cases}
        \quad (\text{central}), \qquad
        E_\tau = \frac{1}{t} E_{image} \quad (\text{average})

    On a clip whose t frames are equal both give what the image kernel gives on one of them.

    Shapes: D filters, C channels of the input, t frames, (h, w) pixels of a patch.

    Args:
        kernel_2d: (D, C, h, w), floating point; a numpy array will do.
        num_frames: t >= 1.
        method: 'central' or 'average'.

    Returns:
        (D, C, t, h, w), of the dtype and on the device of ``kernel_2d``.

    Raises:
        ValueError: Another shape or dtype, a number of frames below 1, an unknown method.

    Reference:
        Arnab et al., "ViViT: A Video Vision Transformer", ICCV 2021, section 3.4, equations 8
        ("filter inflation") and 9 ("central frame initialisation"), frames counted from 0.

    Example:
        >>> inflate_kernel(torch.full((1, 1, 1, 1), 6.0), 3).flatten().tolist()
        [0.0, 6.0, 0.0]
        >>> inflate_kernel(torch.full((1, 1, 1, 1), 6.0), 3, 'average').flatten().tolist()
        [2.0, 2.0, 2.0]
    """
    kernel_2d = torch.as_tensor(kernel_2d)
    if kernel_2d.ndim != 4 or not kernel_2d.is_floating_point():
        raise ValueError(
            f'kernel_2d must be a (D, C, h, w) floating point tensor, got shape '
            f'{tuple(kernel_2d.shape)} and dtype {kernel_2d.dtype}'
        )
    num_frames = check_integer('num_frames', num_frames, 1)
    check_choice('method', method, INFLATION_METHODS)
    if method == 'average':
        return (kernel_2d / num_frames).unsqueeze(2).repeat(1, 1, num_frames, 1, 1)
    num_filters, num_channels, height, width = kernel_2d.shape
    kernel = kernel_2d.new_zeros(num_filters, num_channels, num_frames, height, width)
    kernel[:, :, num_frames // 2] = kernel_2d
    return kernel
