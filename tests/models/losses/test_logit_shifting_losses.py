"""Distribution-balanced, asymmetric and logit-adjusted loss: equal to their functionals."""

from __future__ import annotations

import json

import pytest
import torch

from mmlt.functional import (
    asymmetric_loss,
    distribution_balanced_loss,
    log_odds_of_priors,
    logit_adjusted_loss,
)
from mmlt.models.losses import AsymmetricLoss, DistributionBalancedLoss, LogitAdjustedLoss

COUNTS = [500, 40, 3]
LOGITS = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
TARGETS = torch.randint(0, 2, (8, 3), generator=torch.Generator().manual_seed(1))


def test_asymmetric_equals_functional():
    options = {'gamma_pos': 0.5, 'gamma_neg': 3.0, 'prob_margin': 0.1}
    loss = AsymmetricLoss(**options)(LOGITS, TARGETS)
    assert torch.equal(loss, asymmetric_loss(LOGITS, TARGETS, **options))
    assert torch.equal(AsymmetricLoss()(LOGITS, TARGETS), asymmetric_loss(LOGITS, TARGETS))


def test_distribution_balanced_equals_functional():
    options = {'alpha': 0.3, 'beta': 5.0, 'mu': 0.1, 'neg_scale': 3.0, 'kappa': 0.2}
    for given in ({}, {'num_samples': 600, **options}):
        loss = DistributionBalancedLoss(COUNTS, **given)(LOGITS, TARGETS)
        expected = distribution_balanced_loss(LOGITS, TARGETS, COUNTS, **given)
        assert torch.equal(loss, expected)


def test_logit_adjusted_equals_functional():
    log_odds = log_odds_of_priors(COUNTS, num_samples=600)
    loss = LogitAdjustedLoss(COUNTS, num_samples=600, tau=0.7)(LOGITS, TARGETS)
    assert torch.equal(loss, logit_adjusted_loss(LOGITS, TARGETS, log_odds, tau=0.7))


@pytest.mark.parametrize('cls', [DistributionBalancedLoss, LogitAdjustedLoss])
def test_counts_of_a_file_in_the_order_of_the_columns(cls, tmp_path):
    classes = [{'id': i, 'name': str(i), 'count': n} for i, n in enumerate((40, 3, 500))]
    path = tmp_path / 'counts.json'
    path.write_text(json.dumps({'classes': classes}))
    loss = cls(str(path), class_ids=(2, 0, 1))(LOGITS, TARGETS)
    assert torch.equal(loss, cls(COUNTS)(LOGITS, TARGETS))
    assert not torch.equal(loss, cls(str(path))(LOGITS, TARGETS))


@pytest.mark.parametrize('cls', [DistributionBalancedLoss, LogitAdjustedLoss])
def test_bad_counts(cls):
    with pytest.raises(ValueError, match=r'class_counts\[1\] is 0'):
        cls([5, 0])
    with pytest.raises(ValueError, match='num_samples must be above every count, got 5'):
        cls([5, 1], num_samples=5)
