"""Targets that are a little less sure."""

from __future__ import annotations

from torch import Tensor

from mmlt.functional.checks import check_real


def smooth_labels(targets: Tensor, *, smoothing: float) -> Tensor:
    r"""Take a share of each target and spread it evenly over the classes.

    .. math::
        y_{nc}' = (1 - \epsilon) \, y_{nc} + \epsilon / C

    Of one class a sample the sum of the targets stays 1. Of several it shrinks towards 1, and a
    sample without a class gets targets of :math:`\epsilon / C` too.

    Shapes: N samples, C classes.

    Args:
        targets: (N, C) floating point in [0, 1], of one class a sample or of several.
        smoothing: Epsilon in [0, 1].

    Returns:
        (N, C) in the dtype of the targets.

    Raises:
        ValueError: A smoothing outside of [0, 1], targets that are not (N, C) or not floating
            point.

    Reference:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
        section 7; for several classes a sample as in scenic's weighted_sigmoid_cross_entropy.

    Example:
        >>> import torch
        >>> smooth_labels(torch.tensor([[1.0, 0, 0, 0], [1, 1, 0, 0]]), smoothing=0.2)
        tensor([[0.8500, 0.0500, 0.0500, 0.0500],
                [0.8500, 0.8500, 0.0500, 0.0500]])
    """
    smoothing = check_real('smoothing', smoothing, 0, 1)
    if targets.ndim != 2 or not targets.is_floating_point():
        raise ValueError(
            f'targets must be floating point of shape (N, C), got {targets.dtype} of shape '
            f'{tuple(targets.shape)}'
        )
    return (1 - smoothing) * targets + smoothing / targets.shape[1]
