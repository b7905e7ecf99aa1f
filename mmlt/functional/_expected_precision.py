"""E[k / (k + H)] for a hypergeometric H, without a sum over H."""

from __future__ import annotations

import numpy as np

_TOLERANCE = 1e-11
# Small enough for a chunk's arrays to stay in a CPU's cache.
_CHUNK = 1 << 14


def expected_precision(
    rank: np.ndarray,
    num_marked: np.ndarray,
    *,
    num_drawn: np.ndarray,
    num_negatives: np.ndarray,
) -> np.ndarray:
    r"""Expectation of k / (k + H), H ~ Hypergeometric(M, f, m), element by element.

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

    Shapes: n elements, no structure between them.

    Args:
        rank: (n,) k >= 1, position among the retrieved positives.
        num_marked: (n,) f in [0, M], negatives that rank before that positive.
        num_drawn: (n,) m in [0, M], negatives in a balanced pool.
        num_negatives: (n,) M >= 0.

    Returns:
        (n,) float64 in (0, 1], error below 1e-11.

    Reference:
        Koekoek, Lesky, Swarttouw, "Hypergeometric Orthogonal Polynomials and Their
        q-Analogues", 2010, section 9.5 (Hahn), with alpha = -f - 1, beta = -(M - f) - 1, N = m.

    Differs from reference:
        none.

    Example:
        >>> one = np.ones(1)
        >>> expected_precision(one, one, num_drawn=one, num_negatives=2 * one).tolist()
        [0.75]
    """
    law = np.array([rank, num_marked, num_drawn, num_negatives], dtype=np.float64)
    result = np.empty(law.shape[1])
    for start in range(0, law.shape[1], _CHUNK):
        result[start : start + _CHUNK] = _enclose(law[:, start : start + _CHUNK])
    return result


def _enclose(law: np.ndarray) -> np.ndarray:
    """Deepen the fraction where its two bounds are still apart, up to the whole of it."""
    result = np.empty(law.shape[1])
    pending = np.arange(law.shape[1])
    depth = 2
    while len(pending):
        lower, upper = _bounds(law[:, pending], depth)
        result[pending] = (lower + upper) / 2
        pending = pending[upper - lower > _TOLERANCE]
        depth *= 2
    return result


def _bounds(law: np.ndarray, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate the fraction from level `depth` upwards, cut off by its least and its most."""
    rank, num_marked, num_drawn, num_negatives = law
    least = rank
    most = rank + _coefficient_a(depth, num_marked, num_drawn, num_negatives)
    for level in range(depth, 0, -1):
        a = _coefficient_a(level - 1, num_marked, num_drawn, num_negatives)
        c = _coefficient_c(level, num_marked, num_drawn, num_negatives)
        least = rank + a / (1 + c / least)
        most = rank + a / (1 + c / most)
    return rank / most, rank / least


def _coefficient_a(
    n: int, num_marked: np.ndarray, num_drawn: np.ndarray, num_negatives: np.ndarray
) -> np.ndarray:
    # Beyond the end of the fraction a factor is clipped at zero, which cuts it there; the
    # divisors only reach zero beyond the end.
    above = np.maximum(num_negatives + 1 - n, 0)
    above *= np.maximum(num_marked - n, 0)
    above *= np.maximum(num_drawn - n, 0)
    above /= np.maximum(num_negatives + 1 - 2 * n, 1) * np.maximum(num_negatives - 2 * n, 1)
    return above


def _coefficient_c(
    n: int, num_marked: np.ndarray, num_drawn: np.ndarray, num_negatives: np.ndarray
) -> np.ndarray:
    above = n * np.maximum(num_negatives + 1 - num_drawn - n, 0)
    above *= np.maximum(num_negatives + 1 - num_marked - n, 0)
    below = np.maximum(num_negatives + 2 - 2 * n, 1)
    below *= np.maximum(num_negatives + 1 - 2 * n, 1)
    return above / below
