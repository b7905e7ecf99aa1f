from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import mmlt  # noqa: F401
from mmlt.models.heads.videolt import NetVLADHead, NonlinearHead, convert_videolt_checkpoint
from mmlt.models.heads.videolt.netvlad_head import NetVLAD
from mmlt.registry import MODELS

DATA = Path(__file__).parents[3] / 'data'
HEADS = ['NonlinearHead', 'NetVLADHead']


def _recorded(name):
    """Arrays of VideoLT's code, the state dict as it would be in a checkpoint of its training."""
    arrays = {key: torch.as_tensor(value) for key, value in np.load(DATA / name).items()}
    state = {key[3:]: value for key, value in arrays.items() if key.startswith('sd/')}
    return arrays, {'epoch': 3, 'state_dict': {f'module.{key}': v for key, v in state.items()}}


def _build(name, **options):
    torch.manual_seed(0)
    return MODELS.build(dict(type=f'mmlt.{name}', in_channels=4, num_classes=3, **options))


def test_nonlinear_head_by_hand():
    head = NonlinearHead(in_channels=2, num_classes=1).eval()
    head.load_state_dict(
        {
            'fc_hidden.weight': torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
            'fc_hidden.bias': torch.tensor([0.0, -1.0]),
            'fc_cls.weight': torch.tensor([[2.0, 1.0]]),
            'fc_cls.bias': torch.tensor([0.5]),
        }
    )
    # hidden: (1, 2) and (0, 0); logits of the frames: 2 + 2 + .5 and .5
    features = torch.tensor([[[1.0, 3.0], [-1.0, 0.0]]])
    torch.testing.assert_close(head(features), torch.tensor([[2.5]]))


def test_residual_netvlad_by_hand():
    # equal assignments: V_k = sum_t (x_t - c_k) / 2, then lengths 1, then 1 / sqrt 2
    vlad = NetVLAD(2, 2, 'residual').eval()
    torch.nn.init.zeros_(vlad.assign.weight)
    vlad.clusters.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    features = torch.tensor([[[3.0, 0.0], [3.0, 6.0]]])
    # (2 + 2, 0 + 6) / 2 = (2, 3); (3 + 3, -1 + 5) / 2 = (3, 2); laid out channel by channel
    expected = torch.tensor([[2.0, 3.0, 3.0, 2.0]]) / 13**0.5 / 2**0.5
    torch.testing.assert_close(vlad(features), expected)


def _reference_residual_netvlad(features, assignments, clusters):
    """Equation 1 of Arandjelovic et al., written as loops; (D, K) per video, normalised twice."""
    videos = []
    for frames, weights in zip(features, assignments):
        columns = []
        for k, centre in enumerate(clusters):
            total = sum(weights[t, k] * (frame - centre) for t, frame in enumerate(frames))
            columns.append(total / total.norm())
        flat = torch.stack(columns, 1).flatten()
        videos.append(flat / flat.norm())
    return torch.stack(videos)


def test_residual_netvlad_equals_the_paper_s_loops():
    torch.manual_seed(0)
    vlad = NetVLAD(5, 3, 'residual').double().eval()
    features = torch.randn(2, 4, 5, dtype=torch.float64)
    assignments = vlad.bn(vlad.assign(features).reshape(8, 3)).softmax(1).reshape(2, 4, 3)
    expected = _reference_residual_netvlad(features, assignments, vlad.clusters)
    torch.testing.assert_close(vlad(features), expected)


@pytest.mark.parametrize(
    ('head', 'file'),
    [(NonlinearHead, 'videolt_nonlinear.npz'), (NetVLADHead, 'videolt_netvlad_model.npz')],
)
def test_equal_to_videolt_in_testing(head, file):
    arrays, checkpoint = _recorded(file)
    head = head(in_channels=8, num_classes=12).eval()
    head.load_state_dict(convert_videolt_checkpoint(checkpoint))
    logits = head(arrays['input'])
    torch.testing.assert_close(logits, arrays['logits'], atol=1e-5, rtol=0)
    torch.testing.assert_close(logits.sigmoid(), arrays['prediction'], atol=1e-5, rtol=0)


def test_netvlad_equal_to_videolt_in_training():
    arrays, checkpoint = _recorded('videolt_netvlad_model.npz')
    head = NetVLADHead(in_channels=8, num_classes=12)
    head.load_state_dict(convert_videolt_checkpoint(checkpoint))
    torch.testing.assert_close(head(arrays['input']), arrays['logits_train'], atol=1e-5, rtol=0)
    statistics = {
        key.replace('after_train/', 'module.'): value
        for key, value in arrays.items()
        if key.startswith('after_train/')
    }
    assert len(statistics) == 6
    after = convert_videolt_checkpoint({**checkpoint['state_dict'], **statistics})
    for key, value in head.state_dict().items():
        if 'running' in key:
            torch.testing.assert_close(value, after[key], atol=1e-5, rtol=0)


@pytest.mark.parametrize('name', HEADS)
def test_the_order_of_frames_does_not_matter(name):
    head = _build(name).eval()
    features = torch.randn(2, 6, 4)
    torch.testing.assert_close(head(features.flip(1)), head(features))


@pytest.mark.parametrize('name', HEADS)
def test_the_scale_of_videolt(name):
    head = MODELS.build(dict(type=f'mmlt.{name}', in_channels=16, num_classes=1004))
    shapes = {key: tuple(value.shape) for key, value in head.state_dict().items()}
    if name == 'NonlinearHead':
        assert shapes['fc_hidden.weight'] == (16, 16)
        assert shapes['fc_cls.weight'] == (1004, 16)
    else:
        assert shapes['vlad.clusters'] == (64, 16)
        assert shapes['fc_hidden.weight'] == (1024, 64 * 16)
        assert shapes['fc_cls.weight'] == (1004, 1024)


@pytest.mark.parametrize('name', HEADS)
def test_every_parameter_learns(name):
    head = _build(name)
    head(torch.randn(5, 3, 4)).square().sum().backward()
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


def test_dropout_acts_on_every_frame_in_training_alone():
    head = _build('NonlinearHead')
    features = torch.randn(1, 1, 4).expand(1, 2000, 4)
    assert not torch.equal(head(features), head(features))
    # drawn anew in every frame, so over many it averages out
    torch.testing.assert_close(head(features), head.eval()(features), atol=0.05, rtol=0)
    assert torch.equal(head(features), head(features))


def test_options():
    head = _build('NonlinearHead', hidden_channels=7, loss_cls=dict(type='mmlt.FocalLoss', gamma=1))
    assert head.fc_cls.weight.shape == (3, 7)
    assert head.loss_cls.gamma == 1
    head = _build('NetVLADHead', num_clusters=2, hidden_channels=6, form='residual')
    assert head.fc_hidden.weight.shape == (6, 8)
    assert head.vlad.form == 'residual'


def test_bce_is_the_default_loss():
    logits, targets = torch.randn(2, 3), torch.tensor([[0, 1, 0], [1, 0, 1.0]])
    expected = binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(_build('NetVLADHead').loss_cls(logits, targets), expected)


@pytest.mark.parametrize('name', HEADS)
@pytest.mark.parametrize('shape', [(2, 3, 5), (2, 4), (2, 0, 4)])
def test_features_of_another_shape(name, shape):
    head = _build(name)
    message = r'features must be \(B, T, 4\), got ' + str(shape).replace('(', r'\(')[:-1]
    with pytest.raises(ValueError, match=message):
        head(torch.zeros(shape))
    with pytest.raises(ValueError, match=message):
        head.video_features(torch.zeros(shape))


def test_one_sample_has_no_batch_statistics():
    head = _build('NetVLADHead').train()
    with pytest.raises(ValueError, match='a training batch of 1 sample .*drop_last=True'):
        head(torch.zeros(1, 3, 4))
    assert head.eval()(torch.zeros(1, 3, 4)).shape == (1, 3)


def test_an_unknown_form():
    with pytest.raises(ValueError, match="form must be one of 'gated', 'residual', got 'soft'"):
        _build('NetVLADHead', form='soft')


@pytest.mark.parametrize('file', ['videolt_nonlinear.npz', 'videolt_netvlad_model.npz'])
def test_all_layouts_of_a_checkpoint_give_the_same(file):
    _, checkpoint = _recorded(file)
    parallel = checkpoint['state_dict']
    plain = {key.removeprefix('module.'): value for key, value in parallel.items()}
    expected = convert_videolt_checkpoint(checkpoint)
    for layout in (parallel, plain, {'state_dict': plain}):
        converted = convert_videolt_checkpoint(layout)
        assert converted.keys() == expected.keys()
        assert all(converted[key] is expected[key] for key in expected)


def test_a_checkpoint_without_the_counters_of_batch_norm():
    _, checkpoint = _recorded('videolt_netvlad_model.npz')
    state = {k: v for k, v in checkpoint['state_dict'].items() if 'num_batches' not in k}
    converted = convert_videolt_checkpoint(state)
    missing = NetVLADHead(8, 12).load_state_dict(converted, strict=False)
    assert not missing.unexpected_keys
    assert all('num_batches_tracked' in key for key in missing.missing_keys)


def test_foreign_checkpoints_are_refused_with_a_list():
    _, checkpoint = _recorded('videolt_nonlinear.npz')
    state = {**checkpoint['state_dict'], 'module.fc9.weight': torch.ones(1), 'b': torch.ones(1)}
    with pytest.raises(ValueError, match=r'NonlinearHead fits best\); unknown: b, fc9.weight$'):
        convert_videolt_checkpoint(state)
    del state['module.fc9.weight'], state['module.project.bias']
    with pytest.raises(ValueError, match=r'unknown: b; missing: project.bias$'):
        convert_videolt_checkpoint({'state_dict': state})
    with pytest.raises(ValueError, match='must be a dict of tensors, got list'):
        convert_videolt_checkpoint({'state_dict': []})
    with pytest.raises(ValueError, match='missing: fc1.bias, fc1.weight, project.bias, project.w'):
        convert_videolt_checkpoint({})
