from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.functional import average_precision

DATA = Path(__file__).parents[2] / 'data'


def _reference_loop(scores, targets, valid):
    """Walk down each ranking, negatives first among equals; a list element at a time."""
    result = []
    for c in range(scores.shape[1]):
        rows = [i for i in range(len(scores)) if valid[i, c]]
        rows.sort(key=lambda i: (-scores[i, c], targets[i, c]))
        num_positives = sum(int(targets[i, c]) for i in rows)
        hits, total = 0, 0.0
        for rank, i in enumerate(rows, start=1):
            if targets[i, c] and scores[i, c] > -np.inf:
                hits += 1
                total += hits / rank
        result.append(total / num_positives if num_positives else np.nan)
    return np.array(result)


def _random_case(rng, *, tied):
    num_samples, num_classes = rng.integers(1, 40), rng.integers(1, 5)
    scores = rng.normal(size=(num_samples, num_classes))
    if tied:
        scores = np.round(scores)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    targets = rng.random(scores.shape) < rng.choice([0.1, 0.5, 0.9])
    valid = rng.random(scores.shape) < rng.choice([0.6, 1.0])
    return scores, targets, valid


def test_hand_computed():
    # Ranks of the positives: 1 and 3, so (1/1 + 2/3) / 2.
    scores = [[0.9], [0.8], [0.7], [0.6]]
    assert average_precision(scores, [[1], [0], [1], [0]]) == pytest.approx([5 / 6], abs=1e-15)


def test_a_positive_ranks_after_every_negative_of_its_score():
    scores = [[0.5], [0.5], [0.5], [0.1]]
    # f_1 = f_2 = 1 for the two positives at 0.5: (1/2 + 2/3) / 2.
    assert average_precision(scores, [[1], [0], [1], [0]]) == pytest.approx([7 / 12], abs=1e-15)


def test_a_positive_of_minus_infinity_adds_nothing():
    scores = [[0.9], [-np.inf], [-np.inf]]
    assert average_precision(scores, [[1], [1], [0]]).tolist() == [0.5]
    assert average_precision([[-np.inf], [0.0]], [[1], [0]]).tolist() == [0.0]


def test_equals_videolt_meter():
    recorded = np.load(DATA / 'videolt_apmeter.npz')
    ap = average_precision(recorded['scores'], recorded['targets'])
    # VideoLT's meter gives 0 to the class without a positive, the fifth.
    assert np.isnan(ap).tolist() == [False] * 4 + [True] + [False] * 4
    np.testing.assert_allclose(np.nan_to_num(ap), recorded['ap'], rtol=0, atol=1e-6)


def test_equals_videolt_long_tail_meter():
    recorded = np.load(DATA / 'videolt_ltmeter.npz')
    targets = np.unpackbits(recorded['targets'], axis=1, count=1004)
    ap = average_precision(recorded['scores'], targets)
    assert np.isnan(ap).sum() == (targets.sum(0) == 0).sum() == 644
    ap = np.nan_to_num(ap)  # the meter's value where there is no positive
    np.testing.assert_allclose(ap, recorded['ap'], rtol=0, atol=1e-6)
    assert ap.mean() == pytest.approx(float(recorded['mAP']), abs=1e-6)
    split = np.load(DATA / 'videolt_class_counts.npz')
    for group in ('head', 'medium', 'tail'):
        mean = ap[split[f'idx_{group}']].mean()
        assert mean == pytest.approx(float(recorded[group]), abs=1e-6)


@pytest.mark.parametrize('tied', [False, True])
def test_equals_reference_loop(tied):
    rng = np.random.default_rng(1)
    for _ in range(200):
        scores, targets, valid = _random_case(rng, tied=tied)
        np.testing.assert_allclose(
            average_precision(scores, targets, valid),
            _reference_loop(scores, targets, valid),
            rtol=0,
            atol=1e-13,
        )


def test_more_classes_than_are_sorted_at_once():
    rng = np.random.default_rng(2)
    scores, targets = rng.normal(size=(30, 70)), rng.random((30, 70)) < 0.3
    everything = np.ones_like(targets)
    np.testing.assert_allclose(
        average_precision(scores, targets), _reference_loop(scores, targets, everything)
    )


def test_more_rows_than_are_laid_out_at_once():
    rng = np.random.default_rng(5)
    for num_samples in (1024, 1025, 2500):
        scores = np.round(rng.normal(size=(num_samples, 3)), 2)
        targets, valid = rng.random((2, num_samples, 3)) < 0.5
        np.testing.assert_allclose(
            average_precision(scores, targets, valid), _reference_loop(scores, targets, valid)
        )


def test_the_arguments_are_left_as_they_are():
    scores, targets = np.array([[0.1, 0.9], [0.7, 0.3]]), np.array([[True, False], [False, True]])
    for order in 'CF':
        given = np.asarray(scores, order=order), np.asarray(targets, order=order)
        assert average_precision(*given).tolist() == [0.5, 0.5]
        assert np.array_equal(given[0], scores) and np.array_equal(given[1], targets)


def test_expectation_of_a_scorer_without_signal():
    # r + (1 - r) H_n / n with r = (P - 1) / (n - 1): P = 3 positives of n = 10.
    rng = np.random.default_rng(3)
    targets = np.zeros((10, 40_000), dtype=bool)
    targets[:3] = True
    r, harmonic = 2 / 9, sum(1 / i for i in range(1, 11))
    mean = average_precision(rng.random(targets.shape), targets).mean()
    assert mean == pytest.approx(r + (1 - r) * harmonic / 10, abs=0.004)


def test_edges():
    assert np.isnan(average_precision([[0.1]], [[0]])).all()
    assert average_precision([[0.1]], [[1]]).tolist() == [1.0]
    assert np.isnan(average_precision(np.zeros((0, 2)), np.zeros((0, 2), bool))).all()
    assert average_precision(np.zeros((3, 0)), np.zeros((3, 0), bool)).shape == (0,)
    # A positive outside the pool does not count as one.
    assert np.isnan(average_precision([[0.1], [0.2]], [[1], [0]], [[0], [1]])).all()


def test_row_order_and_monotone_maps_do_not_matter():
    rng = np.random.default_rng(4)
    scores, targets, valid = _random_case(rng, tied=True)
    expected = average_precision(scores, targets, valid)
    order = rng.permutation(len(scores))
    assert np.array_equal(
        average_precision(scores[order], targets[order], valid[order]), expected, equal_nan=True
    )
    assert np.array_equal(
        average_precision(3 * scores - 7, targets, valid), expected, equal_nan=True
    )


def test_integer_scores_and_float32_scores():
    assert average_precision([[3], [2], [1]], [[0], [1], [0]]).tolist() == [0.5]
    scores = np.array([[0.1], [0.2]], dtype=np.float32)
    assert average_precision(scores, [[True], [False]]).tolist() == [0.5]


@pytest.mark.parametrize(
    ('scores', 'targets', 'valid', 'message'),
    [
        ([0.1], [1], None, r'scores must have shape \(N, C\), got shape \(1,\)'),
        ([['a']], [[1]], None, 'scores must hold real numbers, got dtype <U1'),
        ([[0.1, 0.2], [0.3, np.nan]], [[1, 0]] * 2, None, r'scores\[1, 1\] is nan'),
        (
            [0.1, 0.2],
            [1, 0],
            None,
            r'scores must have shape \(N, C\), got shape \(2,\); for one class pass '
            r'np\.reshape\(scores, \(-1, 1\)\)',
        ),
        (
            [[0.1], [0.2]],
            [1, 0],
            None,
            r'targets must have the shape of scores, \(2, 1\), got \(2,\); for one class pass '
            r'np\.reshape\(targets, \(-1, 1\)\)',
        ),
        ([[0.1, 0.2]], [[1]], None, r'targets must have the shape of scores, \(1, 2\), got \(1, 1'),
        ([[0.1, 0.2]], [[1, 2]], None, r'targets\[0, 1\] is 2: it must be 0 or 1'),
        ([[0.1, 0.2]], [[0.5, 1]], None, r'targets\[0, 0\] is 0.5'),
        ([[0.1]], [['1']], None, 'targets must be bool or 0/1, got dtype <U1'),
        ([[0.1, 0.2]], [[1, 0]], [[1]], r'valid must have the shape of scores'),
        ([[0.1, 0.2]], [[1, 0]], [[1, -1]], r'valid\[0, 1\] is -1'),
    ],
)
def test_errors(scores, targets, valid, message):
    with pytest.raises(ValueError, match=message):
        average_precision(scores, targets, valid)
