from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from mmlt.functional import class_balanced_weights, ldam_loss, ldam_margins

RECORDED = np.load(Path(__file__).parents[2] / 'data' / 'videolt_losses.npz')
LOGITS = torch.from_numpy(RECORDED['logits'])
TARGETS = {kind: torch.from_numpy(RECORDED[kind]) for kind in ('hard', 'soft')}
DRW_EPOCH = 50  # where the reference, asked without a schedule of its own, starts to re-weight


def test_margins_by_hand():
    # (1, 16, 81)^(-1/4) = 1, 1/2, 1/3
    margins = ldam_margins([1, 16, 81], max_margin=0.6)
    assert margins.tolist() == pytest.approx([0.6, 0.3, 0.2])
    # the largest margin belongs to the rarest class, whatever its count
    assert ldam_margins([81, 16]).tolist() == pytest.approx([0.5 * 2 / 3, 0.5])


def test_margins_equal_videolt():
    np.testing.assert_allclose(
        ldam_margins(RECORDED['counts']), RECORDED['ldam_margins'], atol=1e-6
    )


def test_loss_by_hand():
    # scale 2: positive at 2 (1/2 - 1/4) = 1/2, negative at 2 * 1/2 = 1, weights 3 and 5
    logits = torch.full((1, 2), 0.5, dtype=torch.float64)
    targets = torch.tensor([[1, 0]])
    losses = ldam_loss(
        logits, targets, [0.25, 0.5], scale=2, class_weights=[3, 5], reduction='none'
    )
    expected = [3 * math.log1p(math.exp(-0.5)), 5 * math.log1p(math.exp(1))]
    assert losses[0].tolist() == pytest.approx(expected, rel=1e-12)


def test_own_and_summed_margins_by_hand():
    logits = torch.zeros(2, 3)
    targets = torch.tensor([[1, 1, 0], [0, 1, 0]])
    margins = torch.tensor([0.1, 0.2, 0.4])
    at = {
        'own': torch.tensor([[-0.1, -0.2, 0], [0, -0.2, 0]]),
        'sum': torch.tensor([[-0.3, -0.3, 0], [0, -0.2, 0]]),
    }
    for margin, shifted in at.items():
        losses = ldam_loss(logits, targets, margins, scale=1, margin=margin)
        expected = binary_cross_entropy_with_logits(shifted, targets.float())
        assert losses.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_target_below_one_has_no_margin():
    targets = torch.tensor([[0.99, 0.5]])
    losses = ldam_loss(torch.ones(1, 2), targets, [0.5, 0.5], scale=1, reduction='none')
    expected = binary_cross_entropy_with_logits(torch.ones(1, 2), targets, reduction='none')
    assert torch.equal(losses, expected)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
@pytest.mark.parametrize('epoch', [None, 0, 49, 50, 99])
def test_equals_videolt(kind, epoch):
    counts = RECORDED['counts']
    is_late = epoch is not None and epoch >= DRW_EPOCH
    weights = class_balanced_weights(counts, beta=0.9999) if is_late else None
    loss = ldam_loss(
        LOGITS, TARGETS[kind], ldam_margins(counts), margin='sum', class_weights=weights
    )
    assert loss.item() == pytest.approx(RECORDED[f'ldam_{kind}_ep{epoch}_mean'].item(), rel=1e-6)


def test_elements_equal_videolt():
    losses = ldam_loss(
        LOGITS.double(),
        TARGETS['hard'],
        ldam_margins(RECORDED['counts']),
        margin='sum',
        class_weights=class_balanced_weights(RECORDED['counts']),
        reduction='none',
    )
    # losses reach 300: the recorded float32 has 3e-5 between neighbours there
    np.testing.assert_allclose(losses, RECORDED['ldam_hard_ep60_none'], rtol=1e-6, atol=1e-5)


def _reference_softmax_ldam(logits, labels, margins, scale):
    """The paper's loss, written with the softmax."""
    shift = torch.nn.functional.one_hot(labels, logits.shape[1]) * margins
    return cross_entropy(scale * (logits - shift), labels)


def test_two_exclusive_classes_equal_the_papers_softmax():
    # softmax over (z, 0) is the sigmoid of z: one class whose complement has no margin
    logits = torch.tensor([[0.3], [1.2], [-0.4]], dtype=torch.float64)
    pairs = torch.cat([logits, torch.zeros_like(logits)], 1)
    labels = torch.tensor([0, 1, 0])
    expected = _reference_softmax_ldam(pairs, labels, torch.tensor([0.5, 0.0]), 30)
    loss = ldam_loss(logits, 1 - labels[:, None], [0.5])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize('margin', ['own', 'sum'])
def test_gradient(margin):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    targets = torch.tensor([[1, 0, 0, 1], [0.3, 0, 0.7, 0], [0, 1, 1, 1]], dtype=torch.float64)
    options = {'scale': 3, 'margin': margin, 'class_weights': [1, 2, 3, 4]}
    assert torch.autograd.gradcheck(
        lambda z: ldam_loss(z, targets, [0.1, 0.2, 0.3, 0.4], **options), logits
    )


@pytest.mark.parametrize(
    ('margins', 'options', 'message'),
    [
        ([0.5], {}, r'margins must have shape \(1004,\), one value a class, got \(1,\)'),
        (np.ones(1004), {'class_weights': [1]}, r'class_weights must have shape \(1004,\)'),
        (np.ones(1004), {'margin': 'mean'}, "margin must be one of 'own', 'sum', got 'mean'"),
        (np.ones(1004), {'scale': -1}, 'scale must be a number >= 0, got -1'),
        (np.ones(1004), {'reduction': None}, 'reduction must be one of .*, got None'),
    ],
)
def test_errors(margins, options, message):
    with pytest.raises(ValueError, match=message):
        ldam_loss(LOGITS, TARGETS['hard'], margins, **options)


def test_errors_of_margins():
    with pytest.raises(ValueError, match=r'class_counts\[0\] is 0'):
        ldam_margins([0, 1])
    with pytest.raises(ValueError, match='max_margin must be a number >= 0, got -1'):
        ldam_margins([1], max_margin=-1)
