from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import equalization_loss

RECORDED = np.load(Path(__file__).parents[2] / 'data' / 'videolt_losses.npz')
LOGITS = torch.from_numpy(RECORDED['logits'])
TARGETS = torch.from_numpy(RECORDED['hard'])
TAIL = torch.from_numpy(RECORDED['eql_tail_flag'])
LN2 = math.log(2)


def test_by_hand():
    # Columns: head negative, tail negative drawn, tail negative not drawn, tail positive drawn,
    # tail target of .25 drawn.
    targets = torch.tensor([[0, 0, 0, 1, 0.25]])
    tail = torch.tensor([0, 1, 1, 1, 1])
    uniform = torch.tensor([[0.9, 0.75, 0.74, 0.9, 0.9]])
    logits = torch.zeros(1, 5)
    options = {'drop_prob': 0.25, 'uniform': uniform}
    losses = equalization_loss(logits, targets, tail, reduction='none', **options)
    assert losses[0].tolist() == pytest.approx([LN2, 0, LN2, LN2, LN2 / 4])
    # the mean counts what was dropped
    mean = equalization_loss(logits, targets, tail, **options)
    assert mean.item() == pytest.approx(LN2 * 3.25 / 5)


@pytest.mark.parametrize('case', ['def', 'g05'])
def test_equals_videolt(case):
    options = {
        'drop_prob': RECORDED[f'eql_gamma_{case}'].item(),
        'uniform': torch.from_numpy(RECORDED[f'eql_rand_{case}']),
    }
    loss = equalization_loss(LOGITS, TARGETS, TAIL, **options)
    assert loss.item() == pytest.approx(RECORDED[f'eql_hard_mean_{case}'].item(), abs=1e-6)


def test_elements_equal_videolt():
    losses = equalization_loss(
        LOGITS,
        TARGETS,
        TAIL,
        drop_prob=RECORDED['eql_gamma_g05'].item(),
        uniform=torch.from_numpy(RECORDED['eql_rand_g05']),
        reduction='none',
    )
    np.testing.assert_allclose(losses, RECORDED['eql_hard_none_g05'], atol=1e-5)


def test_the_ends_of_drop_prob():
    uniform = torch.rand(LOGITS.shape, generator=torch.Generator().manual_seed(0))
    call = {'uniform': uniform, 'reduction': 'none'}
    kept = equalization_loss(LOGITS, TARGETS, TAIL, drop_prob=0, **call)
    assert kept.mean().item() == pytest.approx(RECORDED['bce_hard_mean'].item(), rel=1e-6)
    dropped = equalization_loss(LOGITS, TARGETS, TAIL, drop_prob=1, **call)
    is_tail_negative = TAIL & (TARGETS == 0)
    assert torch.equal(dropped == 0, is_tail_negative)
    assert torch.equal(dropped[~is_tail_negative], kept[~is_tail_negative])


def test_gradient():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    uniform = torch.rand(3, 4, generator=generator)
    targets = torch.tensor([[1, 0, 0, 1], [0.3, 0, 0.7, 0], [0, 0, 0, 0]], dtype=torch.float64)

    def loss(z):
        return equalization_loss(z, targets, [0, 1, 1, 1], drop_prob=0.5, uniform=uniform)

    assert torch.autograd.gradcheck(loss, logits)


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'tail_mask': [True]}, r'tail_mask must have shape \(1004,\), .*, got \(1,\)'),
        ({'uniform': torch.rand(4)}, r'uniform must have the shape of logits, \(4, 1004\), got \('),
        ({'drop_prob': 1.5}, r'drop_prob must be a number in \[0, 1\], got 1.5'),
        ({'targets': TARGETS[:2]}, r'got \(4, 1004\) and \(2, 1004\)'),
        ({'reduction': 'all'}, "reduction must be one of .*, got 'all'"),
    ],
)
def test_errors(changed, message):
    call = {'logits': LOGITS, 'targets': TARGETS, 'tail_mask': TAIL, 'uniform': LOGITS}
    with pytest.raises(ValueError, match=message):
        equalization_loss(**{**call, 'drop_prob': 0.5, **changed})
