from __future__ import annotations

import numpy as np
import pytest
import torch

import mmlt  # noqa: F401 (makes mmaction.structures importable)
from mmlt.registry import MODELS

# isort: split
from mmaction.structures import ActionDataSample


def _build(num_classes=3, **options):
    return MODELS.build(
        dict(type='mmlt.FeatureDataPreprocessor', num_classes=num_classes, **options)
    )


def _data(*labels, features=None):
    samples = [
        ActionDataSample(metainfo=dict(filename=f'{index}.npy')).set_gt_label(label)
        for index, label in enumerate(labels)
    ]
    if features is None:
        features = [torch.full((2, 4), float(index)) for index in range(len(labels))]
    return {'inputs': features, 'data_samples': samples}


def _targets(data):
    return [sample.gt_label.tolist() for sample in data['data_samples']]


def test_stacks_and_makes_labels_multi_hot():
    labels = ([0, 2], [1], np.array([], dtype=np.int64), torch.tensor([0.0, 1.0, 1.0]))
    data = _build()(_data(*labels))
    assert data['inputs'].shape == (4, 2, 4) and data['inputs'].dtype == torch.float32
    assert data['inputs'][:, 0, 0].tolist() == [0, 1, 2, 3]
    assert _targets(data) == [[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 1, 1]]
    assert all(sample.gt_label.dtype == torch.float32 for sample in data['data_samples'])


def test_three_labels_of_three_classes_are_indices():
    # as long as a multi-hot vector, but of integers
    assert _targets(_build()(_data([0, 1, 1]))) == [[1, 1, 0]]


@pytest.mark.parametrize('dtype', [torch.float16, torch.float64])
def test_other_precisions_become_float32(dtype):
    assert _build()(_data([0], features=torch.ones(1, 2, 4, dtype=dtype)))['inputs'].dtype == (
        torch.float32
    )


def test_without_labels_and_without_samples():
    data = {'inputs': [torch.ones(2, 4)], 'data_samples': [ActionDataSample()]}
    assert 'gt_label' not in _build()(data)['data_samples'][0]
    assert _build()({'inputs': [torch.ones(2, 4)], 'data_samples': None})['data_samples'] is None


def test_blending_of_mmaction_in_training_alone():
    processor = _build(blending=dict(type='mmaction.MixupBlending', num_classes=3, alpha=1.0))
    torch.manual_seed(3)
    data = processor(_data([0], [1]), training=True)
    targets = torch.tensor(_targets(data))
    assert ((targets > 0) & (targets < 1)).any()
    torch.testing.assert_close(targets.sum(1), torch.ones(2))
    torch.testing.assert_close(data['inputs'][:, 0, 0], targets[:, 1])  # features are 0 and 1
    assert _targets(processor(_data([0], [1]))) == [[1, 0, 0], [0, 1, 0]]


@MODELS.register_module(name='_TestSpy')
class _Spy(torch.nn.Module):
    """A blending that is a module with a buffer, and notes what it was called with."""

    def __init__(self):
        super().__init__()
        self.register_buffer('class_ap', torch.zeros(3))

    def __call__(self, imgs, batch_data_samples):
        self.seen = imgs.clone(), [sample.gt_label.clone() for sample in batch_data_samples]
        return imgs + 1, batch_data_samples


def test_a_blending_that_is_a_module_is_part_of_the_model():
    processor = _build(blending=dict(type='mmlt._TestSpy'))
    assert list(processor.state_dict()) == ['blending.class_ap']
    data = processor(_data([0, 1]), training=True)
    assert data['inputs'].eq(1).all()
    imgs, targets = processor.blending.seen
    assert imgs.shape == (1, 2, 4) and targets[0].tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (_data([0], [3]), '1.npy: gt_label holds 3; classes run from 0 to 2'),
        (_data([-1]), '0.npy: gt_label holds -1'),
        (_data(torch.ones(4)), r'0.npy: .* must be multi-hot, \(3,\); it has shape \(4,\)'),
        (
            _data([0], [0], features=[torch.ones(2, 4), torch.ones(3, 4)]),
            r'the shapes \[\(2, 4\), \(3, 4\)\]: load equally many frames',
        ),
        (_data([0], features=[torch.ones(4)]), r'must be \(B, T, D\) in a batch, got \(1, 4\)'),
        (_data([0], features=[torch.ones(0, 4)]), r'must be \(B, T, D\) in a batch, got \(1, 0, 4'),
    ],
)
def test_errors(data, message):
    with pytest.raises(ValueError, match=message):
        _build()(data)


def test_bad_number_of_classes():
    with pytest.raises(ValueError, match='num_classes must be an integer of at least 2, got 1'):
        _build(1)
