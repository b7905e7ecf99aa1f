"""Random numbers by place: number k of a stream without the k - 1 before it.

No generator has a state, so a reader may start anywhere, at once and without memory. The streams
depend on the key alone: not on the process, the rank, or the versions of Python and numpy.
"""

from __future__ import annotations

import numpy as np

_NUM_ROUNDS = 8


def stream_keys(key: tuple[int, ...], num_keys: int) -> np.ndarray:
    """Turn whole numbers >= 0 into (num_keys,) uint64 (numpy keeps SeedSequence as it is)."""
    return np.random.SeedSequence(key).generate_state(num_keys, np.uint64)


def random_uint64(counters: np.ndarray, stream: np.uint64) -> np.ndarray:
    """Hash (n,) uint64 counters: the output function of SplitMix64, entered twice."""
    return _mix(_mix(counters ^ stream) + stream)


def uniform(positions: np.ndarray, key: tuple[int, ...]) -> np.ndarray:
    """Numbers ``positions`` of the stream ``key``, (n,) float64 in [0, 1)."""
    (stream,) = stream_keys(key, 1)
    bits = random_uint64(np.asarray(positions, dtype=np.uint64), stream)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def permute_range(positions: np.ndarray, size: int, *, key: tuple[int, ...]) -> np.ndarray:
    """Look up places of a pseudo-random permutation of range(size).

    An unbalanced Feistel network on as many bits as ``size`` needs; a value outside the range is
    sent through it again until it falls inside (less than twice on average).

    Args:
        positions: (n,) integers in [0, size).
        size: Length of the permutation, 1 to 2**62.
        key: Whole numbers >= 0: another key is another permutation.

    Returns:
        (n,) int64 in [0, size), distinct where the positions are.

    Reference:
        Black, Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002 (cycle walking).

    Differs from reference:
        the round function mixes well but keeps no secret.

    Example:
        >>> sorted(permute_range(range(5), 5, key=(0,)).tolist())
        [0, 1, 2, 3, 4]
    """
    num_bits = max(2, (size - 1).bit_length())
    keys = stream_keys(key, _NUM_ROUNDS)
    values = _feistel(np.asarray(positions, dtype=np.uint64), num_bits, keys)
    outside = np.flatnonzero(values >= np.uint64(size))
    while outside.size:
        values[outside] = _feistel(values[outside], num_bits, keys)
        outside = outside[values[outside] >= np.uint64(size)]
    return values.astype(np.int64)


def _feistel(values: np.ndarray, num_bits: int, keys: np.ndarray) -> np.ndarray:
    """A permutation of range(2**num_bits), by place."""
    right_bits = np.uint64(num_bits // 2)
    right_mask = (np.uint64(1) << right_bits) - np.uint64(1)
    left_mask = (np.uint64(1) << np.uint64(num_bits - num_bits // 2)) - np.uint64(1)
    left, right = values >> right_bits, values & right_mask
    for number, key in enumerate(keys):
        if number % 2:
            right = right ^ (random_uint64(left, key) & right_mask)
        else:
            left = left ^ (random_uint64(right, key) & left_mask)
    return (left << right_bits) | right


def _mix(values: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): increment and finish; uint64 wraps round."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
