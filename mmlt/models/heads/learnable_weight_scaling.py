"""A frozen linear classifier with a learned scale for each class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class LearnableWeightScaling(nn.Module):
    r"""Frozen linear classifier whose logits are scaled, class by class, by what is learned.

    .. math::
        z_c = f_c \, (w_c \cdot x + b_c)

    It takes the place of the ``nn.Linear`` it is made from: ``head.fc_cls =
    LearnableWeightScaling(head.fc_cls)``, before the optimizer and DDP see the model. A checkpoint
    with the plain layer (``weight``, ``bias``) loads into it, with all scales at 1; :meth:`merged`
    gives the plain layer back. A positive scale leaves the order of the scores within a class, so
    of a classifier with one sigmoid a class it changes no AP or SAP, only what compares
    classes.

    Args:
        linear: The classifier, (C, D). Its parameters are frozen.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition",
        ICLR 2020, section 4 (learnable weight scaling).

    Differs from reference:
        The paper's classifier has no bias; the bias is scaled too, as in the authors' code.

    Example:
        >>> layer = LearnableWeightScaling(nn.Linear(3, 2))
        >>> [name for name, parameter in layer.named_parameters() if parameter.requires_grad]
        ['scale']
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        if not isinstance(linear, nn.Linear):
            raise ValueError(f'linear must be an nn.Linear, got {type(linear).__name__}')
        self.linear = linear.requires_grad_(False)
        self.scale = nn.Parameter(linear.weight.new_ones(linear.out_features))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, C) of (N, D) features."""
        return self.linear(features) * self.scale

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The plain layer with the same logits, of new parameters."""
        weight, bias = self.linear.weight, self.linear.bias
        plain = nn.Linear(
            self.linear.in_features,
            self.linear.out_features,
            bias=bias is not None,
            device=weight.device,
            dtype=weight.dtype,
        )
        plain.weight.copy_(weight * self.scale[:, None])
        if bias is not None:
            plain.bias.copy_(bias * self.scale)
        return plain

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        if prefix + 'weight' in state_dict:  # of the plain layer
            for name in ('weight', 'bias'):
                if prefix + name in state_dict:
                    state_dict[f'{prefix}linear.{name}'] = state_dict.pop(prefix + name)
            state_dict.setdefault(prefix + 'scale', torch.ones_like(self.scale))
        super()._load_from_state_dict(state_dict, prefix, *args)
