from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from mmlt.functional import log_odds_of_priors, logit_adjusted_loss


def test_log_odds_by_hand():
    odds = log_odds_of_priors([50, 20, 1], num_samples=100).exp()
    assert odds.tolist() == pytest.approx([1, 1 / 4, 1 / 99], rel=1e-12)
    assert log_odds_of_priors([3, 1]).exp().tolist() == pytest.approx([3, 1 / 3], rel=1e-12)


def test_by_hand():
    # a prior of 1/4 has odds 1/3: the logit ln 3 becomes 0, the logit 0 becomes ln 1/3
    log_odds = log_odds_of_priors([25], num_samples=100)
    logits = torch.tensor([[math.log(3)], [0.0], [0.0]], dtype=torch.float64)
    targets = torch.tensor([[1], [1], [0]])
    losses = logit_adjusted_loss(logits, targets, log_odds, reduction='none')
    expected = [math.log(2), math.log(4), math.log(4 / 3)]
    assert losses[:, 0].tolist() == pytest.approx(expected, rel=1e-12)
    assert logit_adjusted_loss(logits, targets, log_odds).item() == pytest.approx(sum(expected) / 3)
    double = logit_adjusted_loss(logits, targets, log_odds, tau=2, reduction='none')
    assert double[1, 0].item() == pytest.approx(math.log(10))  # odds 1/9


def _reference_menon_softmax(logits, labels, log_priors, tau):
    return cross_entropy(logits + tau * log_priors, labels, reduction='none')


@pytest.mark.parametrize('tau', [0.5, 1, 2])
def test_equals_menon_for_two_exclusive_classes(tau):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 1, generator=generator, dtype=torch.float64)
    targets = torch.randint(0, 2, (20, 1), generator=generator)
    log_priors = torch.tensor([0.93, 0.07], dtype=torch.float64).log()
    pairs = torch.cat([torch.zeros_like(logits), logits], dim=1)
    expected = _reference_menon_softmax(pairs, targets[:, 0], log_priors, tau)
    log_odds = log_odds_of_priors([7], num_samples=100)
    losses = logit_adjusted_loss(logits, targets, log_odds, tau=tau, reduction='none')
    torch.testing.assert_close(losses[:, 0], expected)


def test_tau_0_is_the_cross_entropy():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    targets = (logits > 0.3).int()
    loss = logit_adjusted_loss(logits, targets, log_odds_of_priors([5, 4, 1]), tau=0)
    assert torch.equal(loss, binary_cross_entropy_with_logits(logits, targets.float()))


def test_the_frequency_of_a_class_costs_nothing():
    """Without other knowledge the bare logits are 0 for every class, however rare."""
    logits = torch.zeros(100, 2, requires_grad=True)
    targets = torch.zeros(100, 2)
    targets[:40, 0] = targets[:3, 1] = 1
    log_odds = log_odds_of_priors([40, 3], num_samples=100)
    logit_adjusted_loss(logits, targets, log_odds).backward()
    torch.testing.assert_close(logits.grad.sum(dim=0), torch.zeros(2), atol=1e-8, rtol=0)
    assert logits.grad.abs().min() > 0


def test_gradient():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.tensor([[1, 0], [0.3, 1], [0, 0]], dtype=torch.float64)
    log_odds = log_odds_of_priors([30, 2])
    assert torch.autograd.gradcheck(lambda z: logit_adjusted_loss(z, targets, log_odds), logits)


@pytest.mark.parametrize(
    ('counts', 'num_samples', 'message'),
    [
        ([4, 0], 10, r'class_counts\[1\] is 0: leave out'),
        ([4, 10], 10, 'num_samples must be above every count, got 10 and a class with 10'),
        ([4], None, 'num_samples must be above every count, got 4 and a class with 4'),
        ([4, 2], '9', "num_samples must be a number >= 1, got '9'"),
    ],
)
def test_bad_counts(counts, num_samples, message):
    with pytest.raises(ValueError, match=message):
        log_odds_of_priors(counts, num_samples=num_samples)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'tau': -1}, 'tau must be a number >= 0, got -1'),
        ({'reduction': 'avg'}, "reduction must be one of .*, got 'avg'"),
        ({'log_odds': torch.zeros(2)}, r'log_odds must have shape \(3,\).* got \(2,\)'),
        ({'targets': torch.zeros(2, 2)}, r'shape \(N, C\), got \(2, 3\) and \(2, 2\)'),
    ],
)
def test_errors(options, message):
    arguments = {'targets': torch.zeros(2, 3), 'log_odds': torch.zeros(3), **options}
    with pytest.raises(ValueError, match=message):
        logit_adjusted_loss(torch.zeros(2, 3), **arguments)
