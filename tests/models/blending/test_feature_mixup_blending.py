from __future__ import annotations

import pytest
import torch
from mmaction.models.utils import MixupBlending
from mmaction.structures import ActionDataSample

from mmlt.registry import MODELS


def _batch(labels):
    torch.manual_seed(0)
    samples = [ActionDataSample().set_gt_label(torch.tensor(each)) for each in labels]
    return torch.randn(len(labels), 6, 4), samples


def _blend(blending, labels):
    features, samples = _batch(labels)
    torch.manual_seed(5)
    mixed, samples = blending(features, samples)
    return mixed, torch.stack([sample.gt_label for sample in samples])


def test_equals_mmactions_on_single_labels():
    blending = MODELS.build({'type': 'mmlt.FeatureMixupBlending', 'num_classes': 3, 'alpha': 0.2})
    labels = [[0], [1], [2], [1]]
    expected = _blend(MixupBlending(num_classes=3, alpha=0.2), labels)
    for ours, theirs in zip(_blend(blending, labels), expected):
        torch.testing.assert_close(ours, theirs)


def test_several_labels():
    blending = MODELS.build({'type': 'mmlt.FeatureMixupBlending', 'num_classes': 3})
    _, targets = _blend(blending, [[0, 1], [2]])
    torch.testing.assert_close(targets[:, 0], targets[:, 1])
    torch.testing.assert_close(targets[:, 0] + targets[:, 2], torch.ones(2))


def test_alpha_of_zero():
    with pytest.raises(ValueError, match='alpha must be above 0, got 0; leave the blending out'):
        MODELS.build({'type': 'mmlt.FeatureMixupBlending', 'num_classes': 3, 'alpha': 0})
