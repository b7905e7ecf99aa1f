from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from mmlt.functional import softmax_focal_loss

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(7, 5, dtype=torch.float64, generator=GENERATOR)
LABELS = torch.randint(5, (7,), generator=GENERATOR)
ONE_HOT = torch.eye(5, dtype=torch.float64)[LABELS]


def _by_definition(logits, targets, gamma):
    """Sum of t (1 - p)^gamma (-log p) of each row, one element after the other."""
    losses = []
    for row, of_row in zip(logits.tolist(), targets.tolist()):
        total = sum(math.exp(z) for z in row)
        probs = [math.exp(z) / total for z in row]
        losses.append(sum(-t * (1 - p) ** gamma * math.log(p) for t, p in zip(of_row, probs)))
    return losses


def test_by_hand():
    # softmax of (ln 3, 0) is (3/4, 1/4)
    logits = torch.tensor([[math.log(3), 0.0]], dtype=torch.float64)
    loss = softmax_focal_loss(logits, torch.tensor([[0.0, 1.0]]), gamma=2)
    assert loss.item() == pytest.approx(math.log(4) * 9 / 16, rel=1e-12)
    # half on each
    shared = softmax_focal_loss(logits, torch.tensor([[0.5, 0.5]]), gamma=2)
    expected = 0.5 * (math.log(4 / 3) / 16 + math.log(4) * 9 / 16)
    assert shared.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('targets', ['hard', 'soft'])
def test_gamma_0_is_the_cross_entropy_of_torch(targets):
    targets = ONE_HOT if targets == 'hard' else LOGITS.flip(0).softmax(dim=1)
    loss = softmax_focal_loss(LOGITS, targets, gamma=0)
    assert loss.item() == pytest.approx(cross_entropy(LOGITS, targets).item(), rel=1e-12)


@pytest.mark.parametrize('gamma', [0, 0.5, 1, 2, 5])
def test_equals_the_definition(gamma):
    soft = LOGITS.flip(0).softmax(dim=1)
    for targets in (ONE_HOT, soft):
        losses = softmax_focal_loss(LOGITS, targets, gamma=gamma, reduction='none')
        np.testing.assert_allclose(losses, _by_definition(LOGITS, targets, gamma), rtol=1e-9)


def test_a_row_of_zeros_counts_nowhere():
    targets = ONE_HOT.clone()
    targets[[1, 4]] = 0
    losses = softmax_focal_loss(LOGITS, targets, gamma=2, reduction='none')
    assert losses[[1, 4]].tolist() == [0, 0]
    kept = [0, 2, 3, 5, 6]
    expected = softmax_focal_loss(LOGITS[kept], ONE_HOT[kept], gamma=2)
    assert softmax_focal_loss(LOGITS, targets, gamma=2).item() == pytest.approx(expected.item())
    total = softmax_focal_loss(LOGITS, targets, gamma=2, reduction='sum')
    assert total.item() == pytest.approx(5 * expected.item())


@pytest.mark.parametrize('num_rows', [0, 3])
def test_without_any_class_it_is_zero_with_a_graph(num_rows):
    logits = torch.randn(num_rows, 4, requires_grad=True)
    loss = softmax_focal_loss(logits, torch.zeros(num_rows, 4), gamma=2)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().sum() == 0


def test_shift_and_permutation_change_nothing():
    loss = softmax_focal_loss(LOGITS, ONE_HOT, gamma=2)
    moved = softmax_focal_loss(LOGITS + 100, ONE_HOT, gamma=2)
    order = torch.tensor([3, 0, 4, 2, 1])
    mixed = softmax_focal_loss(LOGITS[:, order], ONE_HOT[:, order], gamma=2)
    assert moved.item() == pytest.approx(loss.item(), rel=1e-9)
    assert mixed.item() == pytest.approx(loss.item(), rel=1e-12)


@pytest.mark.parametrize('gamma', [0, 0.5, 2])
def test_gradient(gamma):
    targets = LOGITS.flip(0).softmax(dim=1)
    targets[2] = 0
    logits = LOGITS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: softmax_focal_loss(z, targets, gamma=gamma), logits)


@pytest.mark.parametrize('gamma', [0, 0.5, 2])
@pytest.mark.parametrize('size', [1e2, 1e4])
def test_sure_logits_stay_finite(gamma, size):
    logits = (size * torch.eye(3)).requires_grad_()
    for targets in (torch.eye(3), torch.eye(3).roll(1, 0)):
        loss = softmax_focal_loss(logits, targets, gamma=gamma)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'targets': ONE_HOT[:, :4]}, r'shape \(N, C\), got \(7, 5\) and \(7, 4\)'),
        ({'gamma': -1}, 'gamma'),
        ({'reduction': 'max'}, "reduction must be one of 'none', 'mean', 'sum', got 'max'"),
    ],
)
def test_errors(change, message):
    given = {'logits': LOGITS, 'targets': ONE_HOT, 'gamma': 2, **change}
    with pytest.raises(ValueError, match=message):
        softmax_focal_loss(**given)
