"""Against scenic's losses: sums over the classes, means over the examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS as MMACTION_MODELS
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules

from mmlt.models.losses import BCELoss
from mmlt.models.roi_heads import LongTailBBoxHead

SCENIC = np.load(Path(__file__).parents[2] / 'data' / 'scenic_losses.npz')
LOGITS, MULTI_HOT, ONE_HOT = (
    torch.from_numpy(SCENIC[name]) for name in ('logits', 'multi_hot', 'one_hot')
)
EXAMPLES = {'': slice(None), '_masked': torch.from_numpy(SCENIC['weights'] > 0)}
CASES = [(mask, smoothing) for mask in EXAMPLES for smoothing in (0.0, 0.1)]


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


def _recorded(kind, mask, smoothing):
    return float(SCENIC[f'{kind}{mask}_ls{"01" if smoothing else "0"}'])


def test_hand_computed():
    # at a logit of 0 every target costs ln 2; at 2 the target .9 + .05 costs softplus(2) - .95 * 2
    loss = BCELoss(label_smoothing=0.1, reduction='batchmean')
    found = loss(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 1.0]]))
    assert found.item() == pytest.approx(np.log(2) + np.log1p(np.exp(2)) - 1.9)


@pytest.mark.parametrize('mask, smoothing', CASES)
def test_sigmoid_cross_entropy_is_scenics(mask, smoothing):
    loss = BCELoss(label_smoothing=smoothing, reduction='batchmean')
    rows = EXAMPLES[mask]  # a head takes the rows without weight out
    found = loss(LOGITS[rows].double(), MULTI_HOT[rows])
    assert found.item() == pytest.approx(_recorded('sigmoid', mask, smoothing), rel=1e-6)


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_weights_over_their_sum_are_scenics_mask(smoothing):
    loss = BCELoss(label_smoothing=smoothing, reduction='batchmean')
    weights = torch.from_numpy(SCENIC['weights'])[:, None]
    found = loss(LOGITS.double(), MULTI_HOT, weights) * len(weights) / weights.sum()
    assert found.item() == pytest.approx(_recorded('sigmoid', '_masked', smoothing), rel=1e-6)


@pytest.mark.parametrize('mask, smoothing', CASES)
def test_clip_heads_of_mmaction2_have_scenics_softmax_cross_entropy(mask, smoothing):
    num_classes = LOGITS.shape[1]
    head = MMACTION_MODELS.build(
        dict(
            type='I3DHead',
            num_classes=num_classes,
            in_channels=4,
            label_smooth_eps=smoothing,
            loss_cls=dict(type='CrossEntropyLoss'),
        )
    )
    rows = EXAMPLES[mask]
    labels = ONE_HOT[rows].argmax(1)
    samples = [ActionDataSample().set_gt_label(label.item()) for label in labels]
    found = head.loss_by_feat(LOGITS[rows].double(), samples)['loss_cls']
    assert found.item() == pytest.approx(_recorded('softmax', mask, smoothing), rel=1e-6)


def test_smoothing_does_not_choose_the_boxes():
    """A box without a label stays out of the loss; smoothed before, it would be trained on."""
    head = LongTailBBoxHead(
        background_class=True,
        in_channels=4,
        num_classes=LOGITS.shape[1] + 1,
        loss_cls=dict(type='mmlt.BCELoss', label_smoothing=0.1, reduction='batchmean'),
    )
    labelled = MULTI_HOT.sum(1) > 0
    assert labelled.tolist() == [True, False, True, True, True]
    expected = BCELoss(label_smoothing=0.1, reduction='batchmean')(
        LOGITS[labelled], MULTI_HOT[labelled]
    )
    assert torch.equal(head.multilabel_loss(LOGITS, MULTI_HOT), expected)


@pytest.mark.parametrize('smoothing', [-0.1, 1.5])
def test_bad_smoothing(smoothing):
    with pytest.raises(ValueError, match=r'label_smoothing must be a number in \[0, 1\]'):
        BCELoss(label_smoothing=smoothing)
