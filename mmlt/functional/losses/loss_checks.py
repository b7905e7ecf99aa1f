"""What the losses share: checks of (N, C) tensors, and the reduction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmlt.functional.checks import check_choice


def check_logits(logits: Tensor, targets: Tensor) -> Tensor:
    """Return `targets` in the dtype of `logits`, or raise unless both are (N, C)."""
    if logits.ndim != 2 or logits.shape != targets.shape:
        raise ValueError(
            f'logits and targets must both have shape (N, C), got {tuple(logits.shape)} and '
            f'{tuple(targets.shape)}'
        )
    return targets.to(logits.dtype)


def check_per_class(name: str, values: Any, logits: Tensor) -> Tensor:
    """Return one value a class as a (C,) tensor of the dtype and on the device of `logits`."""
    values = torch.as_tensor(values, dtype=logits.dtype, device=logits.device)
    if values.shape != logits.shape[1:]:
        raise ValueError(
            f'{name} must have shape ({logits.shape[1]},), one value a class, got '
            f'{tuple(values.shape)}'
        )
    return values


def reduce_loss(losses: Tensor, reduction: str) -> Tensor:
    """Reduce (N, C) losses as torch does: 'none', 'mean' over all N * C elements, or 'sum'."""
    check_choice('reduction', reduction, ('none', 'mean', 'sum'))
    if reduction == 'none':
        return losses
    return losses.mean() if reduction == 'mean' else losses.sum()
