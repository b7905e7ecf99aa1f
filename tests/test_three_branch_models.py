"""The networks of the three-branch configs: frames, strides, weights, and a step of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmengine.hub import get_config
from mmengine.registry import MODELS, DefaultScope
from three_branch_experiments import AVA, EIGHT, WHOLE, config, narrow_model, train_step
from torch.nn.modules.batchnorm import _BatchNorm


@pytest.fixture(autouse=True)
def _mmaction_scope():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


# ---------------------------------------------------------------------- the network and weights


@pytest.mark.parametrize('depth', [50, 101])
def test_both_phases_start_from_the_same_weights(depth):
    """ "During both fine-tuning processes we initialize from weights pre-trained on Kinetics"."""
    names = [name for name in AVA if f'r{depth}' in name]
    assert len(names) > 1
    starts = {str(config(name).model.init_cfg) for name in names}
    assert len(starts) == 1 and f'slowfast_r{depth}_8xb8-8x8x1-256e_kinetics400' in starts.pop()
    for name in names:
        assert config(name).load_from is None
        assert config(name).model.backbone.get('init_cfg') is None


def _on_meta(model_cfg):
    with torch.device('meta'):
        return MODELS.build(model_cfg)


def _zoo_config(depth):
    stem = f'slowfast_r{depth}_8xb8-8x8x1-256e_kinetics400-rgb'
    return get_config(f'mmaction::recognition/slowfast/{stem}.py')


@pytest.mark.parametrize(
    ('network', 'kinetics'),
    [
        ('r101', lambda: _zoo_config(101)),
        ('r50', lambda: _zoo_config(50)),
        ('r101', lambda: config('slowfast_r101_kinetics600')),
        ('r101', lambda: config('slowfast_r101_kinetics700')),
    ],
)
def test_weights_of_kinetics_fit_the_backbone(network, kinetics):
    """All but the non-local blocks, by name and shape; dilation and stride change neither."""
    model = _on_meta(config(f'slowfast_{network}_three_branch').model)
    wanted = {key: value.shape for key, value in model.backbone.state_dict().items()}
    given = {
        key: value.shape for key, value in _on_meta(kinetics().model).backbone.state_dict().items()
    }
    new = {key for key in wanted if '.non_local_block.' in key}
    assert {key.partition('.non_local_block.')[0] for key in new} == {
        f'slow_path.layer3.{block}' for block in {'r101': (6, 13, 20), 'r50': (1, 3, 5)}[network]
    }
    assert given == {key: shape for key, shape in wanted.items() if key not in new}


@pytest.mark.parametrize('network', ['r50', 'r101'])
def test_res5_is_dilated_by_2_and_has_no_stride_in_both_pathways(network):
    model = _on_meta(config(f'slowfast_{network}_three_branch').model)
    for path in (model.backbone.slow_path, model.backbone.fast_path):
        for layer, dilation in ((path.layer3, 1), (path.layer4, 2)):
            for block in layer:
                assert block.conv2.conv.dilation == (1, dilation, dilation)
                assert block.conv2.conv.padding == (0, dilation, dilation)
        strides = {
            module.stride[1:] for module in path.layer4.modules() if hasattr(module, 'stride')
        }
        assert strides == {(1, 1)}
    slow, fast = model.backbone(torch.empty(1, 3, 64, 64, 96, device='meta'))
    assert (slow.shape, fast.shape) == ((1, 2048, 8, 4, 6), (1, 256, 32, 4, 6))
    stride = model.roi_head.bbox_roi_extractor.featmap_stride
    assert (64 // slow.shape[3], 96 // slow.shape[4]) == (stride, stride)


def test_pathways_see_8_and_32_of_64_contiguous_frames():
    backbone = narrow_model(config(f'{WHOLE}_phase_one')).backbone.eval()
    seen = {}
    for name in ('slow', 'fast'):
        first = getattr(backbone, f'{name}_path').conv1
        first.register_forward_pre_hook(
            lambda _, args, name=name: seen.update({name: args[0][0, 0, :, 0, 0].tolist()})
        )
    clip = torch.arange(64.0)[None, None, :, None, None].expand(1, 3, 64, 32, 32)
    with torch.no_grad():
        backbone(clip)
    assert seen == dict(slow=list(range(0, 64, 8)), fast=list(range(0, 64, 2)))


def test_every_second_frame_alone_is_the_same_input():
    """The README's way of decoding half as many frames."""
    keyframe = dict(fps=30, timestamp=902, timestamp_start=900, start_index=1, shot_info=(0, 900))
    (step,) = [s for s in config(WHOLE).test_dataloader.dataset.pipeline if 'Sample' in s.type]
    every = TRANSFORMS.build(step)(dict(keyframe))['frame_inds']
    half = TRANSFORMS.build(dict(step, clip_len=32, frame_interval=2))(dict(keyframe))['frame_inds']
    assert np.array_equal(np.diff(every), np.ones(63))
    assert np.array_equal(every[::2], half)


def test_batch_norm_is_frozen_and_non_local_blocks_are_trained():
    model = _on_meta(config(f'{WHOLE}_phase_one').model).train()
    norms = [module for module in model.backbone.modules() if isinstance(module, _BatchNorm)]
    assert len(norms) > 100
    assert not any(norm.training or norm.weight.requires_grad for norm in norms)
    blocks = {
        key: p.requires_grad for key, p in model.named_parameters() if 'non_local_block' in key
    }
    assert len(blocks) == 3 * 8 and all(blocks.values())


# ----------------------------------------------------------------------------- what they build


@pytest.mark.parametrize('name', EIGHT)
def test_a_narrow_one_steps_and_moves_what_is_on(name):
    cfg = config(name)
    torch.manual_seed(1)
    model = narrow_model(cfg)
    model.init_weights()
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    logged = train_step(cfg, model=model)
    assert ('loss_global' in logged) == ('global_loss' in cfg.model.roi_head)
    moved = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    expected = {'backbone.slow_path', 'backbone.fast_path', 'roi_head.bbox_head'}
    expected |= {'roi_head.long_term'} if 'long_term' in cfg.model.roi_head else set()
    expected |= {'roi_head.global_classifier'} if 'loss_global' in logged else set()
    assert {'.'.join(key.split('.')[:2]) for key in moved} == expected
