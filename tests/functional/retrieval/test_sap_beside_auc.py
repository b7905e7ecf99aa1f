"""How small SAP can be at a given AUC: what docs/ava_numbers.md says of the paper's Table 1."""

from __future__ import annotations

import numpy as np
import pytest

from mmlt.functional import expected_sampled_average_precision, roc_auc

NUM_CELLS = 1500  # of the positives, and of the negatives


def _formula(auc):
    """The formula of the docs: a share r of the positives found, all behind the same share q."""
    q = np.linspace(0.001, 0.4, 4000)
    r = 2 * auc / (1 - q) - 1
    possible = (r > 0) & (r <= 1)
    q, r = q[possible], r[possible]
    return (r - q * np.log((r + q) / q)).min()


def _least_sap(auc):
    """A lower bound on SAP, for any number of positives and any scores without ties but -inf.

    Let q(x) be the share of negatives above the positive at rank x of (0, 1]. It cannot fall. With
    P positives and P negatives drawn, E[k / (k + H)] >= k / (k + P q) (Jensen), so the found share
    r adds at least the integral of x / (x + q(x)) over (0, r) to SAP; the missed positives add 0.
    AUC is the integral of 1 - q over (0, r), and for the missed ones half the share of negatives
    missed, at most (1 - q(r)) / 2. So for any price SAP >= price * AUC + min(SAP - price * AUC),
    and the minimum is found by dynamic programming over cells of x and q: x is rounded down to its
    cell, and q takes the best place in its own, where x / (x + q) + price * q is convex.
    """
    near = np.clip(auc, 0.55, 0.95)
    price = (_formula(near + 0.005) - _formula(near - 0.005)) / 0.01  # the slope: nearly the best
    rank = low = np.arange(NUM_CELLS) / NUM_CELLS
    value = np.zeros(NUM_CELLS)  # by the cell of the last q: least over the paths so far
    least = np.inf
    for x in [*rank, 1.0]:
        least = min(least, (value - price * (1 - x) * (1 - low) / 2).min())
        q = np.clip(np.sqrt(x / price) - x, low, low + 1 / NUM_CELLS)
        step = x / np.maximum(x + q, 1e-9) - price * (1 - q)
        value = np.minimum.accumulate(value) + step / NUM_CELLS
    return price * auc + least


def _sap_and_auc(positives, negatives):
    scores = np.r_[positives, negatives][:, None]
    targets = np.arange(len(scores))[:, None] < len(positives)
    return expected_sampled_average_precision(scores, targets)[0], roc_auc(scores, targets)[0]


@pytest.mark.parametrize(
    ('auc', 'printed', 'paper'),
    [
        (0.803, 0.555, 0.426),
        (0.809, 0.567, 0.505),
        (0.812, 0.573, 0.523),
        (0.777, 0.504, 0.478),
        (0.779, 0.508, 0.491),
    ],
)
def test_pairs_of_the_papers_table_that_these_definitions_cannot_give(auc, printed, paper):
    assert printed - 0.001 <= _least_sap(auc) <= printed + 0.0005
    assert paper < _least_sap(auc)


def test_the_least_is_nearly_reached():
    share_above, share_found = 0.057, 0.704
    num_positives, num_negatives = 4000, 100_000
    num_found, num_above = int(share_found * num_positives), int(share_above * num_negatives)
    positives = np.full(num_positives, -np.inf)
    positives[:num_found] = np.linspace(0.6, 0.5, num_found)
    negatives = np.full(num_negatives, -np.inf)
    negatives[:num_above] = 1
    sap, auc = _sap_and_auc(positives, negatives)
    assert auc == pytest.approx(0.803, abs=0.001)
    assert _least_sap(auc) <= sap <= _least_sap(auc) + 0.005


@pytest.mark.parametrize('seed', range(20))
def test_no_scores_are_below_it(seed):
    rng = np.random.default_rng(seed)
    num_positives = int(rng.integers(5, 200))
    power, found = rng.uniform(0.1, 10), rng.random(2)
    positives = rng.random(num_positives) ** power
    positives[rng.random(num_positives) > found[0]] = -np.inf
    negatives = rng.random(2000)
    negatives[rng.random(2000) > found[1]] = -np.inf
    sap, auc = _sap_and_auc(positives, negatives)
    assert sap >= _least_sap(auc) - 1e-9


def test_the_bound_is_convex_so_that_means_obey_it():
    bounds = [_least_sap(auc) for auc in np.linspace(0.6, 0.9, 7)]
    assert (np.diff(bounds, 2) >= -1e-9).all()
