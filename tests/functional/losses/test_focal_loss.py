from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import focal_loss

RECORDED = np.load(Path(__file__).parents[2] / 'data' / 'videolt_losses.npz')
LOGITS = torch.from_numpy(RECORDED['logits'])
TARGETS = {kind: torch.from_numpy(RECORDED[kind]) for kind in ('hard', 'soft')}


def test_by_hand():
    # sigmoid(ln 3) = 3/4: p_t is 3/4 where the target is 1 and 1/4 where it is 0
    logits = torch.full((1, 2), math.log(3), dtype=torch.float64)
    targets = torch.tensor([[1, 0]])
    losses = focal_loss(logits, targets, gamma=2, alpha=0.5, reduction='none')
    expected = [0.5 * math.log(4 / 3) / 16, 0.5 * math.log(4) * 9 / 16]
    assert losses[0].tolist() == pytest.approx(expected, rel=1e-12)
    mean = focal_loss(logits, targets, gamma=2, alpha=0.5)
    assert mean.item() == pytest.approx(sum(expected) / 2, rel=1e-12)


def test_by_hand_with_a_soft_target():
    # half positive at logit 0: bce = ln 2, p_t = 1/2
    loss = focal_loss(torch.zeros(1, 1), torch.tensor([[0.5]]), gamma=1)
    assert loss.item() == pytest.approx(math.log(2) / 2, rel=1e-6)


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('gamma', [0, 1, 2])
def test_equals_videolt(gamma, kind, reduction):
    loss = focal_loss(LOGITS, TARGETS[kind], gamma=gamma, reduction=reduction)
    expected = RECORDED[f'focal{gamma}_{kind}_{reduction}']
    assert loss.item() == pytest.approx(expected.item(), rel=2e-6)


@pytest.mark.parametrize(('gamma', 'kind'), [(1, 'hard'), (2, 'hard'), (2, 'soft')])
def test_elements_equal_videolt(gamma, kind):
    losses = focal_loss(LOGITS, TARGETS[kind], gamma=gamma, reduction='none')
    np.testing.assert_allclose(losses, RECORDED[f'focal{gamma}_{kind}_none'], atol=1e-5)


def test_alpha_equals_videolt():
    loss = focal_loss(LOGITS, TARGETS['hard'], gamma=1, alpha=0.25)
    assert loss.item() == pytest.approx(RECORDED['focal1_alpha025_hard_mean'].item(), abs=1e-6)


@pytest.mark.parametrize('gamma', [0, 0.5, 2])
def test_gradient(gamma):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.rand(3, 4, dtype=torch.float64, generator=generator).round(decimals=1)
    assert torch.autograd.gradcheck(lambda z: focal_loss(z, targets, gamma=gamma), logits)


@pytest.mark.parametrize('gamma', [0, 0.5, 1, 2])
def test_sure_elements_have_finite_gradients(gamma):
    logits = torch.tensor([[200.0, -200.0, 200.0, -200.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[1, 0, 0, 1]]), gamma=gamma)
    loss.backward()
    assert loss.item() == pytest.approx(100)  # two right for nothing, two wrong by 200 each
    assert logits.grad[0].tolist() == pytest.approx([0, 0, 0.25, -0.25])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'gamma': -1}, 'gamma must be a number >= 0, got -1'),
        ({'gamma': 1, 'alpha': -0.5}, 'alpha must be a number >= 0, got -0.5'),
        ({'gamma': 1, 'reduction': 'avg'}, "reduction must be one of .*, got 'avg'"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        focal_loss(LOGITS, TARGETS['hard'], **options)


def test_shapes_that_differ():
    with pytest.raises(ValueError, match=r'shape \(N, C\), got \(2, 3\) and \(2,\)'):
        focal_loss(torch.zeros(2, 3), torch.zeros(2), gamma=1)
