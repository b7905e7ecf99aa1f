from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional import distribution_balanced_loss, rebalancing_weights

COUNTS = [120, 30, 8, 1]
OPTIONS = {'num_samples': 130, 'alpha': 0.2, 'beta': 4.0, 'mu': 0.3, 'neg_scale': 3.0, 'kappa': 0.4}


def _sigmoid(x):
    return 1 / (1 + math.exp(-x))


def _batch(num_rows=6):
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(num_rows, 4, dtype=torch.float64, generator=generator)
    targets = torch.randint(0, 2, (num_rows, 4), generator=generator)
    targets[:, 1] |= targets.sum(dim=1) == 0  # every row has a label
    return logits, targets


def test_by_hand():
    # odds of the priors 1 and 1/4; r = 1 and 5/2 for the sample with class 0 alone
    shift = 0.05 / 2 * math.log(4)
    logits = torch.tensor([[0, shift]], dtype=torch.float64)  # shifted to 0
    targets = torch.tensor([[1, 0]])
    losses = distribution_balanced_loss(
        logits, targets, [50, 20], num_samples=100, reduction='none'
    )
    weights = [0.1 + _sigmoid(8), 0.1 + _sigmoid(23)]
    expected = [weights[0] * math.log(2), weights[1] * math.log(2) / 2]
    assert losses[0].tolist() == pytest.approx(expected, rel=1e-12)
    loss = distribution_balanced_loss(logits, targets, [50, 20], num_samples=100)
    assert loss.item() == pytest.approx(sum(expected) / 2, rel=1e-12)


def test_weights_by_hand():
    # 1/n is 1/40 and 1/10: r = 1/5, 4/5 where both labels are; 1, 4 for class 0; 1/4, 1 for class 1
    weights = rebalancing_weights(torch.tensor([[1.0, 1], [1, 0], [0, 1]]), [40, 10])
    ratios = [[0.2, 0.8], [1, 4], [0.25, 1]]
    for row, ratio in zip(weights.tolist(), ratios):
        assert row == pytest.approx([0.1 + _sigmoid(10 * (r - 0.2)) for r in ratio], rel=1e-6)


def test_a_sample_without_labels_weighs_most():
    weights = rebalancing_weights(torch.zeros(2, 4), COUNTS)
    assert weights.tolist() == [[pytest.approx(1.1)] * 4] * 2


def _reference_resample_loss(logits, targets, counts, options):
    """The authors' ResampleLoss (rebalance, without focal factor), one element after another."""
    losses = []
    for row, labels in zip(logits.tolist(), targets.tolist()):
        repeat_rate = sum(y / n for y, n in zip(labels, counts))
        losses.append([])
        for z, y, n in zip(row, labels, counts):
            weight = options['alpha'] + _sigmoid(
                options['beta'] * (1 / n / repeat_rate - options['mu'])
            )
            bias = -math.log(options['num_samples'] / n - 1) * options['kappa']
            z += bias / options['neg_scale']
            if not y:
                z, weight = z * options['neg_scale'], weight / options['neg_scale']
            prob = _sigmoid(z)
            losses[-1].append(-weight * math.log(prob if y else 1 - prob))
    return losses


@pytest.mark.parametrize('options', [OPTIONS, {**OPTIONS, 'neg_scale': 1.0, 'kappa': 0.0}])
def test_equals_the_authors_code(options):
    logits, targets = _batch()
    losses = distribution_balanced_loss(logits, targets, COUNTS, **options, reduction='none')
    for row, expected in zip(losses.tolist(), _reference_resample_loss(*_batch(), COUNTS, options)):
        assert row == pytest.approx(expected, rel=1e-9)


def test_switched_off_it_is_the_cross_entropy():
    logits, targets = _batch()
    off = {'alpha': 0.5, 'beta': 0.0, 'neg_scale': 1.0, 'kappa': 0.0}  # the weight is .5 + .5
    expected = binary_cross_entropy_with_logits(logits, targets.double())
    torch.testing.assert_close(distribution_balanced_loss(logits, targets, COUNTS, **off), expected)


def test_order_of_classes_does_not_matter():
    logits, targets = _batch()
    order = [2, 0, 3, 1]
    counts = [COUNTS[index] for index in order]
    loss = distribution_balanced_loss(logits[:, order], targets[:, order], counts, **OPTIONS)
    torch.testing.assert_close(loss, distribution_balanced_loss(logits, targets, COUNTS, **OPTIONS))


def test_confident_negatives_pull_less():
    gradients = []
    for neg_scale in (1.0, 2.0, 5.0):
        logits = torch.full((1, 4), -2.0, requires_grad=True)
        options = {'neg_scale': neg_scale, 'kappa': 0.0}
        distribution_balanced_loss(logits, torch.zeros(1, 4), COUNTS, **options).backward()
        gradients.append(logits.grad[0, 0].item())
    assert gradients[0] > gradients[1] > gradients[2] > 0


def test_gradient():
    logits, targets = _batch(3)
    soft = targets * 0.7
    assert torch.autograd.gradcheck(
        lambda z: distribution_balanced_loss(z, soft, COUNTS, **OPTIONS), logits.requires_grad_()
    )


@pytest.mark.parametrize('logit', [300.0, -300.0])
def test_far_off_elements_are_finite(logit):
    logits = torch.full((1, 4), logit, requires_grad=True)
    distribution_balanced_loss(logits, torch.tensor([[0, 1, 0, 1]]), COUNTS).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'class_counts': [1, 2, 0, 4]}, r'class_counts\[2\] is 0'),
        ({'class_counts': [1, 2]}, r'class_counts must have shape \(4,\).* got \(2,\)'),
        ({'num_samples': 120}, 'num_samples must be above every count, got 120 and a class'),
        ({'alpha': -0.1}, 'alpha must be a number >= 0, got -0.1'),
        ({'beta': -1}, 'beta must be a number >= 0, got -1'),
        ({'mu': -1}, 'mu must be a number >= 0, got -1'),
        ({'kappa': -1}, 'kappa must be a number >= 0, got -1'),
        ({'neg_scale': 0}, 'neg_scale must be above 0, got 0'),
        ({'neg_scale': -2}, 'neg_scale must be a number >= 0, got -2'),
        ({'reduction': 'avg'}, "reduction must be one of .*, got 'avg'"),
        ({'targets': torch.zeros(6, 3)}, r'shape \(N, C\), got \(6, 4\) and \(6, 3\)'),
    ],
)
def test_errors(options, message):
    logits, targets = _batch()
    arguments = {'targets': targets, 'class_counts': COUNTS, **options}
    with pytest.raises(ValueError, match=message):
        distribution_balanced_loss(logits, **arguments)
