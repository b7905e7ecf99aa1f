from __future__ import annotations

from fractions import Fraction
from itertools import combinations, count
from math import comb

import numpy as np
import pytest
from mmaction.evaluation.functional.ava_evaluation import metrics as ava_metrics
from scipy.stats import hypergeom

from mmlt.functional import (
    average_precision,
    average_precision_trials,
    expected_sampled_average_precision,
    sampled_average_precision,
)


def _reference_every_subset(scores, targets, interpolated=False):
    """Average AP over every balanced pool there is, in exact fractions (one class)."""
    positives = [s for s, t in zip(scores, targets) if t]
    negatives = [s for s, t in zip(scores, targets) if not t]
    subsets = list(combinations(negatives, min(len(positives), len(negatives))))
    total = Fraction(0)
    for drawn in subsets:
        precision = []
        retrieved = sorted((p for p in positives if p > -np.inf), reverse=True)
        for k, score in enumerate(retrieved, start=1):
            precision.append(Fraction(k, k + sum(d >= score for d in drawn)))
        if interpolated:
            precision = [max(precision[i:]) for i in range(len(precision))]
        total += sum(precision) / len(positives)
    return total / len(subsets)


def _reference_exact_sum(scores, targets):
    """Sum k / (k + h) over the hypergeometric law of h, in exact fractions (one class)."""
    positives = sorted((s for s, t in zip(scores, targets) if t), reverse=True)
    negatives = [s for s, t in zip(scores, targets) if not t]
    num_drawn = min(len(positives), len(negatives))
    total = Fraction(0)
    for k, score in enumerate(positives, start=1):
        if score == -np.inf:
            continue
        marked = sum(n >= score for n in negatives)
        for h in range(num_drawn + 1):
            ways = comb(marked, h) * comb(len(negatives) - marked, num_drawn - h)
            total += Fraction(k, k + h) * Fraction(ways, comb(len(negatives), num_drawn))
    return total / len(positives)


def _reference_scipy_hypergeom(false_positives, num_negatives):
    """The same sum in floating point, for classes too large for fractions."""
    num_positives = len(false_positives)
    num_drawn = min(num_positives, num_negatives)
    h = np.arange(num_drawn + 1)
    total = 0.0
    for k, marked in enumerate(false_positives, start=1):
        total += (hypergeom.pmf(h, num_negatives, marked, num_drawn) * k / (k + h)).sum()
    return total / num_positives


def _reference_mmaction2_interpolated(scores, targets, num_trials, seed, column):
    """AVA's interpolated AP of mmaction2 on each drawn pool (one class, no ties)."""
    scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=bool)
    positives, best_first = scores[targets], np.sort(scores[~targets])[::-1]
    rng = np.random.default_rng([seed, column])
    values = []
    for _ in range(num_trials):
        num_drawn = min(len(positives), len(best_first))
        drawn = rng.choice(len(best_first), num_drawn, replace=False, shuffle=False)
        pool = np.concatenate([positives, best_first[drawn]])
        is_positive = np.arange(len(pool)) < len(positives)
        retrieved = pool > -np.inf
        curve = ava_metrics.compute_precision_recall(
            pool[retrieved], is_positive[retrieved], num_gt=len(positives)
        )
        values.append(ava_metrics.compute_average_precision(*curve))
    return np.array(values)


def _column(values):
    return np.asarray(values)[:, None]


def _one_class(rng, *, largest=9, num_levels=None):
    size = rng.integers(2, largest)
    scores = rng.normal(size=size) if num_levels is None else rng.integers(0, num_levels, size)
    scores = np.where(rng.random(size) < 0.15, -np.inf, scores)
    targets = rng.random(size) < 0.4
    targets[rng.integers(size)] = True
    return scores, targets


def test_expected_by_hand():
    # One positive below two of three negatives; one is drawn: 1/2 w.p. 2/3, else 1.
    scores, targets = _column([0.9, 0.8, 0.7, 0.6]), _column([0, 0, 1, 0])
    expected = expected_sampled_average_precision(scores, targets)
    assert expected == pytest.approx([2 / 3], abs=1e-15)


def test_expected_equals_every_subset():
    rng = np.random.default_rng(7)
    for num_levels in [None, 3] * 60:
        scores, targets = _one_class(rng, num_levels=num_levels)
        expected = expected_sampled_average_precision(_column(scores), _column(targets))
        exact = float(_reference_every_subset(scores, targets))
        assert expected == pytest.approx([exact], abs=1e-11)


def test_expected_equals_exact_sum():
    rng = np.random.default_rng(8)
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.95):
        scores, targets = rng.normal(size=150), rng.random(150) < share
        targets[0] = True
        scores += targets * rng.normal()
        expected = expected_sampled_average_precision(_column(scores), _column(targets))
        exact = float(_reference_exact_sum(scores, targets))
        assert expected == pytest.approx([exact], abs=1e-11)


@pytest.mark.parametrize(
    ('num_positives', 'num_negatives', 'signal'),
    [(30, 90_000, 0.0), (30, 90_000, 2.5), (60, 30_000, 1.0), (500, 700, 0.5), (900, 300, 1.0)],
)
def test_expected_equals_scipy_hypergeom(num_positives, num_negatives, signal):
    rng = np.random.default_rng(9)
    targets = np.arange(num_positives + num_negatives) < num_positives
    scores = rng.normal(size=len(targets)) + signal * targets
    best_first = np.sort(scores[targets])[::-1]
    marked = [(scores[~targets] >= score).sum() for score in best_first]
    expected = expected_sampled_average_precision(_column(scores), _column(targets))
    exact = _reference_scipy_hypergeom(marked, num_negatives)
    assert expected == pytest.approx([exact], abs=1e-9)


def test_expected_is_plain_ap_where_every_negative_is_drawn():
    # With P >= M all M negatives are in every pool; large enough for several chunks.
    rng = np.random.default_rng(10)
    targets = rng.random((40_000, 2)) < 0.6
    scores = rng.normal(size=targets.shape) + 0.3 * targets
    np.testing.assert_allclose(
        expected_sampled_average_precision(scores, targets),
        average_precision(scores, targets),
        rtol=0,
        atol=1e-12,
    )


def _closed_form_without_signal(num_positives, num_pool):
    r = (num_positives - 1) / (num_pool - 1)
    return r + (1 - r) * (1 / np.arange(1, num_pool + 1)).sum() / num_pool


@pytest.mark.parametrize('num_positives', [444, 32])
def test_mean_over_draws_of_a_scorer_without_signal(num_positives):
    # AP is over all boxes, SAP over a pool of n = P + m; each is near its prior,
    # r + (1 - r) H_n / n. A hundredth of AVA val: of AP's 1,000 draws, what stands beside r is 8
    # and 23 standard errors here; of the 93,994 boxes, with 44,449 and 32 positives, 1.3 and 8.
    num_boxes, num_draws, at_once = 940, 1000, 25
    num_pool = num_positives + min(num_positives, num_boxes - num_positives)
    rng = np.random.default_rng(11)
    targets = np.repeat(np.arange(num_boxes) < num_positives, at_once).reshape(num_boxes, -1)
    seeds = count()
    metrics = {
        average_precision: num_boxes,
        expected_sampled_average_precision: num_pool,
        lambda *args: average_precision_trials(*args, num_trials=1, seed=next(seeds))[0]: num_pool,
    }
    values = {metric: [] for metric in metrics}
    for _ in range(num_draws // at_once):
        scores = rng.random((at_once, num_boxes)).T
        for metric in metrics:
            values[metric].append(metric(scores, targets))
    for metric, size in metrics.items():
        drawn = np.concatenate(values[metric])
        standard_error = drawn.std(ddof=1) / np.sqrt(num_draws)
        distance = drawn.mean() - _closed_form_without_signal(num_positives, size)
        assert len(drawn) == num_draws
        assert abs(distance) <= 4 * standard_error


@pytest.mark.parametrize('num_positives', [44_449, 32])
def test_constant_scorer(num_positives):
    # Every negative of the pool ties with the k-th positive and so ranks before it.
    num_boxes = 93_994
    scores, targets = np.full((num_boxes, 1), 0.3), np.arange(num_boxes)[:, None] < num_positives
    k = np.arange(1, num_positives + 1)
    balanced = [np.mean(k / (k + num_positives))]
    expected = expected_sampled_average_precision(scores, targets)
    assert expected == pytest.approx(balanced, abs=1e-11)
    sampled = sampled_average_precision(scores, targets, num_trials=2)
    assert sampled.mean == pytest.approx(balanced, abs=1e-12)
    assert sampled.std == pytest.approx([0], abs=1e-15)
    plain = [np.mean(k / (k + num_boxes - num_positives))]
    assert average_precision(scores, targets) == pytest.approx(plain, abs=1e-12)


@pytest.mark.parametrize('interpolated', [False, True])
def test_sampled_approaches_every_subset(interpolated):
    rng = np.random.default_rng(12)
    for num_levels in (None, None, 3):
        scores, targets = _one_class(rng, largest=12, num_levels=num_levels)
        mean, std = sampled_average_precision(
            _column(scores), _column(targets), num_trials=4000, interpolated=interpolated
        )
        exact = float(_reference_every_subset(scores, targets, interpolated))
        assert abs(mean[0] - exact) <= 5 * std[0] / np.sqrt(4000) + 1e-12


def test_sampled_std_by_hand():
    # The pool's AP is 1 or 1/2, so with a share p of ones the std is sqrt(p (1 - p)) / 2.
    scores, targets = _column([0.9, 0.8, 0.7]), _column([0, 1, 0])
    mean, std = sampled_average_precision(scores, targets, num_trials=20)
    share = (mean[0] - 0.5) / 0.5
    assert 0 < share < 1
    assert std == pytest.approx([np.sqrt(share * (1 - share)) / 2], abs=1e-12)


def test_interpolated_by_hand():
    # P = M, so every negative is drawn: precisions 1/2, 2/3, 3/4 become 3/4 at every level.
    scores = _column([0.9, 0.8, 0.7, 0.6, 0.1, 0.0])
    targets = _column([0, 1, 1, 1, 0, 0])
    mean, std = sampled_average_precision(scores, targets, interpolated=True)
    assert mean == pytest.approx([0.75], abs=1e-15)
    assert std.tolist() == [0.0]


@pytest.mark.parametrize('signal', [-1.0, 0.0, 1.5])
def test_interpolated_equals_mmaction2_on_the_drawn_pools(signal):
    rng = np.random.default_rng(17)
    targets = rng.random((300, 4)) < [0.02, 0.2, 0.5, 0.8]
    targets[0] = True
    scores = rng.normal(size=targets.shape) + signal * targets
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    options = dict(num_trials=6, seed=5)
    trials = average_precision_trials(scores, targets, interpolated=True, **options)
    for c in range(4):
        reference = _reference_mmaction2_interpolated(
            scores[:, c], targets[:, c], column=c, **options
        )
        assert trials[:, c] == pytest.approx(reference, abs=1e-12)
    plain = average_precision_trials(scores, targets, **options)
    assert (trials >= plain - 1e-12).all() and (trials > plain + 1e-6).any()


def test_trials_make_mean_and_std_and_fewer_are_the_first_of_more():
    rng = np.random.default_rng(16)
    scores, targets = rng.normal(size=(60, 3)), rng.random((60, 3)) < [0.2, 0.7, 0.0]
    trials = average_precision_trials(scores, targets, num_trials=8, seed=2)
    assert trials.shape == (8, 3)
    mean, std = sampled_average_precision(scores, targets, num_trials=8, seed=2)
    np.testing.assert_array_equal(mean, trials.mean(axis=0))
    np.testing.assert_array_equal(std, trials.std(axis=0))
    assert np.ptp(trials[:, 0]) > 0 and np.isnan(trials[:, 2]).all()
    fewer = average_precision_trials(scores, targets, num_trials=3, seed=2)
    np.testing.assert_array_equal(fewer, trials[:3])


def test_draws_depend_on_seed_and_column_alone():
    rng = np.random.default_rng(13)
    scores, targets = rng.normal(size=(60, 4)), rng.random((60, 4)) < 0.2
    mean, std = sampled_average_precision(scores, targets, seed=3)
    order = rng.permutation(60)
    again = sampled_average_precision(scores[order], targets[order], seed=3)
    assert np.array_equal(again.mean, mean)
    assert np.array_equal(again.std, std)
    first_two = sampled_average_precision(scores[:, :2], targets[:, :2], seed=3)
    assert np.array_equal(first_two.mean, mean[:2])
    assert not np.array_equal(sampled_average_precision(scores, targets, seed=4).mean, mean)


def test_equal_columns_get_draws_of_their_own():
    rng = np.random.default_rng(15)
    scores, targets = rng.normal(size=(60, 1)), np.arange(60)[:, None] < 5
    mean, _ = sampled_average_precision(np.repeat(scores, 2, 1), np.repeat(targets, 2, 1))
    assert mean[0] != mean[1]


def test_rows_outside_the_pool_do_not_matter():
    rng = np.random.default_rng(14)
    scores, targets = rng.normal(size=(60, 3)), rng.random((60, 3)) < 0.3
    valid = np.repeat(rng.random((60, 1)) < 0.7, 3, axis=1)
    inside = valid[:, 0]
    for metric in (expected_sampled_average_precision, lambda *a: sampled_average_precision(*a)[0]):
        assert np.array_equal(
            metric(scores, targets, valid), metric(scores[inside], targets[inside])
        )


@pytest.mark.parametrize(
    'metric',
    [expected_sampled_average_precision, lambda *a: sampled_average_precision(*a).mean],
    ids=['expected', 'sampled'],
)
def test_edges(metric):
    inf = np.inf
    assert np.isnan(metric([[0.1]], [[0]])).all()
    # No negative: the share of the positives that were retrieved.
    assert metric([[0.1], [-inf]], [[1], [1]]).tolist() == [0.5]
    assert metric([[-inf], [0.0]], [[1], [0]]).tolist() == [0.0]
    # One class without a positive and one never retrieved, beside an ordinary one.
    scores = [[0.1, -inf, 0.3], [0.2, -inf, 0.1]]
    values = metric(scores, [[0, 1, 1], [0, 0, 0]])
    assert np.isnan(values[0])
    assert values[1:].tolist() == [0.0, 1.0]
    assert np.isnan(metric(np.zeros((0, 2)), np.zeros((0, 2), bool))).all()


def test_one_class_may_be_reshaped_as_the_error_says():
    scores, targets = [0.9, 0.2, 0.4], [1, 0, 1]
    for metric in (sampled_average_precision, expected_sampled_average_precision):
        with pytest.raises(ValueError, match=r'got shape \(3,\); for one class pass (.*)') as error:
            metric(scores, targets)
        reshaped = np.reshape(scores, (-1, 1))
        assert str(error.value).endswith('np.reshape(scores, (-1, 1))')
        with pytest.raises(ValueError, match=r'targets .* pass np\.reshape\(targets, \(-1, 1\)\)'):
            metric(reshaped, targets)
        assert np.ravel(metric(reshaped, np.reshape(targets, (-1, 1))))[0] == 1.0


def test_errors():
    with pytest.raises(ValueError, match=r'scores\[0, 0\] is nan'):
        expected_sampled_average_precision([[np.nan]], [[1]])
    with pytest.raises(ValueError, match=r'targets\[0, 0\] is 3'):
        sampled_average_precision([[0.0]], [[3]])
    with pytest.raises(ValueError, match='num_trials must be an integer of at least 1, got 0'):
        sampled_average_precision([[0.0]], [[1]], num_trials=0)
    with pytest.raises(ValueError, match='seed must be an integer of at least 0, got -1'):
        sampled_average_precision([[0.0]], [[1]], seed=-1)
    with pytest.raises(ValueError, match='seed must be an integer of at least 0, got 1.5'):
        sampled_average_precision([[0.0]], [[1]], seed=1.5)
