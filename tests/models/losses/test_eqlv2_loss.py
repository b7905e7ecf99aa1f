from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmdet.models.losses import EQLV2Loss as MMDetEQLv2
from torch import nn

from mmlt.models.losses import EQLv2Loss
from mmlt.weights_only import load_weights_only


def _batches(num_batches=5, num_rows=8, num_classes=4):
    generator = torch.Generator().manual_seed(0)
    return [
        (
            torch.randn(num_rows, num_classes, generator=generator),
            (torch.rand(num_rows, num_classes, generator=generator) < 0.3).float(),
        )
        for _ in range(num_batches)
    ]


def _gathered(loss):
    return torch.stack([loss.pos_grad, loss.neg_grad])


def test_two_steps_by_hand():
    # One class, logit 0, one positive and one negative: 0.5 and 0.5 at weights of 1. Then g = 1.
    loss = EQLv2Loss(1, gamma=1, mu=1, alpha=4)
    logits, targets = torch.zeros(2, 1), torch.tensor([[1], [0]])
    first = loss(logits, targets)
    assert first.item() == pytest.approx(torch.tensor(2.0).log().item())
    assert _gathered(loss).flatten().tolist() == [0.5, 0.5]
    # weights now 1 + 4 / 2 = 3 and 1/2: mean of 3 ln 2 and ln 2 / 2; gradients 1.5 and .25
    assert loss(logits, targets).item() == pytest.approx(1.75 * first.item())
    assert _gathered(loss).flatten().tolist() == [2.0, 0.75]


def _reference_mmdet_eqlv2(batches, num_classes):
    """mmdet's loss: one label a sample, and one column more, the background, which we have not."""
    reference = MMDetEQLv2(num_classes=num_classes)
    losses = []
    for logits, labels in batches:
        background = torch.full((len(logits), 1), -100.0)  # adds nothing where it is no label
        losses.append(reference(torch.cat([logits, background], 1), labels))
    return losses, torch.stack([reference.pos_grad, reference.neg_grad])


def test_equals_mmdet_on_single_labels():
    generator = torch.Generator().manual_seed(1)
    batches = [(logits, torch.randint(0, 4, (8,), generator=generator)) for logits, _ in _batches()]
    expected, gradients = _reference_mmdet_eqlv2(batches, 4)
    loss = EQLv2Loss(4)
    for (logits, labels), value in zip(batches, expected):
        ours = loss(logits, nn.functional.one_hot(labels, 4))
        torch.testing.assert_close(ours * 4, value, rtol=1e-5, atol=1e-5)  # mean over N * C, over N
    torch.testing.assert_close(_gathered(loss).float(), gradients)


def test_gathers_only_in_training_with_gradients():
    loss = EQLv2Loss(4)
    (batch, *_) = _batches()
    with torch.no_grad():
        loss(*batch)
    loss.eval()
    loss(*batch)
    assert torch.equal(_gathered(loss), torch.zeros(2, 4, dtype=torch.float64))
    loss.train()
    loss(*batch)
    assert (_gathered(loss) > 0).all()


def test_masked_columns_gather_nothing_and_keep_weights_of_one():
    loss = EQLv2Loss(4)
    mask = torch.tensor([[1.0, 0, 1, 0]]).expand(8, 4)
    for logits, targets in _batches():
        loss(logits, targets, mask)
    assert ((_gathered(loss) > 0) == torch.tensor([True, False, True, False])).all()
    for weights in loss.class_weights():
        assert weights[[1, 3]].tolist() == [1, 1]


def test_saved_and_resumed_equals_uninterrupted(tmp_path):
    batches = _batches()
    whole, first = EQLv2Loss(4), EQLv2Loss(4)
    expected = [whole(*batch).item() for batch in batches]
    for batch in batches[:2]:
        first(*batch)
    torch.save(first.state_dict(), tmp_path / 'checkpoint.pth')
    resumed = EQLv2Loss(4)
    resumed.load_state_dict(load_weights_only(tmp_path / 'checkpoint.pth'))
    assert [resumed(*batch).item() for batch in batches[2:]] == expected[2:]
    assert torch.equal(_gathered(resumed), _gathered(whole))
    assert expected[0] != EQLv2Loss(4)(*batches[2]).item() != expected[2]


@pytest.mark.dist
def test_two_ranks_gather_what_one_does(two_ranks, tmp_path):
    loss = EQLv2Loss(4)
    shards = []
    # the last split leaves rank 1 without a sample
    for (logits, targets), split in zip(_batches(), (4, 4, 3, 5, 8)):
        shards.append([(logits[:split], targets[:split]), (logits[split:], targets[split:])])
        loss(logits, targets)
    torch.save(shards, tmp_path / 'shards.pth')
    two_ranks.run(Path(__file__).with_name('two_rank_eqlv2.py'), tmp_path)
    for rank in range(2):
        state = load_weights_only(tmp_path / f'rank{rank}.pth')
        torch.testing.assert_close(state, dict(loss.state_dict()), rtol=1e-12, atol=0)


def test_number_of_classes():
    with pytest.raises(ValueError, match='num_classes must be an integer of at least 1, got 0'):
        EQLv2Loss(0)
