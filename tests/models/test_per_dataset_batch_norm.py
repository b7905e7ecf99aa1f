"""D plain layers with shared weights, each fed with the batches of one dataset."""

from __future__ import annotations

import copy
import gc
import weakref
from pathlib import Path

import pytest
import torch
from mmaction.models.backbones import ResNet3dSlowOnly
from mmaction.structures import ActionDataSample
from mmcv.cnn import ConvModule, build_norm_layer
from mmengine.model import ExponentialMovingAverage
from mmengine.runner.checkpoint import load_state_dict
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmlt.models.per_dataset_batch_norm import PerDatasetBatchNorm, set_dataset
from mmlt.registry import MODELS

NAMES = ('ava', 'k400')
SCHEDULE = ('ava', 'k400', 'k400', 'ava', 'k400')


def _inputs(shape, seed=0):
    """A batch a step; the datasets have other means and scales."""
    generator = torch.Generator().manual_seed(seed)
    shift = {'ava': (0.0, 1.0), 'k400': (3.0, 0.2)}
    return [
        (n, torch.randn(shape, generator=generator) * shift[n][1] + shift[n][0]) for n in SCHEDULE
    ]


def _plain(layer, **options):
    torch.manual_seed(0)
    layer = layer(3, **options)
    if layer.affine:
        nn.init.normal_(layer.weight, 1.0, 0.1)
        nn.init.normal_(layer.bias)
    return layer


LAYERS = [
    (nn.BatchNorm1d, (6, 3)),
    (nn.BatchNorm2d, (4, 3, 5, 5)),
    (nn.BatchNorm3d, (2, 3, 4, 4, 4)),
]


def test_by_hand():
    """One channel, momentum 1: the statistics of each dataset's own last batch."""
    layer = PerDatasetBatchNorm(1, NAMES, eps=1e-12, momentum=1.0)
    set_dataset(layer, 'ava')
    assert layer(torch.tensor([[1.0], [3.0]])).tolist() == [[-1.0], [1.0]]
    set_dataset(layer, 'k400')
    layer(torch.tensor([[10.0], [12.0]]))
    assert layer.running_mean.tolist() == [[2.0], [11.0]]
    assert layer.running_var.tolist() == [[2.0], [2.0]]  # torch's is unbiased
    assert layer.num_batches_tracked.tolist() == [1, 1]
    layer.eval()
    assert layer(torch.tensor([[11.0]])).item() == pytest.approx(0, abs=1e-6)
    set_dataset(layer, 'ava')
    assert layer(torch.tensor([[2.0]])).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(('kind', 'shape'), LAYERS, ids=['1d', '2d', '3d'])
@pytest.mark.parametrize(
    'options',
    [{}, {'momentum': None}, {'affine': False}, {'track_running_stats': False}],
    ids=['default', 'cumulative', 'no affine', 'no statistics'],
)
def test_equals_a_plain_layer_a_dataset(kind, shape, options):
    plain = {name: _plain(kind, **options) for name in NAMES}
    if plain['ava'].affine:
        plain['k400'].weight, plain['k400'].bias = plain['ava'].weight, plain['ava'].bias
    layer = PerDatasetBatchNorm.convert(_plain(kind, **options), NAMES)
    losses, expected = [], []
    for name, inputs in _inputs(shape):  # all forwards before the backward
        set_dataset(layer, name)
        for outputs, each in ((losses, layer), (expected, plain[name])):
            outputs.append(each(inputs))
    for found, wanted in zip(losses, expected):
        assert torch.equal(found, wanted)
    if layer.affine:
        sum((x**2).sum() for x in losses).backward()
        sum((x**2).sum() for x in expected).backward()
        assert torch.equal(layer.weight.grad, plain['ava'].weight.grad)
        assert torch.equal(layer.bias.grad, plain['ava'].bias.grad)
    for row, name in enumerate(NAMES):
        for key, buffer in plain[name].named_buffers():
            assert torch.equal(getattr(layer, key)[row], buffer), (name, key)
        layer.eval(), plain[name].eval()
        set_dataset(layer, name)
        inputs = torch.randn(shape)
        assert torch.equal(layer(inputs), plain[name](inputs))


def test_own_affine():
    """A step moves weight and bias of its dataset alone: the other gets no gradient."""
    plain = _plain(nn.BatchNorm2d)
    layer = PerDatasetBatchNorm.convert(copy.deepcopy(plain), NAMES, own_affine=True)
    assert sorted(dict(layer.named_parameters())) == [
        'bias_ava',
        'bias_k400',
        'weight_ava',
        'weight_k400',
    ]
    assert torch.equal(layer.weight_k400, plain.weight)
    set_dataset(layer, 'k400')
    layer(torch.randn(4, 3, 5, 5)).square().sum().backward()
    assert layer.weight_ava.grad is None and layer.bias_ava.grad is None
    with torch.no_grad():
        layer.weight_k400 += 1
    state = PerDatasetBatchNorm.plain_state(layer.state_dict(), 'k400', NAMES)
    plain.load_state_dict(state)
    layer.eval(), plain.eval()
    inputs = torch.randn(4, 3, 5, 5)
    assert torch.equal(layer(inputs), plain(inputs))


# ------------------------------------------------------------------------------ whole backbones


BACKBONE = dict(
    depth=18,
    pretrained=None,
    base_channels=4,
    num_stages=2,
    stage_blocks=(1, 1),
    spatial_strides=(1, 2),
    temporal_strides=(1, 1),
    dilations=(1, 1),
    inflate=(1, 1),
    out_indices=(1,),
    conv1_kernel=(1, 3, 3),
)


def _backbone(**options):
    """In training mode."""
    torch.manual_seed(0)
    backbone = ResNet3dSlowOnly(**BACKBONE, **options)
    backbone.init_weights()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    backbone.train()
    return backbone


CLIPS = (2, 3, 2, 16, 16)


def test_backbone_of_conv_modules():
    plain = {name: _backbone() for name in NAMES}
    backbone = PerDatasetBatchNorm.convert(_backbone(), NAMES)
    assert list(backbone.state_dict()) == list(plain['ava'].state_dict())
    assert not any(isinstance(x, nn.BatchNorm3d) for x in backbone.modules())
    for name, clips in _inputs(CLIPS):
        set_dataset(backbone, name)
        assert torch.equal(backbone(clips), plain[name](clips))
    for name in NAMES:  # the statistics come out as those of a plain backbone
        state = PerDatasetBatchNorm.plain_state(backbone.state_dict(), name, NAMES)
        for key, value in plain[name].state_dict().items():
            assert torch.equal(state[key], value), key


def test_the_state_of_a_plain_backbone_loads():
    pretrained, fresh = _backbone().state_dict(), _backbone()
    nn.init.zeros_(fresh.conv1.bn.running_mean)
    for load in (lambda m: m.load_state_dict(pretrained), lambda m: load_state_dict(m, pretrained)):
        backbone = PerDatasetBatchNorm.convert(copy.deepcopy(fresh), NAMES)
        load(backbone)
        for row in range(2):
            found = backbone.conv1.bn.running_mean[row]
            assert torch.equal(found, pretrained['conv1.bn.running_mean'])
        assert pretrained['conv1.bn.running_mean'].ndim == 1, 'the file is as it was'
        again = PerDatasetBatchNorm.convert(_backbone(), NAMES)
        again.load_state_dict(backbone.state_dict())


def test_inflation_of_a_2d_backbone():
    """As mmaction2 inflates, layer by layer."""
    plain = _plain(nn.BatchNorm2d)
    plain(torch.randn(4, 3, 5, 5))
    flat = {f'bn1.{key}': value for key, value in plain.state_dict().items()}
    layer, inflated = PerDatasetBatchNorm.convert(nn.BatchNorm3d(3), NAMES), []
    ResNet3dSlowOnly._inflate_bn_params(layer, flat, 'bn1', inflated)
    assert sorted(inflated) == sorted(flat)
    for key, value in plain.state_dict().items():
        found = layer.state_dict()[key]
        assert torch.equal(found, value if key in ('weight', 'bias') else torch.stack([value] * 2))


def test_in_a_cofinetune_model():
    """Each dataset trains its own statistics, though two share a head."""
    head = {'type': 'mmaction.I3DHead', 'num_classes': 2, 'in_channels': 8}
    head['loss_cls'] = {'type': 'mmaction.CrossEntropyLoss'}
    model = MODELS.build(
        {
            'type': 'mmlt.CoFinetuneModel',
            'backbone': {'type': 'mmaction.ResNet3dSlowOnly', **BACKBONE},
            'heads': {'clips': head},
            'dataset_heads': {'ssv2': 'clips', 'k400': 'clips'},
            'per_dataset_batch_norm': True,
        }
    ).train()
    layer = model.backbone.conv1.bn
    assert layer.dataset_names == ('k400', 'ssv2'), 'by name, whatever the order of a config'
    start = layer.running_mean.clone()
    samples = [ActionDataSample().set_gt_label(0), ActionDataSample().set_gt_label(1)]
    for sample in samples:
        sample.set_metainfo({'dataset_name': 'ssv2'})
    model(torch.randn(CLIPS), samples, mode='loss')
    moved = (layer.running_mean != start).any(dim=1).tolist()
    assert moved == [False, True]
    with pytest.raises(RuntimeError, match='no dataset is chosen'):
        model(torch.randn(CLIPS))  # not with what the last batch chose


def test_frozen_stages_and_norm_eval_reach_it():
    backbone = PerDatasetBatchNorm.convert(_backbone(norm_eval=True, frozen_stages=0), NAMES)
    before = copy.deepcopy(backbone.state_dict())
    backbone.train()
    set_dataset(backbone, 'k400')
    backbone(torch.randn(CLIPS)).sum().backward()
    for key, value in backbone.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert backbone.conv1.bn.weight.grad is None
    assert backbone.layer1[0].conv1.bn.weight.grad is not None


def test_activation_checkpointing():
    """As plain layers under it: the second forward of a batch updates the same row again."""

    def train(module, schedule):
        for name, clips in schedule:
            set_dataset(module, name)
            checkpoint(module, clips.requires_grad_(), use_reentrant=False).sum().backward()
        return module

    schedule = _inputs(CLIPS)
    backbone = train(PerDatasetBatchNorm.convert(_backbone(), NAMES), schedule)
    for row, name in enumerate(NAMES):
        alone = train(_backbone(), [each for each in schedule if each[0] == name])
        for key, value in alone.named_buffers():
            assert torch.equal(backbone.state_dict()[key][row], value), key


def test_ema_and_deepcopy():
    backbone = PerDatasetBatchNorm.convert(_backbone(), NAMES)
    set_dataset(backbone, 'ava')
    averaged = ExponentialMovingAverage(backbone, momentum=0.5, update_buffers=True)
    averaged.update_parameters(backbone)  # the first copies
    backbone(torch.randn(CLIPS))
    averaged.update_parameters(backbone)
    found = averaged.module.conv1.bn.running_mean
    start, end = _backbone().conv1.bn.running_mean, backbone.conv1.bn.running_mean
    assert torch.allclose(found[0], (start + end[0]) / 2) and not torch.equal(end[0], start)
    assert torch.allclose(found[1], start)
    copied = copy.deepcopy(backbone)
    set_dataset(copied, 'k400')
    assert (copied.conv1.bn.dataset, backbone.conv1.bn.dataset) == ('k400', 'ava')


@pytest.mark.dist
def test_two_ranks(tmp_path, two_ranks):
    """DDP; buffers in which ranks differ are resumed, and averaged by SyncBuffersHook."""
    two_ranks.run(Path(__file__).with_name('two_rank_batch_norm.py'))


def test_by_a_norm_cfg():
    """A layer that a config asks for, as in any mmaction2 backbone."""
    config = dict(type='mmlt.PerDatasetBatchNorm', dataset_names=NAMES)
    name, layer = build_norm_layer(config, 3)
    assert name == 'bn' and isinstance(layer, PerDatasetBatchNorm)
    block = ConvModule(3, 4, 1, norm_cfg=config)
    set_dataset(block, 'ava')
    assert block(torch.randn(2, 3, 4, 4)).shape == (2, 4, 4, 4)


def test_conversion_keeps_objects_and_modes():
    shared = nn.BatchNorm2d(3)
    model = nn.ModuleList([shared, nn.Sequential(shared), nn.BatchNorm1d(3).double().eval()])
    model[2].weight.requires_grad_(False)
    parameters = list(model.parameters())
    converted = PerDatasetBatchNorm.convert(model, NAMES)
    assert converted is model and model[0] is model[1][0]
    for found, wanted in zip(model.parameters(), parameters):
        assert found is wanted
    assert model[0].training and not model[2].training
    assert model[2].running_mean.dtype == torch.float64
    assert not model[2].weight.requires_grad
    assert model[2].num_batches_tracked.dtype == torch.long
    own = PerDatasetBatchNorm.convert(
        nn.BatchNorm1d(3).requires_grad_(False), NAMES, own_affine=True
    )
    assert not any(each.requires_grad for each in own.parameters())


def test_layers_are_found_again_after_a_conversion_and_models_are_not_kept():
    model = nn.Sequential(PerDatasetBatchNorm(3, NAMES), nn.BatchNorm1d(3))
    set_dataset(model, 'ava')
    with pytest.raises(ValueError, match='0 is a PerDatasetBatchNorm'):
        PerDatasetBatchNorm.convert(model, NAMES)
    model[1] = PerDatasetBatchNorm.convert(model[1], NAMES)
    set_dataset(model, 'k400')
    assert model[1].dataset == 'k400'
    for each in (model, PerDatasetBatchNorm(3, NAMES)):
        set_dataset(each, 'ava')
    gone = weakref.ref(model), weakref.ref(each)
    del model, each
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


# ------------------------------------------------------------------------------------- messages


def test_a_pass_before_any_choice():
    layer = PerDatasetBatchNorm(3, NAMES)
    with pytest.raises(RuntimeError, match=r'no dataset is chosen.*the names are ava, k400'):
        layer(torch.randn(2, 3))


def test_an_unknown_dataset():
    with pytest.raises(ValueError, match="dataset 'ssv2' has no batch norm statistics: ava, k400"):
        set_dataset(nn.Sequential(PerDatasetBatchNorm(3, NAMES)), 'ssv2')
    set_dataset(nn.Linear(1, 1), 'ssv2')  # no such layer: nothing to choose


@pytest.mark.parametrize('names', [(), ('a', 'a'), 'ava'])
def test_names_that_are_none(names):
    with pytest.raises(ValueError, match='dataset_names must be different names, at least one'):
        PerDatasetBatchNorm(3, names)


def test_layers_that_cannot_be_converted():
    class Other(nn.BatchNorm2d):
        def forward(self, inputs):
            return inputs

    with pytest.raises(ValueError, match='a.0 is a SyncBatchNorm, whose statistics are over the'):
        model = nn.ModuleDict({'a': nn.Sequential(nn.SyncBatchNorm(3))})
        PerDatasetBatchNorm.convert(model, NAMES)
    with pytest.raises(ValueError, match='the module is a Other, not a plain BatchNorm'):
        PerDatasetBatchNorm.convert(Other(3), NAMES)


def test_number_of_axes():
    layer = PerDatasetBatchNorm.convert(nn.BatchNorm3d(3), NAMES)
    set_dataset(layer, 'ava')
    with pytest.raises(ValueError, match=r'expected an input of \(5,\) axes, got 4'):
        layer(torch.randn(2, 3, 4, 4))


def test_statistics_of_more_datasets_are_refused_though_not_strict():
    state = nn.Sequential(PerDatasetBatchNorm(3, (*NAMES, 'ssv2'))).state_dict()
    message = r'0.running_mean has statistics of 3 datasets, the layer is for 2 \(ava, k400\)'
    with pytest.raises(ValueError, match=message):
        nn.Sequential(PerDatasetBatchNorm(3, NAMES)).load_state_dict(state, strict=False)


def test_plain_state_of_other_datasets():
    state = nn.Sequential(PerDatasetBatchNorm(3, NAMES)).state_dict()
    with pytest.raises(ValueError, match="dataset 'ssv2' is not one of ava, k400"):
        PerDatasetBatchNorm.plain_state(state, 'ssv2', NAMES)
    with pytest.raises(ValueError, match=r'0\.running_mean has statistics of 2 datasets, not of'):
        PerDatasetBatchNorm.plain_state(state, 'ava', ('ava',))
