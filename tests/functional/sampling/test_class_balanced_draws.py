from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import chi2

from mmlt.functional import expected_draws, group_by_class, plan_draws

MODES = {
    'uniform': {},
    'sqrt': {},
    'repeat_factor': {'repeat_threshold': 0.5},
    'duplicate': {},
}
# candidates 0-4 are of class 0, 4 and 5 of class 1, 5 to 7 of class 3; class 2 is empty
CANDIDATES = [0, 1, 2, 3, 4, 4, 5, 5, 6, 7]
CLASSES = [0, 0, 0, 0, 0, 1, 1, 3, 3, 3]


def _members():
    return group_by_class(CANDIDATES, CLASSES, num_candidates=8, num_classes=4)


def _epoch(plan, *, seed=0, epoch=0, length=None):
    return plan.draw(np.arange(length or plan.natural_length), seed=seed, epoch=epoch)


# ---------------------------------------------------------------------------------- by hand


def test_duplicate_by_hand():
    # n = 5, 2, 3, longest 5: class 0 once; class 1 twice and one more; class 3 once and two more
    plan = plan_draws(_members(), mode='duplicate')
    assert plan.natural_length == 15
    remainders = set()
    for epoch in range(20):
        draws = _epoch(plan, epoch=epoch)
        of_class = [np.sort(draws.candidates[draws.classes == c]).tolist() for c in range(4)]
        assert of_class[0] == [0, 1, 2, 3, 4]
        assert of_class[1] in ([4, 4, 4, 5, 5], [4, 4, 5, 5, 5])
        assert of_class[2] == []
        assert of_class[3] in ([5, 5, 6, 6, 7], [5, 5, 6, 7, 7], [5, 6, 6, 7, 7])
        remainders.add((*of_class[1], *of_class[3]))
    assert len(remainders) == 6, 'the remainder is drawn anew in every epoch'


def test_duplicate_of_equal_lists_has_no_remainder():
    members = group_by_class(range(6), [0, 0, 1, 1, 1, 1], num_candidates=6, num_classes=2)
    draws = _epoch(plan_draws(members, mode='duplicate'))
    assert np.bincount(draws.candidates).tolist() == [2, 2, 1, 1, 1, 1]


def test_repeat_factor_by_hand():
    # f = 5/8, 2/8, 3/8 and t = .5: r = 1, sqrt 2, sqrt(4/3); a box has its largest
    root2, root43 = 2**0.5, (4 / 3) ** 0.5
    plan = plan_draws(_members(), mode='repeat_factor', repeat_threshold=0.5)
    factors = np.array([1, 1, 1, 1, root2, root2, root43, root43])
    assert plan.natural_length == 10  # 9.14 rounded up
    num_epochs = 400
    total = np.zeros(8)
    for epoch in range(num_epochs):
        counts = np.bincount(_epoch(plan, epoch=epoch).candidates, minlength=8)
        assert counts.sum() == 10
        # nine or ten places, and one more from the start where there are nine
        assert (counts >= 1).all() and (counts[:4] <= 2).all() and (counts[4:] <= 3).all()
        total += counts
    np.testing.assert_allclose(total / num_epochs, factors * 10 / factors.sum(), atol=0.1)


def test_repeat_threshold_zero_is_the_original_distribution():
    plan = plan_draws(_members(), mode='repeat_factor', repeat_threshold=0)
    assert sorted(_epoch(plan).candidates) == list(range(8))


@pytest.mark.parametrize(('mode', 'length'), [('uniform', 8), ('sqrt', 8), ('duplicate', 15)])
def test_natural_length(mode, length):
    assert plan_draws(_members(), mode=mode).natural_length == length


# ----------------------------------------------------------------------------- all modes


def _plan(mode):
    return plan_draws(_members(), mode=mode, **MODES[mode])


@pytest.mark.parametrize('mode', MODES)
def test_frequencies(mode):
    # many epochs of natural length against the expectation, by chi-square
    expected = expected_draws(_members(), mode=mode, **MODES[mode])
    plan, num_epochs = _plan(mode), 300
    counts = sum(
        np.bincount(_epoch(plan, epoch=epoch).candidates, minlength=8)
        for epoch in range(num_epochs)
    )
    expected = expected / expected.sum() * counts.sum()
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-3, 7)


@pytest.mark.parametrize(('mode', 'probs'), [('uniform', [1, 1, 0, 1]), ('sqrt', [5, 2, 0, 3])])
def test_class_frequencies_of_independent_draws(mode, probs):
    weights = np.sqrt(probs)
    draws = _epoch(_plan(mode), length=30_000)
    counts = np.bincount(draws.classes, minlength=4)
    assert counts[2] == 0
    expected = (weights / weights.sum() * 30_000)[[0, 1, 3]]
    assert ((counts[[0, 1, 3]] - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-3, 2)


@pytest.mark.parametrize('mode', MODES)
def test_what_is_drawn_carries_its_class(mode):
    draws = _epoch(_plan(mode), length=200)
    if mode == 'repeat_factor':
        assert (draws.classes == -1).all()
    else:
        assert set(zip(draws.candidates, draws.classes)) == set(zip(CANDIDATES, CLASSES))


@pytest.mark.parametrize('mode', MODES)
def test_seed_and_epoch(mode):
    plan = _plan(mode)
    first = _epoch(plan, seed=3, epoch=2, length=50).candidates
    np.testing.assert_array_equal(_epoch(_plan(mode), seed=3, epoch=2, length=50)[0], first)
    for other in ({'seed': 4, 'epoch': 2}, {'seed': 3, 'epoch': 3}, {'seed': 2, 'epoch': 3}):
        assert (_epoch(plan, **other, length=50).candidates != first).any()


@pytest.mark.parametrize('mode', MODES)
def test_any_place_is_drawn_alone(mode):
    plan = _plan(mode)
    whole = _epoch(plan, length=60)
    for place in (0, 7, 59):
        alone = plan.draw(np.array([place]), seed=0, epoch=0)
        assert alone.candidates[0] == whole.candidates[place]
        assert alone.classes[0] == whole.classes[place]


@pytest.mark.parametrize('mode', ['repeat_factor', 'duplicate'])
def test_beyond_the_natural_length_the_list_is_shuffled_anew(mode):
    plan = plan_draws(_members(), mode=mode, **({} if mode == 'duplicate' else MODES[mode]))
    if mode == 'repeat_factor':
        plan = plan_draws(_members(), mode=mode, repeat_threshold=0)
    length = plan.natural_length
    passes = _epoch(plan, length=3 * length).candidates.reshape(3, length)
    for one in passes[1:]:
        assert sorted(one) == sorted(passes[0]) and (one != passes[0]).any()


def test_one_candidate():
    members = group_by_class([0], [0], num_candidates=1, num_classes=1)
    for mode in MODES:
        plan = plan_draws(members, mode=mode, **MODES[mode])
        assert _epoch(plan, length=3).candidates.tolist() == [0, 0, 0]


def test_ten_million_places_are_not_kept():
    # AVA's size: 60 classes, the largest of 165,000 boxes
    counts = np.maximum(165_000 // 2 ** np.arange(60), 5)
    classes = np.repeat(np.arange(60), counts)
    members = group_by_class(
        np.arange(len(classes)), classes, num_candidates=len(classes), num_classes=60
    )
    tracemalloc.start()
    plan = plan_draws(members, mode='duplicate')
    assert plan.natural_length == 9_900_000
    for start in (0, 9_895_904):
        plan.draw(np.arange(start, start + 4096), seed=0, epoch=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6  # one int64 list of the epoch alone takes 79 MB
