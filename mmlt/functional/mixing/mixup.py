"""Mixup of feature sequences."""

from __future__ import annotations

from torch import Tensor

from mmlt.functional.checks import check_real
from mmlt.functional.mixing.framestack import check_mixing


def mixup(
    features: Tensor, targets: Tensor, *, gamma: float, partner: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Interpolate the features of two videos frame by frame, and their targets.

    .. math::
        \tilde v = \gamma v_i + (1 - \gamma) v_j, \quad \tilde y = \gamma y_i + (1 - \gamma) y_j

    Shapes: B videos, T frames, C classes; D stands for any number of dimensions.

    Args:
        features: (B, T, D) floats.
        targets: (B, C) in [0, 1].
        gamma: Share of the row's own, in [0, 1].
        partner: (B,) integers j in [0, B): the row that each row is mixed with.

    Returns:
        (B, T, D) features and (B, C) targets.

    Raises:
        ValueError: on wrong shapes, a gamma outside [0, 1], a partner that is no row of the batch.

    Reference:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 1; in feature
        space as in Zhang et al., "VideoLT", ICCV 2021, section 5.2, ``mixup`` in the authors' code.

    Example:
        >>> import torch
        >>> mixed, soft = mixup(torch.tensor([[[0.0]], [[4.0]]]), torch.eye(2), gamma=0.75,
        ...                     partner=torch.tensor([1, 0]))
        >>> mixed.flatten().tolist(), soft[0].tolist()
        ([1.0, 3.0], [0.75, 0.25])
    """
    check_mixing(features, targets, partner)
    check_real('gamma', gamma, 0, 1)
    mixed = features * gamma + features[partner] * (1 - gamma)
    return mixed, targets * gamma + targets[partner] * (1 - gamma)
