from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional import eqlv2_gradients, eqlv2_loss, eqlv2_weights


def _some(num_rows=5, num_classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (num_rows, num_classes)
    logits = torch.randn(shape, dtype=torch.float64, generator=generator)
    targets = (torch.rand(shape, generator=generator) < 0.4).double()
    weights = 1 + torch.rand(2, num_classes, dtype=torch.float64, generator=generator)
    return logits, targets, weights[0], weights[1]


def test_weights_by_hand():
    # g = mu: half; g = mu + ln(3) / gamma: 3/4; g = mu - ln(3) / gamma: 1/4
    step = math.log(3) / 12
    pos_grad = torch.tensor([0.8, 2 * (0.8 + step), 0.5 * (0.8 - step)])
    pos_weight, neg_weight = eqlv2_weights(pos_grad, torch.tensor([1, 2, 0.5]))
    assert neg_weight.tolist() == pytest.approx([0.5, 0.75, 0.25], rel=1e-5)
    assert pos_weight.tolist() == pytest.approx([3, 2, 4], rel=1e-5)


def test_a_class_without_gradients_has_weights_of_one():
    for pos_grad in (torch.zeros(2), torch.tensor([0, 3.0])):
        weights = eqlv2_weights(pos_grad, torch.zeros(2))
        assert torch.equal(torch.stack(weights), torch.ones(2, 2))


def test_a_class_without_positives_is_protected():
    pos_weight, neg_weight = eqlv2_weights(torch.tensor([0.0]), torch.tensor([10.0]))
    assert neg_weight.item() == pytest.approx(1 / (1 + math.exp(9.6)), rel=1e-5)
    assert pos_weight.item() == pytest.approx(5 - 4 / (1 + math.exp(9.6)), rel=1e-6)


def test_loss_by_hand():
    targets = torch.tensor([[1, 0, 0.25]])
    pos_weight, neg_weight = torch.tensor([3.0, 3, 4]), torch.tensor([0.5, 0.5, 8])
    losses = eqlv2_loss(torch.zeros(1, 3), targets, pos_weight, neg_weight, reduction='none')
    expected = [3 * math.log(2), 0.5 * math.log(2), (1 + 6) * math.log(2)]
    assert losses[0].tolist() == pytest.approx(expected)


def test_weights_of_one_give_the_cross_entropy():
    logits, targets, _, _ = _some()
    ones = torch.ones(4)
    for soft in (targets, 0.2 + 0.5 * targets):
        loss = eqlv2_loss(logits, soft, ones, ones)
        expected = binary_cross_entropy_with_logits(logits, soft)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


def test_gradients_are_those_of_autograd():
    logits, targets, pos_weight, neg_weight = _some()
    mask = torch.tensor([1.0, 1, 0, 1, 0.5])[:, None]
    logits.requires_grad_()
    losses = mask * eqlv2_loss(logits, targets, pos_weight, neg_weight, reduction='none')
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    pos_grad, neg_grad = eqlv2_gradients(logits, targets, pos_weight, neg_weight, weight=mask)
    torch.testing.assert_close(pos_grad, (gradient.abs() * targets).sum(0))
    torch.testing.assert_close(neg_grad, (gradient.abs() * (1 - targets)).sum(0))
    assert not pos_grad.requires_grad


def test_gradients_of_nothing_are_zero():
    _, _, pos_weight, neg_weight = _some()
    sums = eqlv2_gradients(torch.zeros(0, 4), torch.zeros(0, 4), pos_weight, neg_weight)
    assert torch.equal(torch.stack(sums), torch.zeros(2, 4))


def test_gradients_add_up_over_samples():
    logits, targets, *weights = _some()
    whole = torch.stack(eqlv2_gradients(logits, targets, *weights))
    halves = [
        torch.stack(eqlv2_gradients(logits[part], targets[part], *weights))
        for part in (slice(0, 2), slice(2, 5))
    ]
    torch.testing.assert_close(whole, sum(halves))


def test_gradcheck():
    logits, targets, pos_weight, neg_weight = _some()
    logits.requires_grad_()
    targets = 0.1 + 0.8 * targets
    assert torch.autograd.gradcheck(
        lambda z: eqlv2_loss(z, targets, pos_weight, neg_weight), logits
    )


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: eqlv2_weights(torch.ones(2), torch.ones(3)), r'got \(2,\) and \(3,\)'),
        (lambda: eqlv2_weights(torch.ones(2), torch.ones(2), gamma=-1), 'gamma must be .* got -1'),
        (lambda: eqlv2_weights(torch.ones(2), torch.ones(2), mu=-1), 'mu must be .* got -1'),
        (lambda: eqlv2_weights(torch.ones(2), torch.ones(2), alpha=-1), 'alpha must be .* got -1'),
        (
            lambda: eqlv2_loss(torch.ones(1, 2), torch.ones(1, 2), torch.ones(3), torch.ones(2)),
            r'pos_weight must have shape \(2,\), .*, got \(3,\)',
        ),
        (
            lambda: eqlv2_gradients(
                torch.ones(1, 2), torch.ones(1, 2), torch.ones(2), torch.ones(3)
            ),
            r'neg_weight must have shape \(2,\), .*, got \(3,\)',
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
