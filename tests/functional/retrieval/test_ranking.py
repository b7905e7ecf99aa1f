from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import average_precision, expected_sampled_average_precision, roc_auc
from mmlt.functional.checks import check_retrieval
from mmlt.functional.retrieval._ranking import class_pools

NUM_ROWS = 20_000  # enough for scores to be counted in bins
# The last two classes have too many for that, and are sorted whole.
NUM_POSITIVES = (0, 1, 5, 60, 1200, 3000, 19_999, 20_000)


def _tiny_and_huge(rng, shape):
    """Scores that a float32 holds as 0 or infinity, or as subnormals, of both signs."""
    values = [0.0, -0.0, 1e-310, -1e-310, 1e-40, -1e-40, 1e300, -1e300, 1e308, np.inf, 1.0]
    return rng.choice(values, shape)


SCORES = {
    'uniform': lambda rng, shape: rng.random(shape),
    'sigmoid': lambda rng, shape: 1 / (1 + np.exp(4 - 2 * rng.normal(size=shape))),
    'normal': lambda rng, shape: rng.normal(size=shape),
    'rounded': lambda rng, shape: rng.normal(size=shape).round(1),
    'constant': lambda rng, shape: np.full(shape, -0.25),
    'neighbours': lambda rng, shape: 1 + rng.integers(0, 9, shape) * 2.0**-52,
    'tiny and huge': _tiny_and_huge,
}


def _reference_pool(scores, is_positive, is_valid):
    """P, M, and per retrieved positive the negatives as high or higher, and higher: one sort."""
    scores = scores.astype(np.float64)  # numpy's sort of float16 is not to be trusted
    positives = scores[is_positive & is_valid]
    negatives = np.sort(scores[~is_positive & is_valid])
    best_first = np.sort(positives[positives > -np.inf])[::-1]
    not_below = len(negatives) - np.searchsorted(negatives, best_first, side='left')
    above = len(negatives) - np.searchsorted(negatives, best_first, side='right')
    return len(positives), len(negatives), not_below, above


def _case(name, dtype, share_lost, share_valid):
    rng = np.random.default_rng(7)
    shape = (NUM_ROWS, len(NUM_POSITIVES))
    with np.errstate(over='ignore'):
        scores = SCORES[name](rng, shape).astype(dtype)
    scores[rng.random(shape) < share_lost] = -np.inf
    ranks = rng.permuted(np.tile(np.arange(NUM_ROWS), (len(NUM_POSITIVES), 1)), axis=1).T
    targets = ranks < np.array(NUM_POSITIVES)
    return scores, targets, rng.random(shape) < share_valid if share_valid < 1 else None


@pytest.mark.parametrize('share_valid', [1, 0.9])
@pytest.mark.parametrize('share_lost', [0, 0.3])
@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
@pytest.mark.parametrize('name', SCORES)
def test_equals_sorting_the_negatives(name, dtype, share_lost, share_valid):
    scores, targets, valid = _case(name, dtype, share_lost, share_valid)
    before = scores.copy()
    pools = class_pools(*check_retrieval(scores, targets, valid))
    for c, pool in enumerate(pools):
        is_valid = valid[:, c] if valid is not None else np.ones(NUM_ROWS, dtype=bool)
        expected = _reference_pool(scores[:, c], targets[:, c], is_valid)
        assert (len(pool.positives), pool.num_negatives) == expected[:2]
        assert pool.false_positives().tolist() == expected[2].tolist()
        assert pool.false_positives(ties=False).tolist() == expected[3].tolist()
        lost = (scores[:, c] == -np.inf) & ~targets[:, c] & is_valid
        assert pool.num_lost_negatives == lost.sum()
    assert c == len(NUM_POSITIVES) - 1
    np.testing.assert_array_equal(scores, before)


def test_a_zero_of_either_sign_is_the_same_score():
    scores = np.full((NUM_ROWS, 2), -1.0, dtype=np.float32)
    scores[0], scores[1:5] = [0.0, -0.0], [-0.0, 0.0]
    targets = np.zeros(scores.shape)
    targets[0] = 1
    assert average_precision(scores, targets).tolist() == [1 / 5, 1 / 5]
    # Of the 19,999 negatives 19,995 are lower, and four tie.
    assert roc_auc(scores, targets).tolist() == [19_997 / 19_999] * 2
    # The one negative drawn is one of the four in 4 of 19,999 cases, and halves the precision.
    expected = 1 - 4 / 19_999 / 2
    sap = expected_sampled_average_precision(scores, targets)
    np.testing.assert_allclose(sap, [expected] * 2, rtol=0, atol=1e-11)


def test_a_rare_class_by_hand_in_a_large_pool():
    # Scores 0 .. 19,999; positives are the best but one, and 10,000.
    scores = np.arange(NUM_ROWS, dtype=np.float64)[:, None]
    targets = np.zeros(scores.shape)
    targets[[19_998, 10_000]] = 1
    # f = 1 and 9,998
    assert average_precision(scores, targets) == pytest.approx([(1 / 2 + 2 / 10_000) / 2])
    assert roc_auc(scores, targets) == pytest.approx([(19_997 + 10_000) / (2 * 19_998)])
