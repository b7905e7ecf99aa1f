from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import mixup

DATA = Path(__file__).parents[2] / 'data'


def test_by_hand():
    features = torch.tensor([[[0.0, 8.0]], [[4.0, 0.0]]])
    mixed, soft = mixup(features, torch.eye(2), gamma=0.25, partner=torch.tensor([1, 0]))
    assert mixed.tolist() == [[[3, 2]], [[1, 6]]]
    assert soft.tolist() == [[0.25, 0.75], [0.75, 0.25]]


def test_equals_the_recorded_arrays():
    arrays = np.load(DATA / 'videolt_mixup.npz')
    features, targets, partner = (
        torch.from_numpy(arrays[key]) for key in ('input', 'target', 'perm')
    )
    mixed, soft = mixup(features, targets, gamma=float(arrays['gamma']), partner=partner)
    assert torch.equal(mixed, torch.from_numpy(arrays['out_input']))
    assert torch.equal(soft, torch.from_numpy(arrays['out_target']))


def test_gamma_of_one_changes_nothing():
    features, targets = torch.randn(3, 2, 4), torch.eye(3)
    mixed, soft = mixup(features, targets, gamma=1, partner=torch.tensor([2, 0, 1]))
    assert torch.equal(mixed, features) and torch.equal(soft, targets)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'gamma': 1.5}, r'gamma must be a number in \[0, 1\], got 1.5'),
        ({'targets': torch.zeros(2, 2)}, r'targets must be \(B, C\) with B = 3'),
        ({'partner': torch.tensor([0, 1, 3])}, 'partner holds 3: rows run from 0 to 2'),
    ],
)
def test_errors_name_the_argument(change, message):
    arguments = {
        'features': torch.zeros(3, 2, 4),
        'targets': torch.zeros(3, 2),
        'partner': torch.tensor([1, 2, 0]),
        'gamma': 0.5,
    }
    with pytest.raises(ValueError, match=message):
        mixup(**{**arguments, **change})
