from __future__ import annotations

import pytest
import torch
from mmaction.models.backbones import ResNet3dSlowFast as MmactionSlowFast
from mmengine.registry import MODELS

from mmlt.models.backbones import ResNet3dSlowFast

BLOCKS = ((0, 0, 0), (0, 0, 0, 0), (0, 1, 0, 0, 0, 1), (0, 0, 0))  # after these of a stage
NON_LOCAL = dict(sub_sample=True, norm_cfg=None, mode='dot_product')


def _pathway(**kwargs):
    return dict(
        type='resnet3d', depth=50, pretrained=None, conv1_stride_t=1, pool1_stride_t=1, **kwargs
    )


def _settings(**slow):
    return dict(
        resample_rate=8,
        speed_ratio=4,
        slow_pathway=_pathway(
            lateral=True,
            conv1_kernel=(1, 7, 7),
            inflate=(0, 0, 1, 1),
            fusion_kernel=7,
            base_channels=16,
            **slow,
        ),
        fast_pathway=_pathway(lateral=False, conv1_kernel=(5, 7, 7), base_channels=2),
    )


def _with_blocks(cls=ResNet3dSlowFast, **non_local_cfg):
    torch.manual_seed(0)
    return cls(**_settings(non_local=BLOCKS, non_local_cfg={**NON_LOCAL, **non_local_cfg}))


def _trained():
    """The same network without blocks; batch norms as trained ones are, none of them zero."""
    torch.manual_seed(1)
    network = ResNet3dSlowFast(**_settings())
    network.init_weights()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
    return network


@pytest.fixture(scope='module')
def clip():
    return torch.randn(1, 3, 64, 32, 32, generator=torch.Generator().manual_seed(2))


def _features(network, clip):
    with torch.no_grad():
        return network.eval()(clip)


def test_is_found_by_name():
    built = MODELS.build(dict(type='mmlt.ResNet3dSlowFast', **_settings()))
    assert type(built) is ResNet3dSlowFast


@pytest.mark.parametrize('norm_cfg', [None, dict(type='BN3d')])
def test_new_blocks_change_nothing_of_a_trained_network(clip, norm_cfg):
    trained, network = _trained(), _with_blocks(norm_cfg=norm_cfg)
    network.init_weights()
    missing, unexpected = network.load_state_dict(trained.state_dict(), strict=False)
    assert not unexpected
    assert {key.rpartition('.non_local_block.')[0] for key in missing} == {
        'slow_path.layer3.1',
        'slow_path.layer3.5',
    }
    for ours, theirs in zip(_features(network, clip), _features(trained, clip)):
        assert torch.equal(ours, theirs)


def test_mmaction2s_own_would_change_it(clip):
    """Why the class is there; where this fails, mmaction2 has mended it."""
    trained, network = _trained(), _with_blocks(MmactionSlowFast)
    network.init_weights()
    network.load_state_dict(trained.state_dict(), strict=False)
    assert not torch.allclose(_features(network, clip)[0], _features(trained, clip)[0])


def test_zeros_are_left_by_training():
    """Without a norm of its own the block's last convolution has a gradient, though it is zero."""
    network = _with_blocks()
    network.init_weights()
    network.load_state_dict(_trained().state_dict(), strict=False)
    out = network.slow_path.layer3[1].non_local_block.conv_out.conv
    assert not out.weight.any()
    network(torch.randn(1, 3, 64, 32, 32))[0].square().mean().backward()
    assert out.weight.grad.abs().max() > 0


def test_blocks_made_otherwise_stay_so():
    network = _with_blocks(zeros_init=False, std=0.5)
    made = network.slow_path.layer3[1].non_local_block.conv_out.conv.weight.clone()
    network.init_weights()
    kept = network.slow_path.layer3[1].non_local_block.conv_out.conv.weight
    assert made.any() and torch.equal(kept, made)


def test_everything_else_is_initialised_as_mmaction2_does():
    networks = [_with_blocks(cls) for cls in (ResNet3dSlowFast, MmactionSlowFast)]
    for network in networks:
        torch.manual_seed(3)
        network.init_weights()
    ours, theirs = (network.state_dict() for network in networks)
    assert ours.keys() == theirs.keys()
    changed = {key for key in ours if not torch.equal(ours[key], theirs[key])}
    assert changed and all('.non_local_block.' in key for key in changed)


def test_blocks_of_a_pretrained_file_are_loaded(tmp_path):
    saved = _with_blocks()
    torch.nn.init.ones_(saved.slow_path.layer3[1].non_local_block.conv_out.conv.weight)
    torch.save(saved.state_dict(), tmp_path / 'weights.pth')
    network = _with_blocks()
    network.init_weights(str(tmp_path / 'weights.pth'))
    assert network.slow_path.layer3[1].non_local_block.conv_out.conv.weight.eq(1).all()


def test_64_frames_are_8_slow_and_32_fast_ones(clip):
    slow, fast = _features(_with_blocks(), clip)
    assert (slow.shape[2], fast.shape[2]) == (8, 32)
