"""tau-normalisation of a classifier's weights."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlt.functional.checks import check_real


def tau_normalize(weight: Tensor, *, tau: float = 1.0) -> Tensor:
    r"""Even out the norms of a linear classifier's weight vectors.

    .. math::
        \tilde w_c = \frac{w_c}{\lVert w_c \rVert_2^\tau}

    tau 0 changes nothing, 1 makes all norms 1. Frequent classes tend to have the larger norms, so
    this raises the scores of rare ones against theirs. Within a class the order of the scores stays
    what it was, so of a classifier with one sigmoid a class it changes no AP or SAP, only
    what compares classes: hits at k, a threshold or a capacity shared by classes.

    Shapes: C classes, D features.

    Args:
        weight: (C, D), floating point.
        tau: Strength, in [0, 1] as a rule; at least 0.

    Returns:
        (C, D), a new tensor; a row of zeros stays zero.

    Raises:
        ValueError: Another shape or dtype; a value that is not finite; tau below 0.

    Reference:
        Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition",
        ICLR 2020, section 4 (tau-normalized classifier).

    Differs from reference:
        A row of zeros stays zero, where the authors' code divides by zero. What becomes of the bias
        (dropped there) is up to the caller.

    Example:
        >>> tau_normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), tau=1)
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    if weight.ndim != 2 or not weight.is_floating_point():
        raise ValueError(
            f'weight must be a (C, D) floating point tensor, got shape {tuple(weight.shape)} and '
            f'dtype {weight.dtype}'
        )
    if not torch.isfinite(weight).all():
        row, column = (~torch.isfinite(weight)).nonzero()[0].tolist()
        raise ValueError(f'weight[{row}, {column}] is {weight[row, column].item()}: not finite')
    tau = check_real('tau', tau, 0)
    norms = torch.linalg.vector_norm(weight, dim=1, keepdim=True)
    return weight / torch.where(norms > 0, norms, torch.ones_like(norms)) ** tau
