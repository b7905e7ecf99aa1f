from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import drawn_class_mask

DATA = Path(__file__).parents[2] / 'data'


def test_mask_by_hand():
    targets = torch.tensor([[1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]])
    mask = drawn_class_mask(targets, torch.tensor([1, 1]))
    assert mask.tolist() == [[0, 1, 1, 0], [1, 1, 1, 1]]
    assert mask.dtype == targets.dtype


def test_mask_and_loss_are_those_of_videolt():
    recorded = np.load(DATA / 'videolt_resample_masked_loss.npz')
    targets = torch.from_numpy(recorded['target']).float()
    mask = drawn_class_mask(targets, torch.from_numpy(recorded['selected']))
    np.testing.assert_array_equal(mask.numpy(), recorded['mask'])
    logits = torch.from_numpy(recorded['logits'])
    bce = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction='none')
    loss = (bce * mask).sum(1).mean()
    np.testing.assert_allclose(loss, recorded['loss'], rtol=1e-6)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda: drawn_class_mask(torch.ones(2, 3), torch.tensor([0])),
            r'got \(2, 3\) and \(1,\)',
        ),
        (
            lambda: drawn_class_mask(torch.tensor([[1, 0], [1, 0]]), torch.tensor([0, 1])),
            r'drawn_classes\[1\] is 1: no positive there',
        ),
        (
            lambda: drawn_class_mask(torch.ones(1, 2), torch.tensor([-1])),
            r'drawn_classes\[0\] is -1: no positive there',
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
