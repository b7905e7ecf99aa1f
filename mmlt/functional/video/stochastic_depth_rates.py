"""How often stochastic depth drops each layer."""

from __future__ import annotations

from mmlt.functional.checks import check_integer, check_real


def stochastic_depth_rates(drop_path_rate: float, depth: int) -> tuple[float, ...]:
    r"""Probability of dropping each layer, linear from 0 at the first to the rate at the last.

    .. math::
        p_l = r \, \frac{l}{L - 1}, \quad l = 0, \ldots, L - 1

    A single layer is never dropped.

    Args:
        drop_path_rate: r in [0, 1].
        depth: L >= 1.

    Returns:
        L probabilities.

    Raises:
        ValueError: A rate outside [0, 1] or a depth below 1.

    Reference:
        Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016, equation 4 (of the survival
        probability); ``Encoder`` in scenic's ViViT.

    Differs from reference:
        Equation 4 counts the input as layer 0, so that its first layer may drop; scenic does not.

    Example:
        >>> stochastic_depth_rates(0.5, 3)
        (0.0, 0.25, 0.5)
        >>> stochastic_depth_rates(0.5, 1)
        (0.0,)
    """
    drop_path_rate = check_real('drop_path_rate', drop_path_rate, 0, 1)
    depth = check_integer('depth', depth, 1)
    return tuple(drop_path_rate * layer / max(depth - 1, 1) for layer in range(depth))
