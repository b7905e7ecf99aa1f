from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import roc_auc


def _reference_all_pairs(scores, targets, valid):
    """Compare every positive with every negative, one pair at a time."""
    result = []
    for c in range(scores.shape[1]):
        wins, pairs = 0.0, 0
        for i in np.flatnonzero(targets[:, c] & valid[:, c]):
            for j in np.flatnonzero(~targets[:, c] & valid[:, c]):
                pairs += 1
                if scores[i, c] == scores[j, c]:
                    wins += 0.5
                elif scores[i, c] > scores[j, c]:
                    wins += 1
        result.append(wins / pairs if pairs else np.nan)
    return np.array(result)


def test_hand_computed():
    # Pairs: .9>.5 1, .9>.1 1, .4<.5 0, .4>.1 1.
    assert roc_auc([[0.9], [0.5], [0.4], [0.1]], [[1], [0], [1], [0]]).tolist() == [0.75]


def test_ties_count_one_half_even_at_minus_infinity():
    assert roc_auc([[0.5], [0.5]], [[1], [0]]).tolist() == [0.5]
    assert roc_auc([[-np.inf], [-np.inf], [0.0]], [[1], [0], [1]]).tolist() == [0.75]


@pytest.mark.parametrize('num_levels', [3, 1000])
def test_equals_all_pairs(num_levels):
    rng = np.random.default_rng(5)
    for _ in range(60):
        shape = rng.integers(1, 25), rng.integers(1, 4)
        scores = rng.integers(0, num_levels, shape) / 7
        scores[rng.random(shape) < 0.1] = -np.inf
        targets, valid = rng.random(shape) < 0.4, rng.random(shape) < 0.8
        np.testing.assert_allclose(
            roc_auc(scores, targets, valid),
            _reference_all_pairs(scores, targets, valid),
            rtol=0,
            atol=1e-14,
        )


def test_undefined_where_all_or_none_are_positive():
    scores = [[0.1, 0.1], [0.2, 0.2]]
    assert np.isnan(roc_auc(scores, [[1, 0], [1, 0]])).all()


def test_exchanging_the_classes_gives_the_complement():
    rng = np.random.default_rng(6)
    scores, targets = rng.integers(0, 5, (50, 3)), rng.random((50, 3)) < 0.5
    np.testing.assert_allclose(roc_auc(scores, targets), 1 - roc_auc(scores, ~targets))


def test_errors():
    with pytest.raises(ValueError, match=r'scores\[0, 0\] is nan'):
        roc_auc([[np.nan]], [[1]])
    with pytest.raises(ValueError, match=r'targets\[0, 0\] is 3'):
        roc_auc([[0.0]], [[3]])
