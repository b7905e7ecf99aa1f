"""E[k / (k + H)] for a hypergeometric H, without a sum over H."""

from __future__ import annotations

import numpy as np

_TOLERANCE = 1e-11
# Enough for most of a large class, and few enough for what it is too much for.
_FIRST_DEPTH = 4


def expected_precision(num_marked: np.ndarray, *, num_drawn: int, num_negatives: int) -> np.ndarray:
    r"""Expectation of k / (k + H_k), H_k ~ Hypergeometric(M, f_k, m), for k = 1..R.

    :math:`E[1/(k+H)]` is the Stieltjes transform of H's law at -k. The polynomials orthogonal
    under that law are Hahn's, and the two factors :math:`A_n, C_n` of their recurrence are
    the coefficients of the transform's continued fraction:

    .. math::
        E\left[\frac{1}{k+H}\right] = \cfrac{1}{k + \cfrac{A_0}{1 + \cfrac{C_1}{k +
            \cfrac{A_1}{1 + \cfrac{C_2}{k + \dots}}}}}, \quad
        A_n = \frac{(M+1-n)(f-n)(m-n)}{(M+1-2n)(M-2n)}, \quad
        C_n = \frac{n(M+1-m-n)(M-f+1-n)}{(M+2-2n)(M+1-2n)}

    All coefficients are positive until the fraction ends (with the support of H), so nothing
    cancels, and the part cut off at level n lies between k and k + A_n: each depth encloses
    the value. The depth is doubled where the enclosure is still too wide; a fraction of depth
    n costs the same for every size of class.

    Shapes: R retrieved positives of one class.

    Args:
        num_marked: (R,) f_k in [0, M], negatives that rank before the k-th best positive.
        num_drawn: m in [0, M], negatives in a balanced pool.
        num_negatives: M >= 0.

    Returns:
        (R,) float64 in (0, 1], error below 1e-11.

    Reference:
        Koekoek, Lesky, Swarttouw, "Hypergeometric Orthogonal Polynomials and Their
        q-Analogues", 2010, section 9.5 (Hahn), with alpha = -f - 1, beta = -(M - f) - 1, N = m.

    Example:
        >>> expected_precision(np.array([1]), num_drawn=1, num_negatives=2).tolist()
        [0.75]
    """
    rank = np.arange(1.0, len(num_marked) + 1)
    num_marked = num_marked.astype(np.float64)
    result = np.empty(len(rank))
    pending = np.arange(len(rank))
    depth = _FIRST_DEPTH
    while len(pending):
        law = rank[pending], num_marked[pending], float(num_drawn), float(num_negatives)
        lower, upper = _bounds(*law, depth)
        result[pending] = (lower + upper) / 2
        pending = pending[upper - lower > _TOLERANCE]
        depth *= 2
    return result


def _bounds(
    rank: np.ndarray, num_marked: np.ndarray, num_drawn: float, num_negatives: float, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate the fraction from level `depth` upwards, cut off by its least and its most."""
    least = rank
    most = rank + _coefficient_a(depth, num_marked, num_drawn, num_negatives)
    for level in range(depth, 0, -1):
        a = _coefficient_a(level - 1, num_marked, num_drawn, num_negatives)
        c = _coefficient_c(level, num_marked, num_drawn, num_negatives)
        least = _one_level(rank, a, c, least)
        most = _one_level(rank, a, c, most)
    return rank / most, rank / least


def _one_level(rank: np.ndarray, a: np.ndarray, c: np.ndarray, below: np.ndarray) -> np.ndarray:
    """k + a / (1 + c / below), in one array: new ones cost as much as the arithmetic."""
    value = c / below
    value += 1
    np.divide(a, value, out=value)
    value += rank
    return value


def _coefficient_a(
    n: int, num_marked: np.ndarray, num_drawn: float, num_negatives: float
) -> np.ndarray:
    # Beyond the end of the fraction a factor is clipped at zero, which cuts it there; the
    # divisors only reach zero beyond the end.
    factor = max(num_negatives + 1 - n, 0) * max(num_drawn - n, 0)
    factor /= max(num_negatives + 1 - 2 * n, 1) * max(num_negatives - 2 * n, 1)
    above = num_marked - n
    np.maximum(above, 0, out=above)
    above *= factor
    return above


def _coefficient_c(
    n: int, num_marked: np.ndarray, num_drawn: float, num_negatives: float
) -> np.ndarray:
    factor = n * max(num_negatives + 1 - num_drawn - n, 0)
    factor /= max(num_negatives + 2 - 2 * n, 1) * max(num_negatives + 1 - 2 * n, 1)
    above = num_negatives + 1 - n - num_marked
    np.maximum(above, 0, out=above)
    above *= factor
    return above
