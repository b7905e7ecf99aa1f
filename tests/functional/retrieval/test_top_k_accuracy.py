from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.functional import average_top_k_error, top_k_accuracy, top_k_recall

DATA = Path(__file__).parents[2] / 'data'


def _reference_walk(scores, targets, k):
    """Walk down each sample's classes, false ones first among equals; hits and per-class hits."""
    hits, labelled = 0, 0
    of_class = [[] for _ in scores[0]]
    for sample_scores, sample_targets in zip(scores, targets):
        order = sorted(
            range(len(sample_scores)), key=lambda c: (-sample_scores[c], sample_targets[c])
        )
        best = [c for c in order[:k] if sample_targets[c] and sample_scores[c] > -np.inf]
        labelled += any(sample_targets)
        hits += bool(best)
        for c in np.flatnonzero(sample_targets):
            of_class[c].append(c in best)
    recall = [np.mean(found) if found else np.nan for found in of_class]
    return (hits / labelled if labelled else np.nan), recall


def _reference_mmaction(scores, labels, k):
    from mmaction.evaluation import top_k_accuracy as mmaction_top_k_accuracy

    return mmaction_top_k_accuracy(list(scores), list(labels), (k,))[0]


def _reference_mmaction_mean_class(scores, labels):
    from mmaction.evaluation import mean_class_accuracy

    return mean_class_accuracy(list(scores), list(labels))


SCORES = [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.9, 0.05, 0.05]]
TARGETS = [[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 1, 0]]


def test_hand_computed():
    # Ranks: class 0 of the first sample 1; classes 0 and 2 of the second 3 and 2; the third has
    # no label; class 1 of the last shares its score with a false class, so 3.
    assert top_k_accuracy(SCORES, TARGETS, k=1) == 1 / 3
    assert top_k_accuracy(SCORES, TARGETS, k=2) == 2 / 3
    assert top_k_accuracy(SCORES, TARGETS, k=3) == 1
    assert top_k_recall(SCORES, TARGETS, k=1).tolist() == [0.5, 0, 0]
    assert top_k_recall(SCORES, TARGETS, k=2).tolist() == [0.5, 0, 1]
    assert top_k_recall(SCORES, TARGETS, k=3).tolist() == [1, 1, 1]


def test_equals_videolt_meter():
    recorded = np.load(DATA / 'videolt_ltmeter.npz')
    targets = np.unpackbits(recorded['targets'], axis=1, count=1004)
    for k in (1, 5):
        percent = 100 * top_k_accuracy(recorded['scores'], targets, k=k)
        assert percent == pytest.approx(recorded[f'acc{k}'], abs=1e-6)


@pytest.mark.parametrize('k', [1, 2, 5])
def test_equals_mmaction_for_single_labels_without_ties(k):
    rng = np.random.default_rng(0)
    scores, labels = rng.random((300, 9)), rng.integers(9, size=300)
    targets = np.eye(9, dtype=bool)[labels]
    expected = _reference_mmaction(scores, labels, k)
    assert top_k_accuracy(scores, targets, k=k) == pytest.approx(expected, abs=1e-12)
    # With one label a sample, hits and recalled labels are the same thing.
    recall = np.average(top_k_recall(scores, targets, k=k), weights=targets.sum(0))
    assert recall == pytest.approx(expected, abs=1e-12)
    if k == 1:
        mean = top_k_recall(scores, targets, k=1).mean()
        assert mean == pytest.approx(_reference_mmaction_mean_class(scores, labels), abs=1e-12)


@pytest.mark.parametrize('num_samples', [30, 1500])
def test_equals_reference_walk(num_samples):
    rng = np.random.default_rng(1)
    for tied in (False, True):
        scores = rng.normal(size=(num_samples, 7))
        scores = np.round(scores) if tied else scores
        scores[rng.random(scores.shape) < 0.1] = -np.inf
        targets = rng.random(scores.shape) < 0.25
        for k in (1, 3, 9):
            if tied:  # two true classes of one score share a rank; the walk must not choose one
                targets &= np.arange(7) == targets.argmax(1)[:, None]
            accuracy, recall = _reference_walk(scores, targets, k)
            assert top_k_accuracy(scores, targets, k=k) == pytest.approx(accuracy, abs=1e-12)
            np.testing.assert_allclose(top_k_recall(scores, targets, k=k), recall, atol=1e-12)


def test_true_classes_of_one_score_share_the_rank():
    assert top_k_recall([[0.9, 0.9, 0.1]], [[1, 1, 0]], k=1).tolist()[:2] == [1, 1]


def test_a_constant_scorer_hits_only_when_all_false_classes_fit():
    targets = [[1, 0, 0, 0], [0, 0, 1, 1]]
    constant = np.zeros((2, 4))
    assert [top_k_accuracy(constant, targets, k=k) for k in (1, 2, 3, 4)] == [0, 0, 0.5, 1]


def test_minus_infinity_is_never_a_hit():
    assert top_k_accuracy([[-np.inf, -np.inf]], [[1, 1]], k=5) == 0
    assert top_k_accuracy([[-np.inf, 0.0]], [[1, 0]], k=2) == 0


def test_edges():
    assert np.isnan(top_k_accuracy([[0.1, 0.2]], [[0, 0]], k=1))
    assert np.isnan(top_k_accuracy(np.zeros((0, 3)), np.zeros((0, 3), bool), k=1))
    assert np.isnan(top_k_recall(np.zeros((0, 3)), np.zeros((0, 3), bool), k=1)).all()
    assert top_k_accuracy([[0.1]], [[1]], k=5) == 1


def test_order_of_samples_and_classes_does_not_matter():
    rng = np.random.default_rng(2)
    scores, targets = np.round(rng.normal(size=(50, 6))), rng.random((50, 6)) < 0.3
    rows, columns = rng.permutation(50), rng.permutation(6)
    moved = scores[rows][:, columns], targets[rows][:, columns]
    assert top_k_accuracy(*moved, k=2) == top_k_accuracy(scores, targets, k=2)
    expected = top_k_recall(scores, targets, k=2)[columns]
    assert np.array_equal(top_k_recall(*moved, k=2), expected)


@pytest.mark.parametrize('function', [top_k_accuracy, top_k_recall])
@pytest.mark.parametrize(
    ('scores', 'targets', 'k', 'message'),
    [
        ([[0.1]], [[1]], 0, 'k must be an integer of at least 1, got 0'),
        ([[0.1]], [[1]], 1.5, 'k must be an integer of at least 1, got 1.5'),
        ([[0.1, np.nan]], [[1, 0]], 1, r'scores\[0, 1\] is nan'),
        ([[0.1]], [[1, 0]], 1, r'targets must have the shape of scores, \(1, 1\)'),
        ([[0.1]], [[0.5]], 1, r'targets\[0, 0\] is 0.5: it must be 0 or 1'),
    ],
)
def test_errors(function, scores, targets, k, message):
    with pytest.raises(ValueError, match=message):
        function(scores, targets, k=k)


# -------------------------------------------------------------------------- average of the errors


def test_average_error_hand_computed():
    # Of three samples with a class one is hit at 1, two at 2, three at 3.
    assert average_top_k_error(SCORES, TARGETS, ks=(1, 2)) == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert average_top_k_error(SCORES, TARGETS, ks=(3,)) == 0
    assert average_top_k_error(SCORES, TARGETS) == pytest.approx((2 / 3 + 0) / 2)


def test_average_error_of_the_challenge_equals_mmactions_accuracies():
    rng = np.random.default_rng(3)
    scores, labels = rng.random((300, 9)), rng.integers(9, size=300)
    top1, top5 = (_reference_mmaction(scores, labels, k) for k in (1, 5))
    error = average_top_k_error(scores, np.eye(9, dtype=bool)[labels])
    assert error == pytest.approx(1 - (top1 + top5) / 2, abs=1e-12)


def test_average_error_without_a_labelled_sample_or_without_k():
    assert np.isnan(average_top_k_error([[0.1, 0.2]], [[0, 0]]))
    with pytest.raises(ValueError, match=r'ks must name at least one k, got \(\)'):
        average_top_k_error(SCORES, TARGETS, ks=())
    with pytest.raises(ValueError, match='k must be an integer of at least 1, got 0'):
        average_top_k_error(SCORES, TARGETS, ks=(1, 0))
