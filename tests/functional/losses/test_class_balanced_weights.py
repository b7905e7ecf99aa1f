from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import class_balanced_weights

RECORDED = np.load(Path(__file__).parents[2] / 'data' / 'videolt_losses.npz')


def test_by_hand():
    # beta = 1/2: E = 1, 3/2, 7/4, so 1/E = 1, 2/3, 4/7, which sum to 47/21
    expected = [3 * 21 / 47, 3 * 14 / 47, 3 * 12 / 47]
    weights = class_balanced_weights([1, 2, 3], beta=0.5)
    np.testing.assert_allclose(weights, expected, rtol=1e-14)
    assert weights.dtype == np.float64


@pytest.mark.parametrize('key', ['cb_weights', 'ldam_drw_weights'])
def test_equals_videolt(key):
    weights = class_balanced_weights(RECORDED['counts'], beta=0.9999)
    np.testing.assert_allclose(weights, RECORDED[key], atol=1e-6)
    assert weights.sum() == pytest.approx(len(weights))


def test_the_ends_of_beta():
    assert class_balanced_weights([1, 10, 1000], beta=0).tolist() == [1, 1, 1]
    inverse = 1 / np.array([1, 10, 1000])
    almost = class_balanced_weights([1, 10, 1000], beta=1 - 1e-12)
    np.testing.assert_allclose(almost, 3 * inverse / inverse.sum(), rtol=1e-6)


def test_takes_tensors_and_one_class():
    assert class_balanced_weights(torch.tensor([7])).tolist() == pytest.approx([1.0])


def test_permuted_classes_have_permuted_weights():
    counts, order = RECORDED['counts'][:50], np.random.default_rng(0).permutation(50)
    weights = class_balanced_weights(counts)
    np.testing.assert_allclose(class_balanced_weights(counts[order]), weights[order], rtol=1e-12)


@pytest.mark.parametrize(
    ('counts', 'beta', 'message'),
    [
        ([3, 0], 0.9, r'class_counts\[1\] is 0: leave out classes without training samples'),
        ([3, -1], 0.9, r'class_counts\[1\] is -1'),
        ([], 0.9, 'class_counts must be C numbers'),
        ([3], 1.1, r'beta must be a number in \[0, 1\], got 1.1'),
        ([3], 1, 'beta must be below 1'),
        ([3], float('nan'), r'beta must be a number in \[0, 1\], got nan'),
    ],
)
def test_errors(counts, beta, message):
    with pytest.raises(ValueError, match=message):
        class_balanced_weights(counts, beta=beta)
