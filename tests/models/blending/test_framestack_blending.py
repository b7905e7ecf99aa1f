from __future__ import annotations

import uuid
import warnings

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.logging import MessageHub

from mmlt.fileio.class_counts import ClassCounts, write_class_counts
from mmlt.functional import framestack
from mmlt.models.blending import FrameStackBlending
from mmlt.registry import MODELS

LABELS = [[0], [1], [2, 0], [1], [2], [], [0, 1, 2], [2]]


def _blending(**options):
    options = {'num_classes': 3, 'clip_len': 6, 'warmup_epochs': 0, **options}
    return MODELS.build({'type': 'mmlt.FrameStackBlending', **options})


def _batch(num_frames=6, shape=(4,), labels=LABELS):
    torch.manual_seed(0)
    samples = [ActionDataSample().set_gt_label(torch.tensor(each).long()) for each in labels]
    return torch.randn(len(labels), num_frames, *shape), samples


def _targets(samples):
    return torch.stack([sample.gt_label for sample in samples])


def _multi_hot(labels=LABELS):
    return torch.tensor([[float(index in each) for index in range(3)] for each in labels])


@pytest.mark.parametrize('shape', [(4,), (3, 5, 5)], ids=['features', 'frames'])
def test_the_first_rows_are_stacked_and_the_rest_stays(shape):
    features, samples = _batch(shape=shape)
    blending = _blending(ratio=0.5)
    blending.class_ap.copy_(torch.tensor([0.5, 0.2, 0.8]))
    torch.manual_seed(3)
    clips, samples = blending(features, samples)
    torch.manual_seed(3)
    partner = torch.randperm(4)
    expected = framestack(
        features[:4], _multi_hot()[:4], blending.class_ap, clip_len=6, partner=partner
    )
    assert torch.equal(clips[:4], expected[0]) and torch.equal(clips[4:], features[4:])
    assert torch.equal(_targets(samples), torch.cat([expected[1], _multi_hot()[4:]]))


@pytest.mark.parametrize(
    ('ratio', 'num_mixed'), [(0, 0), (0.1, 0), (0.3, 2), (0.5, 4), (0.99, 7), (1, 8)]
)
def test_the_ratio_says_how_many(ratio, num_mixed):
    features, samples = _batch()
    blending = _blending(ratio=ratio)
    clips, samples = blending(features, samples)
    clean = blending.take_clean()
    assert clean.num_mixed == num_mixed
    assert torch.equal(clips[num_mixed:], features[num_mixed:])
    assert torch.equal(_targets(samples)[num_mixed:], _multi_hot()[num_mixed:])


def test_clips_of_another_length_hold_their_own_frames_evenly():
    features, samples = _batch(num_frames=11)
    blending = _blending(ratio=0.25)
    clips, _ = blending(features, samples)
    assert clips.shape == (8, 6, 4)
    assert torch.equal(clips[2:], features[2:, ::2])
    assert torch.equal(blending.take_clean().inputs, features[:2, ::2])
    baseline, _ = _blending(ratio=0)(*_batch(num_frames=11))
    assert torch.equal(baseline, features[:, ::2])


def test_what_was_clean():
    features, samples = _batch()
    blending = _blending()
    blending(features, samples)
    clean = blending.take_clean()
    assert torch.equal(clean.inputs, features[:4]) and torch.equal(clean.targets, _multi_hot())
    assert blending.take_clean() is None


def test_one_mixed_row_brings_a_second_for_batch_statistics():
    blending = _blending(ratio=0.2)
    blending(*_batch())
    clean = blending.take_clean()
    assert clean.num_mixed == 1 and len(clean.inputs) == 2


def test_the_constant_shares_evenly():
    features, samples = _batch(labels=[[0], [1]])
    blending = _blending(ratio=1, beta='constant')
    torch.manual_seed(1)  # the pair, not each with itself
    _, samples = blending(features, samples)
    assert _targets(samples).tolist() == [[0.5, 0.5, 0], [0.5, 0.5, 0]]
    assert blending.take_clean() is None


def test_class_frequency_takes_frames_from_the_frequent(tmp_path):
    path = tmp_path / 'counts.json'
    names = {0: 'a', 1: 'b', 2: 'c'}
    write_class_counts(path, ClassCounts('here', 'videos', names, {0: 90, 1: 10, 2: 1}))
    for counts in (str(path), [90, 10, 1]):
        features, samples = _batch(labels=[[0], [1]])
        blending = _blending(ratio=1, beta='class_frequency', class_counts=counts)
        torch.manual_seed(1)
        _, samples = blending(features, samples)
        torch.testing.assert_close(_targets(samples), torch.tensor([[0.1, 0.9, 0], [0.1, 0.9, 0]]))


def test_warm_up_epochs_mix_nothing():
    hub = MessageHub.get_instance(uuid.uuid4().hex)
    blending = _blending(warmup_epochs=2)
    for epoch, num_mixed in ((0, 0), (1, 0), (2, 4)):
        hub.update_info('epoch', epoch)
        blending(*_batch())
        assert blending.take_clean().num_mixed == num_mixed


def test_a_run_of_warm_up_alone_is_said_once():
    hub = MessageHub.get_instance(uuid.uuid4().hex)
    hub.update_info('epoch', 0)
    hub.update_info('max_epochs', 3)
    blending = _blending(warmup_epochs=2, beta='constant')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        blending(*_batch())
    hub.update_info('max_epochs', 2)
    with pytest.warns(UserWarning, match=r'nothing in this run: warmup_epochs=2 is all .* \(2; '):
        blending(*_batch())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        blending(*_batch())


def test_gradients_flow_into_frame_features():
    features, samples = _batch()
    features.requires_grad_()
    blending = _blending(ratio=1)
    clips, _ = blending(features, samples)
    clips.sum().backward()
    assert features.grad.sum() == clips.numel()
    assert not blending.take_clean().inputs.requires_grad


def test_a_batch_that_waits_for_its_backward_is_left_alone():
    torch.manual_seed(0)
    blending, layer = _blending(beta='constant'), torch.nn.Linear(4, 1)
    losses, gradients = [], []
    for _ in range(4):
        features, samples = _batch()
        clips, _ = blending(features + len(losses), samples)
        losses.append(layer(clips).sum())
        gradients.append(clips.sum((0, 1)))
    sum(losses).backward()
    torch.testing.assert_close(layer.weight.grad[0], sum(gradients))


def test_class_ap_starts_at_zero_and_is_saved():
    blending = _blending()
    assert blending.class_ap.tolist() == [0, 0, 0]
    assert list(blending.state_dict()) == ['class_ap']
    assert list(_blending(beta='class_frequency', class_counts=[1, 2, 3]).state_dict()) == [
        'class_ap'
    ]


def test_soft_and_multi_hot_labels():
    features, _ = _batch()
    samples = [ActionDataSample().set_gt_label(row) for row in _multi_hot()]
    _, samples = _blending(ratio=0)(features, samples)
    assert torch.equal(_targets(samples), _multi_hot())


def test_an_ap_that_nobody_measures_is_said_once():
    blending = _blending()
    blending(*_batch())
    with pytest.warns(UserWarning, match='add .*mmlt.RunningAPHook.* to custom_hooks'):
        blending(*_batch())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        blending(*_batch())
        blending.take_clean()
        blending(*_batch())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'ratio': 1.1}, r'ratio must be a number in \[0, 1\], got 1.1'),
        ({'clip_len': 0}, 'clip_len must be an integer of at least 1'),
        ({'warmup_epochs': -1}, 'warmup_epochs must be an integer of at least 0'),
        ({'beta': 'ap'}, "beta must be one of 'running_ap', 'class_frequency', 'constant'"),
        ({'beta': 'class_frequency'}, "class_counts goes with beta='class_frequency'"),
        ({'class_counts': [1, 2, 3]}, "class_counts goes with beta='class_frequency'"),
        ({'beta': 'class_frequency', 'class_counts': [1, 2]}, '2 classes, num_classes is 3'),
        ({'num_classes': 0}, 'num_classes must be an integer of at least 1, got 0'),
    ],
)
def test_errors_name_the_argument(options, message):
    with pytest.raises(ValueError, match=message):
        FrameStackBlending(**{'num_classes': 3, 'clip_len': 6, **options})


@pytest.mark.parametrize(
    ('label', 'message'),
    [
        (torch.tensor([1, 3]), 'sample 1 of the batch: gt_label holds 3; classes run from 0 to 2'),
        (torch.zeros(4), r'sample 1 .* must be multi-hot, \(3,\); it has shape \(4,\)'),
    ],
)
def test_a_wrong_label(label, message):
    features, samples = _batch()
    samples[1].set_gt_label(label)
    with pytest.raises(ValueError, match=message):
        _blending()(features, samples)


def test_warm_up_without_a_runner():
    MessageHub.get_instance(uuid.uuid4().hex)
    with pytest.raises(ValueError, match='warmup_epochs=1 needs the epoch'):
        _blending(warmup_epochs=1)(*_batch())
