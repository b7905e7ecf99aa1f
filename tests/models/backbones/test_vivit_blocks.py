from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmlt.models.backbones.vivit_blocks import Attention, EncoderBlock, TubeletEmbedding, drop_path


def _block(drop_path_rate=0.0, dropout_rate=0.0):
    rates = dict(dropout_rate=dropout_rate, attention_dropout_rate=0.0)
    return EncoderBlock(8, 2, 16, drop_path_rate=drop_path_rate, **rates)


# -------------------------------------------------------------------------------- drop_path


def test_a_clip_is_dropped_with_all_its_frames_or_scaled():
    torch.manual_seed(0)
    dropped = drop_path(torch.ones(400, 3, 2, 5), 0.2, training=True)
    of_clip = dropped.flatten(1)
    assert torch.equal(of_clip, of_clip[:, :1].expand_as(of_clip))  # one draw a clip
    values, counts = of_clip[:, 0].unique(return_counts=True)
    assert values.tolist() == [0, 1.25]
    assert 50 < counts[0] < 110  # 80 expected, 8 the standard deviation


@pytest.mark.parametrize(('rate', 'training'), [(0.0, True), (0.9, False)])
def test_nothing_is_dropped_without_a_rate_or_in_testing(rate, training):
    branch = torch.randn(2, 1, 3, 4)
    assert drop_path(branch, rate, training) is branch


def test_a_rate_of_one_leaves_the_input():
    block, tokens = _block(drop_path_rate=1.0), torch.randn(2, 3, 4, 8)
    assert torch.equal(block(tokens), tokens)
    assert not torch.equal(block.eval()(tokens), tokens)


def test_the_two_branches_of_a_layer_are_drawn_apart():
    torch.manual_seed(1)
    block, tokens = _block(drop_path_rate=0.5), torch.randn(1, 1, 4, 8).expand(64, -1, -1, -1)
    kinds = block(tokens).flatten(1).unique(dim=0)
    assert len(kinds) == 4  # neither, the one, the other, both


# -------------------------------------------------------------------------------- attention


def test_attention_equals_torchs():
    torch.manual_seed(2)
    attention, theirs = Attention(8, 2, 0.0, 0.0), nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.in_proj_weight.data = attention.qkv.weight.data
    theirs.in_proj_bias.data = attention.qkv.bias.data.normal_()
    theirs.out_proj.load_state_dict(attention.proj.state_dict())
    tokens = torch.randn(2, 3, 5, 8)
    expected = theirs(*[tokens.flatten(0, 1)] * 3, need_weights=False)[0].view_as(tokens)
    torch.testing.assert_close(attention(tokens), expected)


# ------------------------------------------------------------------------------ tubelets, initial


@pytest.mark.parametrize('size', [(4, 8, 12), (5, 9, 14), (2, 4, 3)])
def test_tubelets_equal_a_convolution(size):
    torch.manual_seed(3)
    embedding = TubeletEmbedding(3, 7, (2, 4, 3))
    clips = torch.randn(2, 3, *size)
    expected = F.conv3d(clips, embedding.weight, embedding.bias, stride=(2, 4, 3))
    torch.testing.assert_close(embedding(clips), expected.permute(0, 2, 3, 4, 1))


def test_tubelets_start_as_flaxs():
    torch.manual_seed(4)
    embedding = TubeletEmbedding(3, 256, (2, 4, 4))
    nn.init.ones_(embedding.bias)
    embedding.init_weights()
    std = math.sqrt(1 / 96)
    assert embedding.weight.std().item() == pytest.approx(std, rel=0.02)
    assert embedding.weight.abs().max() <= 2 * std / 0.8796
    assert not embedding.bias.any()


def test_layers_start_as_scenics():
    """Xavier's bound of each matrix by itself: sqrt(6 / (rows + columns))."""
    torch.manual_seed(5)
    block = EncoderBlock(
        64, 2, 128, drop_path_rate=0, dropout_rate=0, attention_dropout_rate=0
    )  # fmt: skip
    for parameter in block.parameters():
        nn.init.constant_(parameter, 7)
    block.init_weights()
    bounds = {'attn.proj': 6 / 128, 'mlp.fc1': 6 / 192, 'mlp.fc2': 6 / 192}
    weights = {name: block.get_submodule(name).weight for name in bounds}
    for index, weight in enumerate(block.attn.qkv.weight.chunk(3)):
        bounds[f'qkv {index}'], weights[f'qkv {index}'] = 6 / 128, weight
    for name, weight in weights.items():
        assert weight.abs().max().item() == pytest.approx(math.sqrt(bounds[name]), rel=0.02), name
        assert weight.std().item() == pytest.approx(math.sqrt(bounds[name] / 3), rel=0.05), name
    assert not block.attn.qkv.bias.any() and not block.attn.proj.bias.any()
    for layer in (block.mlp.fc1, block.mlp.fc2):
        assert 5e-7 < layer.bias.std() < 2e-6
    for norm in (block.norm1, block.norm2):
        assert (norm.weight == 1).all() and not norm.bias.any() and norm.eps == 1e-6
