from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from mmlt.functional import asymmetric_loss, focal_loss


def _batch(num_rows=6, num_classes=5):
    generator = torch.Generator().manual_seed(0)
    shape = (num_rows, num_classes)
    logits = 3 * torch.randn(shape, dtype=torch.float64, generator=generator)
    return logits, torch.randint(0, 2, shape, generator=generator)


def test_by_hand():
    # p = 3/4: a positive costs (1/4)^1 ln 4/3; a negative has p_m = 3/4 - 1/4: (1/2)^4 ln 2
    logits = torch.full((1, 2), math.log(3), dtype=torch.float64)
    targets = torch.tensor([[1, 0]])
    losses = asymmetric_loss(logits, targets, prob_margin=0.25, reduction='none')
    expected = [math.log(4 / 3) / 4, math.log(2) / 16]
    assert losses[0].tolist() == pytest.approx(expected, rel=1e-12)
    mean = asymmetric_loss(logits, targets, prob_margin=0.25)
    assert mean.item() == pytest.approx(sum(expected) / 2, rel=1e-12)


def _reference_alibaba_asl(logits, targets, gamma_pos, gamma_neg, clip):
    """The authors' AsymmetricLoss, one element after another."""
    losses = []
    for row, labels in zip(logits.tolist(), targets.tolist()):
        losses.append([])
        for z, y in zip(row, labels):
            prob = 1 / (1 + math.exp(-z))
            prob = prob if y else min(1 - prob + clip, 1)
            gamma = gamma_pos if y else gamma_neg
            losses[-1].append(-math.log(max(prob, 1e-8)) * (1 - prob) ** gamma)
    return losses


@pytest.mark.parametrize(
    ('gamma_pos', 'gamma_neg', 'clip'), [(1, 4, 0.05), (0, 4, 0.05), (0, 2, 0), (2, 0, 0.2)]
)
def test_equals_the_authors_code(gamma_pos, gamma_neg, clip):
    logits, targets = _batch()
    options = {'gamma_pos': gamma_pos, 'gamma_neg': gamma_neg, 'prob_margin': clip}
    losses = asymmetric_loss(logits, targets, **options, reduction='none')
    expected = _reference_alibaba_asl(logits, targets, gamma_pos, gamma_neg, clip)
    for row, expected_row in zip(losses.tolist(), expected):
        assert row == pytest.approx(expected_row, rel=1e-9, abs=1e-12)
    total = asymmetric_loss(logits, targets, **options, reduction='sum')
    assert total.item() == pytest.approx(sum(map(sum, expected)))


def test_without_asymmetry_it_is_focal_loss_and_cross_entropy():
    logits, targets = _batch()
    for gamma in (0, 2):
        loss = asymmetric_loss(logits, targets, gamma_pos=gamma, gamma_neg=gamma, prob_margin=0)
        torch.testing.assert_close(loss, focal_loss(logits, targets, gamma=gamma))
    plain = asymmetric_loss(logits, targets, gamma_pos=0, gamma_neg=0, prob_margin=0)
    torch.testing.assert_close(plain, binary_cross_entropy_with_logits(logits, targets.double()))


def test_a_negative_below_the_margin_is_free():
    logits = torch.tensor([[-3.0, -2.9]], requires_grad=True)  # p = .047 and .052
    loss = asymmetric_loss(logits, torch.zeros(1, 2), gamma_neg=0, reduction='sum')
    loss.backward()
    assert loss.item() > 0
    assert logits.grad[0, 0].item() == 0
    assert logits.grad[0, 1].item() > 0


@pytest.mark.parametrize(
    'options',
    [{}, {'gamma_pos': 0, 'gamma_neg': 1}, {'gamma_pos': 0.5, 'gamma_neg': 0.5, 'prob_margin': 0}],
)
def test_gradient(options):
    logits, _ = _batch(3, 4)
    targets = torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(
        lambda z: asymmetric_loss(z, targets, **options), logits.requires_grad_()
    )


@pytest.mark.parametrize('gamma', [0, 0.5, 1, 4])
@pytest.mark.parametrize('prob_margin', [0, 0.05])
def test_far_off_elements_keep_finite_gradients(gamma, prob_margin):
    logits = torch.tensor([[200.0, -200.0, 200.0, -200.0]], requires_grad=True)
    options = {'gamma_pos': gamma, 'gamma_neg': gamma, 'prob_margin': prob_margin}
    loss = asymmetric_loss(logits, torch.tensor([[1, 0, 0, 1]]), **options, reduction='none')
    loss.sum().backward()
    assert loss[0, 3].item() == pytest.approx(200)
    assert logits.grad[0, 3].item() == pytest.approx(-1)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'gamma_pos': -1}, 'gamma_pos must be a number >= 0, got -1'),
        ({'gamma_neg': -1}, 'gamma_neg must be a number >= 0, got -1'),
        ({'prob_margin': 1.5}, r'prob_margin must be a number in \[0, 1\], got 1.5'),
        ({'reduction': 'avg'}, "reduction must be one of .*, got 'avg'"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        asymmetric_loss(*_batch(), **options)


def test_shapes_that_differ():
    with pytest.raises(ValueError, match=r'shape \(N, C\), got \(2, 3\) and \(2,\)'):
        asymmetric_loss(torch.zeros(2, 3), torch.zeros(2))
