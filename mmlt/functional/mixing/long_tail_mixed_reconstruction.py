"""Features of rare classes rebuilt from those of frequent ones, then mixed in pairs.

Shapes: B batch, D channels, C classes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from mmlt.functional.checks import check_class_counts, check_real
from mmlt.functional.losses.loss_checks import check_per_class

_EXCLUDED = 1e5  # taken from a similarity, all of which lie in [-1, 1]


def reconstruction_contributions(
    class_counts: np.ndarray,
    *,
    decay: float = 0.25,
    epsilon: float = 1.25,
    max_contribution: float = 0.6,
) -> np.ndarray:
    r"""How much of a sample of each class is to come from its reconstruction.

    .. math::
        \tilde c_y = \frac{1}{\log(n_y d + \epsilon)}, \qquad
        c_y = l \, \frac{\tilde c_y - \min \tilde c}{\max \tilde c - \min \tilde c}

    Args:
        class_counts: (C,) training samples n of each class.
        decay: d > 0: the smaller, the faster the contribution falls with the count.
        epsilon: Keeps the logarithm positive: n d + epsilon > 1 for every class.
        max_contribution: l in [0, 1], what the rarest class gets; the most frequent one gets 0.

    Returns:
        (C,) float64; all 0 where all counts are equal.

    Raises:
        ValueError: A bad count or argument; a logarithm that is not positive, by its class.

    Reference:
        Perrett et al., "Use Your Head: Improving Long-Tail Video Recognition", CVPR 2023,
        equations 1 and 2.

    Differs from reference:
        The authors' training code takes log((n + 5) d), which is epsilon = 5 d: with
        its d = .25 for SSv2-LT the defaults here; it leaves the most frequent class .001.

    Example:
        >>> reconstruction_contributions([4, 40, 400]).round(2).tolist()
        [0.6, 0.12, 0.0]
    """
    counts = check_class_counts(class_counts)
    decay, epsilon = check_real('decay', decay, 0), check_real('epsilon', epsilon, 0)
    max_contribution = check_real('max_contribution', max_contribution, 0, 1)
    arguments = counts * decay + epsilon
    if (arguments <= 1).any():
        index = int(np.flatnonzero(arguments <= 1)[0])
        raise ValueError(
            f'class_counts[{index}] is {counts[index]}: its logarithm, of {arguments[index]:g} = '
            'count * decay + epsilon, is not positive; raise epsilon'
        )
    inverse_logs = 1 / np.log(arguments)
    above_least = inverse_logs - inverse_logs.min()
    return max_contribution * above_least / (above_least.max() or 1)


def reconstruct_features(features: Tensor, contributions: Tensor, few_shot: Tensor) -> Tensor:
    r"""Replace a part of each sample by a weighted sum of the frequent ones in the batch.

    .. math::
        S = \mathrm{softmax}\left(\frac{LN(x) LN(x)^T}{D} - 10^5 E\right), \qquad
        R = c S x + (1 - c) x

    :math:`E_{ij} = 1` where j is i itself or few-shot. Where that is every j, the :math:`10^5`
    cancel and the sum is over all, i itself included.

    Args:
        features: (B, D).
        contributions: (B,) c of each sample, in [0, 1].
        few_shot: (B,) bool, samples that nothing is rebuilt from.

    Returns:
        (B, D); gradients flow through features and similarities.

    Raises:
        ValueError: Wrong shapes.

    Reference:
        Perrett et al., "Use Your Head: Improving Long-Tail Video Recognition", CVPR 2023,
        equations 3 to 5.

    Differs from reference:
        samples come from the batch, as in the authors' example; their training code can also draw
        on a bank of the last batches.

    Example:
        >>> features = torch.tensor([[1.0, 3.0], [4.0, 2.0], [0.0, 9.0]])
        >>> few_shot = torch.tensor([True, False, True])
        >>> reconstruct_features(features, torch.tensor([0.5, 0.0, 0.0]), few_shot).tolist()
        [[2.5, 2.5], [4.0, 2.0], [0.0, 9.0]]
    """
    num_rows = features.shape[0]
    if features.ndim != 2 or not contributions.shape == few_shot.shape == (num_rows,):
        raise ValueError(
            'features must be (B, D), contributions and few_shot (B,), got '
            f'{tuple(features.shape)}, {tuple(contributions.shape)}, {tuple(few_shot.shape)}'
        )
    num_channels = features.shape[1]
    dtype = features.dtype
    # In float32 at least: half precision holds no 1e5, and older torch lacks its layer norm and
    # matrix product on the CPU.
    features = features.to(torch.promote_types(dtype, torch.float32))
    normalized = layer_norm(features, (num_channels,))
    similarities = normalized @ normalized.T / num_channels
    itself = torch.eye(num_rows, dtype=torch.bool, device=features.device)
    weights = (similarities - _EXCLUDED * (itself | few_shot)).softmax(1)
    share = contributions.to(features.dtype)[:, None]
    return (share * (weights @ features) + (1 - share) * features).to(dtype)


def long_tail_mixed_reconstruction(
    features: Tensor,
    targets: Tensor,
    class_counts: Tensor,
    class_contributions: Tensor,
    *,
    few_shot_max: float,
    own_share: Tensor,
    partner: Tensor,
) -> tuple[Tensor, Tensor]:
    r"""Rebuild the features of rare classes, then mix features and targets in pairs.

    .. math::
        x'_i = \alpha_i R_i + (1 - \alpha_i) R_{p_i}, \qquad
        y'_i = \alpha_i y_i + (1 - \alpha_i) y_{p_i}

    with R of :func:`reconstruct_features`.

    Args:
        features: (B, D).
        targets: (B, C) in [0, 1].
        class_counts: (C,) training samples of each class.
        class_contributions: (C,), of :func:`reconstruction_contributions`.
        few_shot_max: A class with at most so many training samples is few-shot.
        own_share: (B,) alpha in [0, 1]. The reference draws it: 1 for half of the rows, uniform
            for the others.
        partner: (B,) p, rows of the batch; any, the own row too.

    Returns:
        Features (B, D) and targets (B, C) in the dtypes of the arguments.

    Raises:
        ValueError: Wrong shapes, or a partner outside the batch.

    Reference:
        Perrett et al., "Use Your Head: Improving Long-Tail Video Recognition", CVPR 2023,
        section 5, equations 1 to 7, as written out in the authors' example.

    Differs from reference:
        the paper has one label a sample. With several, the rarest decides on contribution and
        few-shot; a sample without any stays as it is and is rebuilt from.

    Example:
        >>> features, targets = torch.eye(2), torch.eye(2)
        >>> rebuilt, mixed = long_tail_mixed_reconstruction(
        ...     features, targets, torch.tensor([5, 500]), torch.tensor([0.5, 0.0]),
        ...     few_shot_max=20, own_share=torch.tensor([1.0, 0.25]), partner=torch.tensor([0, 0]))
        >>> rebuilt.tolist(), mixed.tolist()
        ([[0.5, 0.5], [0.375, 0.625]], [[1.0, 0.0], [0.75, 0.25]])
    """
    num_rows = features.shape[0]
    if targets.ndim != 2 or not len(targets) == num_rows:
        raise ValueError(
            f'targets must be (B, C) for features {tuple(features.shape)}, got '
            f'{tuple(targets.shape)}'
        )
    for name, values in (('own_share', own_share), ('partner', partner)):
        if values.shape != (num_rows,):
            raise ValueError(f'{name} must have shape ({num_rows},), got {tuple(values.shape)}')
    if num_rows and not 0 <= int(partner.min()) <= int(partner.max()) < num_rows:
        raise ValueError(f'partner must lie in [0, {num_rows}), got {partner.tolist()}')
    counts = check_per_class('class_counts', class_counts, targets.float())
    of_class = check_per_class('class_contributions', class_contributions, targets.float())
    rarest_count, rarest = counts.expand_as(targets).where(targets > 0, torch.inf).min(1)
    contributions = of_class[rarest].where(rarest_count.isfinite(), 0.0)
    rebuilt = reconstruct_features(features, contributions, rarest_count <= few_shot_max)
    return _mix(rebuilt, own_share, partner), _mix(targets, own_share, partner)


def _mix(rows: Tensor, own_share: Tensor, partner: Tensor) -> Tensor:
    share = own_share.to(rows.dtype)[:, None]
    return share * rows + (1 - share) * rows[partner]
