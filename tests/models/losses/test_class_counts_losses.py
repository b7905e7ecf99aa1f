"""Focal, class-balanced, LDAM and equalization loss: equal to their functionals and to VideoLT."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import (
    class_balanced_weights,
    equalization_loss,
    focal_loss,
    ldam_loss,
    ldam_margins,
)
from mmlt.models.losses import ClassBalancedLoss, EqualizationLoss, FocalLoss, LDAMLoss

RECORDED = np.load(Path(__file__).parents[2] / 'data' / 'videolt_losses.npz')
LOGITS = torch.from_numpy(RECORDED['logits'])
TARGETS = {kind: torch.from_numpy(RECORDED[kind]) for kind in ('hard', 'soft')}
COUNTS = RECORDED['counts'].astype(int).tolist()


def test_focal_equals_functional():
    loss = FocalLoss(gamma=1.5, alpha=0.25)(LOGITS, TARGETS['soft'])
    assert torch.equal(loss, focal_loss(LOGITS, TARGETS['soft'], gamma=1.5, alpha=0.25))


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_class_balanced_equals_videolt(kind):
    loss = ClassBalancedLoss(COUNTS)(LOGITS, TARGETS[kind])
    assert loss.item() == pytest.approx(RECORDED[f'cb_{kind}_mean'].item(), abs=1e-5)


def test_class_balanced_elements_equal_videolt():
    losses = ClassBalancedLoss(COUNTS).elementwise(LOGITS, TARGETS['hard'])
    np.testing.assert_allclose(losses, RECORDED['cb_hard_none'], atol=1e-5)


def test_class_balanced_focal():
    loss = ClassBalancedLoss(COUNTS, gamma=2, beta=0.99)(LOGITS, TARGETS['hard'])
    losses = focal_loss(LOGITS, TARGETS['hard'], gamma=2, reduction='none')
    weights = torch.from_numpy(class_balanced_weights(COUNTS, beta=0.99))
    assert loss.item() == pytest.approx((losses * weights).mean().item(), rel=1e-6)


def test_class_balanced_without_its_weights():
    loss = ClassBalancedLoss(COUNTS)
    loss.set_reweighting(False)
    expected = RECORDED['bce_hard_mean'].item()
    assert loss(LOGITS, TARGETS['hard']).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize('kind', ['hard', 'soft'])
def test_ldam_equals_videolt_before_and_after_reweighting(kind):
    loss = LDAMLoss(COUNTS, margin='sum')
    for enabled, epoch in ((None, None), (True, 50), (False, 49)):
        if enabled is not None:
            loss.set_reweighting(enabled)
        expected = RECORDED[f'ldam_{kind}_ep{epoch}_mean'].item()
        assert loss(LOGITS, TARGETS[kind]).item() == pytest.approx(expected, rel=1e-6)


def test_ldam_equals_functional_with_all_its_arguments():
    loss = LDAMLoss(COUNTS, max_margin=0.7, scale=5, beta=0.9)
    loss.set_reweighting(True)
    expected = ldam_loss(
        LOGITS,
        TARGETS['hard'],
        ldam_margins(COUNTS, max_margin=0.7),
        scale=5,
        class_weights=class_balanced_weights(COUNTS, beta=0.9),
    )
    assert torch.equal(loss(LOGITS, TARGETS['hard']), expected)


def test_an_empty_class_is_refused():
    for kind in (ClassBalancedLoss, LDAMLoss):
        with pytest.raises(ValueError, match=r'class_counts\[1\] is 0: leave out classes'):
            kind([5, 0, 1])


def test_equalization_equals_functional_and_draws_anew():
    loss = EqualizationLoss(COUNTS, tail_max=100, drop_prob=0.5)
    assert torch.equal(loss.tail_mask, torch.from_numpy(RECORDED['eql_tail_flag']))
    torch.manual_seed(3)
    first, second = (loss(LOGITS, TARGETS['hard']) for _ in range(2))
    torch.manual_seed(3)
    uniform = torch.rand(LOGITS.shape)
    expected = equalization_loss(
        LOGITS, TARGETS['hard'], loss.tail_mask, drop_prob=0.5, uniform=uniform
    )
    assert torch.equal(first, expected)
    assert first != second


def test_equalization_with_the_tail_of_a_split_file(tmp_path):
    path = tmp_path / 'split.json'
    path.write_text(json.dumps({'head': [2], 'medium': [9], 'tail': [0, 5]}))
    loss = EqualizationLoss(split_file=str(path), class_ids=[0, 2, 5, 9])
    assert loss.tail_mask.tolist() == [True, False, True, False]
    with pytest.raises(ValueError, match=r'split\.json: class 7 left out'):
        EqualizationLoss(split_file=str(path), class_ids=[0, 2, 5, 7, 9])


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'class_counts': [1, 2]},
        {'tail_max': 3},
        {'split_file': 'split.json'},
        {'split_file': 'split.json', 'class_ids': [1, 2], 'class_counts': [1, 2], 'tail_max': 3},
        {'split_file': 'split.json', 'class_ids': [1, 2], 'class_counts': [1, 2]},
        {'split_file': 'split.json', 'class_ids': [1, 2], 'tail_max': 3},
    ],
)
def test_equalization_needs_one_source_of_the_tail(options):
    with pytest.raises(ValueError, match='give either class_counts and tail_max, or split_file'):
        EqualizationLoss(**options)
