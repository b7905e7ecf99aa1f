from __future__ import annotations

import pytest
import torch

from mmlt.functional import smooth_labels


def test_hand_computed():
    targets = torch.tensor([[1.0, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]])
    expected = [[0.92, 0.02, 0.02, 0.02, 0.02], [0.02, 0.92, 0.92, 0.02, 0.02], [0.02] * 5]
    smoothed = smooth_labels(targets, smoothing=0.1)
    torch.testing.assert_close(smoothed, torch.tensor(expected))
    torch.testing.assert_close(smoothed[0].sum(), torch.tensor(1.0))


def test_none_and_all_of_it():
    targets = torch.tensor([[1.0, 0, 1, 0]])
    assert torch.equal(smooth_labels(targets, smoothing=0), targets)
    assert torch.equal(smooth_labels(targets, smoothing=1), torch.full((1, 4), 0.25))
    assert smooth_labels(targets.double(), smoothing=0.1).dtype == torch.float64
    assert smooth_labels(torch.zeros(0, 4), smoothing=0.1).shape == (0, 4)


@pytest.mark.parametrize('smoothing', [-0.1, 1.1, 'a', True])
def test_bad_smoothing(smoothing):
    with pytest.raises(ValueError, match=r'smoothing must be a number in \[0, 1\]'):
        smooth_labels(torch.zeros(1, 2), smoothing=smoothing)


@pytest.mark.parametrize('targets', [torch.zeros(2), torch.zeros(1, 2, dtype=torch.long)])
def test_bad_targets(targets):
    with pytest.raises(ValueError, match=r'targets must be floating point of shape \(N, C\)'):
        smooth_labels(targets, smoothing=0.1)
