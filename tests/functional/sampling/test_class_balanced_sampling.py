from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import (
    class_counts_of_draws,
    class_repeat_factors,
    class_sampling_probs,
    expected_draws,
    group_by_class,
)

# four candidates of class 0, one of which (2) is of class 1 too
CANDIDATES, CLASSES = [0, 1, 2, 2, 3], [0, 0, 0, 1, 0]


def _members():
    return group_by_class(CANDIDATES, CLASSES, num_candidates=4, num_classes=2)


# ---------------------------------------------------------------------------------- by hand


def test_members_by_hand():
    members = group_by_class([2, 0, 1, 0], [2, 0, 0, 2], num_candidates=3, num_classes=4)
    assert members.candidates.tolist() == [0, 1, 0, 2]
    assert members.offsets.tolist() == [0, 2, 2, 4, 4]
    assert members.counts.tolist() == [2, 0, 2, 0]


def test_probs_by_hand():
    np.testing.assert_allclose(class_sampling_probs([4, 1], mode='uniform'), [1 / 2, 1 / 2])
    np.testing.assert_allclose(class_sampling_probs([4, 1], mode='sqrt'), [2 / 3, 1 / 3])
    np.testing.assert_allclose(class_sampling_probs([4, 0, 16], mode='sqrt'), [1 / 3, 0, 2 / 3])
    np.testing.assert_allclose(class_sampling_probs([4, 0, 16], mode='uniform'), [1 / 2, 0, 1 / 2])


def test_repeat_factors_by_hand():
    # f = .4, .1, .025 of 40: sqrt(t / f) with t = .1 is 1/2, 1, 2
    np.testing.assert_allclose(class_repeat_factors([16, 4, 1, 0], 40, threshold=0.1), [1, 1, 2, 1])
    np.testing.assert_array_equal(class_repeat_factors([16, 4, 1], 40, threshold=0), [1, 1, 1])


@pytest.mark.parametrize(
    ('mode', 'expected'),
    [
        ('uniform', [1 / 2, 1 / 2, 5 / 2, 1 / 2]),
        ('sqrt', [2 / 3, 2 / 3, 2, 2 / 3]),
        ('repeat_factor', [1, 1, 2, 1]),
        ('duplicate', [1, 1, 5, 1]),
    ],
)
def test_expected_draws_by_hand(mode, expected):
    threshold = {'repeat_threshold': 1.0} if mode == 'repeat_factor' else {}
    np.testing.assert_allclose(expected_draws(_members(), mode=mode, **threshold), expected)


def test_class_counts_by_hand():
    assert class_counts_of_draws(_members(), [1, 1, 5, 1]).tolist() == [8, 5]
    members = group_by_class([1], [2], num_candidates=2, num_classes=4)
    assert class_counts_of_draws(members, [7, 0.5]).tolist() == [0, 0, 0.5, 0]


# --------------------------------------------------------------------------------- parity


def _reference_lvis_repeat_factors(counts, num, threshold):
    """Gupta et al., appendix B, class by class."""
    return [max(1.0, (threshold / (count / num)) ** 0.5) for count in counts]


def test_repeat_factors_are_those_of_lvis():
    counts = [1, 2, 30, 500, 9999]
    np.testing.assert_allclose(
        class_repeat_factors(counts, 10_000, threshold=0.001),
        _reference_lvis_repeat_factors(counts, 10_000, 0.001),
    )


# ----------------------------------------------------------------------- edges, invariance


def test_an_empty_class_is_never_drawn():
    members = group_by_class([0, 1], [0, 2], num_candidates=2, num_classes=3)
    for mode in ('uniform', 'sqrt', 'duplicate'):
        np.testing.assert_allclose(expected_draws(members, mode=mode), [1, 1])


def test_level_classes_stay_as_they_are():
    members = group_by_class(range(6), [0, 0, 1, 1, 2, 2], num_candidates=6, num_classes=3)
    for mode in ('uniform', 'sqrt', 'duplicate'):
        np.testing.assert_allclose(expected_draws(members, mode=mode), 1)


def test_order_does_not_matter():
    order = np.random.default_rng(0).permutation(len(CANDIDATES))
    shuffled = group_by_class(
        np.array(CANDIDATES)[order], np.array(CLASSES)[order], num_candidates=4, num_classes=2
    )
    np.testing.assert_array_equal(shuffled.candidates, _members().candidates)
    np.testing.assert_array_equal(shuffled.offsets, _members().offsets)


# ---------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda: group_by_class([4], [0], num_candidates=4, num_classes=2),
            r'candidates holds 4: it must be in \[0, 4\)',
        ),
        (
            lambda: group_by_class([0], [-1], num_candidates=4, num_classes=2),
            r'classes holds -1: it must be in \[0, 2\)',
        ),
        (
            lambda: group_by_class([0, 1], [0], num_candidates=4, num_classes=2),
            r'must be \(M,\), got \(2,\) and \(1,\)',
        ),
        (
            lambda: class_sampling_probs([1, 2], mode='duplicate'),
            "mode must be one of 'uniform', 'sqrt', got 'duplicate'",
        ),
        (lambda: class_sampling_probs([0, 0], mode='sqrt'), 'class_counts is 0 for every class'),
        (lambda: class_sampling_probs([-1, 0], mode='sqrt'), r'class_counts\[0\] is -1'),
        (
            lambda: class_repeat_factors([1], 10, threshold=2),
            r'threshold must be a share in \[0, 1\], got 2',
        ),
        (
            lambda: class_repeat_factors([1], 0, threshold=0.1),
            'num_candidates must be an integer of at least 1, got 0',
        ),
        (lambda: expected_draws(_members(), mode='cbs'), "mode must be one of .* got 'cbs'"),
        (
            lambda: expected_draws(_members(), mode='repeat_factor'),
            "mode 'repeat_factor' needs repeat_threshold",
        ),
        (
            lambda: expected_draws(_members(), mode='sqrt', repeat_threshold=0.1),
            "repeat_threshold is for mode 'repeat_factor', got 0.1 with mode 'sqrt'",
        ),
        (
            lambda: expected_draws(
                group_by_class([], [], num_candidates=0, num_classes=2), mode='sqrt'
            ),
            'no candidate is a member of a class',
        ),
        (
            lambda: class_counts_of_draws(_members(), [1, 2]),
            r'num_draws must have shape \(4,\), got \(2,\)',
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
