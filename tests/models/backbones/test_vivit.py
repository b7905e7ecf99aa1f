"""Against what scenic's code gave (recorded), and its definition in numpy where nothing was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from vivit_reference import Scenic, max_difference, random_leaves, recorded, to_ncthw

from mmlt.models.backbones.vivit import (
    ARCHITECTURES,
    ViViT,
    convert_scenic_checkpoint,
    convert_scenic_head,
    vivit_sizes,
)
from mmlt.registry import MODELS

TOLERANCE = 2e-5
SMALL = dict(
    embed_dims=16,
    num_layers=(2, 2),
    num_heads=(4, 2),
    mlp_dims=(24, 32),
    tubelet_size=(2, 4, 4),
    num_frames=4,
    img_size=(12, 8),
)


def _model(leaves, **options):
    model = ViViT(**{**vivit_sizes(leaves), **options}).eval()
    model.load_state_dict(convert_scenic_checkpoint(leaves))
    return model


def _small(seed=0, **options):
    torch.manual_seed(seed)
    model = ViViT(**{**SMALL, **options})
    model.init_weights()
    return model


# --------------------------------------------------------------------- what scenic's code gave


@pytest.mark.parametrize('name', ['fe_token_tiny', 'fe_gap_tiny'])
def test_parity_with_scenic(name):
    arrays, leaves = recorded(name)
    model, head = _model(leaves), convert_scenic_head(leaves)
    features = model(to_ncthw(arrays['input']))
    assert max_difference(features, arrays['prelogits']) < TOLERANCE
    logits = features @ head['weight'].T + head['bias']
    assert max_difference(logits, arrays['logits']) < TOLERANCE


@pytest.mark.parametrize('name', ['fe_token_tiny', 'fe_gap_tiny'])
def test_parity_of_what_lies_between(name):
    arrays, leaves = recorded(name)
    model = _model(leaves)
    tokens = model.tubelet_embedding(to_ncthw(arrays['input']))
    assert max_difference(tokens, arrays['tokens']) < TOLERANCE
    spatial = model.spatial_encoder(tokens.flatten(2, 3), tokens.shape[2:4])
    assert max_difference(spatial, arrays['spatial_out']) < TOLERANCE
    frames = spatial[:, :, 0] if model.pool == 'token' else spatial.mean(2)
    temporal = model.temporal_encoder(frames[:, None], tokens.shape[1:2])[:, 0]
    assert max_difference(temporal, arrays['temporal_out']) < TOLERANCE


def test_parity_of_kept_tokens():
    arrays, leaves = recorded('fe_keeptokens_tiny')
    tokens = _model(leaves, keep_tokens=True)(to_ncthw(arrays['input']))  # (B, D, t, h, w)
    assert max_difference(tokens.permute(0, 2, 3, 4, 1), arrays['tokens_out']) < TOLERANCE
    assert max_difference(tokens.mean((2, 3, 4)), arrays['video_feature']) < TOLERANCE


def _with_exact_gelu(model):
    for module in model.modules():
        if isinstance(module, nn.GELU):
            module.approximate = 'none'


def _with_eps_of_torch(model):
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-5


@pytest.mark.parametrize('change', [_with_exact_gelu, _with_eps_of_torch])
@pytest.mark.parametrize('name', ['fe_token_tiny', 'fe_keeptokens_tiny'])
def test_parity_would_miss_neither_another_gelu_nor_another_eps(name, change):
    arrays, leaves = recorded(name)
    keep_tokens = 'tokens_out' in arrays
    model = _model(leaves, keep_tokens=keep_tokens)
    change(model)
    found = model(to_ncthw(arrays['input']))
    found = found.permute(0, 2, 3, 4, 1) if keep_tokens else found
    expected = arrays['tokens_out' if keep_tokens else 'prelogits']
    assert max_difference(found, expected) > 5 * TOLERANCE


# ----------------------------------------------------------- where nothing of scenic is recorded


@pytest.mark.parametrize('name', ['fe_token_tiny', 'fe_gap_tiny'])
def test_the_definition_in_numpy_is_scenics(name):
    arrays, leaves = recorded(name)
    assert max_difference(Scenic(leaves).logits(arrays['input']), arrays['logits']) < 5e-6


def test_the_definition_in_numpy_keeps_scenics_tokens():
    arrays, leaves = recorded('fe_keeptokens_tiny')
    found = Scenic(leaves).kept_tokens(arrays['input'])
    assert max_difference(found, arrays['tokens_out']) < 1e-5


CASES = {  # embed_dims, num_layers, num_heads, mlp_dims, tubelet_size, grid
    'not square': (16, (2, 2), (4, 4), (24, 24), (2, 4, 4), (3, 2, 5)),
    'other tubelets': (16, (2, 1), (4, 4), (24, 24), (3, 2, 5), (2, 4, 2)),
    'heads that differ': (24, (2, 2), (2, 6), (32, 16), (2, 4, 4), (2, 3, 3)),
    'one layer': (8, (1, 1), (1, 8), (16, 8), (1, 2, 3), (5, 2, 2)),
    'one frame of tokens': (8, (3, 2), (2, 4), (8, 16), (2, 4, 4), (1, 3, 4)),
}


@pytest.mark.parametrize('with_class_token', [False, True], ids=['gap', 'token'])
@pytest.mark.parametrize('case', CASES)
def test_parity_in_general(case, with_class_token):
    leaves = random_leaves(*CASES[case], with_class_token=with_class_token, seed=3)
    *_, tubelet_size, grid = CASES[case]
    size = [part * number for part, number in zip(tubelet_size, grid)]
    clips = np.random.default_rng(1).uniform(-1, 1, (2, *size, 3)).astype(np.float32)
    sizes = dict(num_frames=size[0], img_size=tuple(size[1:]))
    scenic, inputs = Scenic(leaves), to_ncthw(clips)
    features = _model(leaves, **sizes)(inputs)
    assert max_difference(features, scenic.clip_feature(clips)) < TOLERANCE
    kept = _model(leaves, keep_tokens=True, **sizes)(inputs)
    expected = scenic.kept_tokens(clips).transpose(0, 4, 1, 2, 3)
    assert max_difference(kept, expected) < TOLERANCE


# ------------------------------------------------------------------------------- shapes and sizes


@pytest.mark.parametrize('pool', ['gap', 'token'])
def test_shapes(pool):
    clips = torch.randn(3, 3, 4, 12, 8)
    assert _small(pool=pool)(clips).shape == (3, 16)
    assert _small(pool=pool, keep_tokens=True)(clips).shape == (3, 16, 2, 3, 2)


@pytest.mark.parametrize('size', [(8, 12, 8), (2, 12, 8), (4, 20, 8), (6, 4, 4), (4, 8, 12)])
@pytest.mark.parametrize('pool', ['gap', 'token'])
def test_other_sizes_are_taken_by_resizing_the_positions(pool, size):
    model = _small(pool=pool).eval()
    clips = torch.randn(2, 3, *size)
    sizes = dict(num_frames=size[0], img_size=size[1:], pretrain_img_size=SMALL['img_size'])
    resized = ViViT(**{**SMALL, **sizes}, pool=pool).eval()
    resized.load_state_dict(model.state_dict())
    torch.testing.assert_close(model(clips), resized(clips))


def test_what_is_left_of_a_clip_is_left_out():
    model = _small().eval()
    clips = torch.randn(1, 3, 5, 15, 11)
    torch.testing.assert_close(model(clips), model(clips[:, :, :4, :12, :8]))


def test_frames_and_places_do_not_mix():
    """With kept tokens and no temporal attention to speak of, a frame changes its own tokens."""
    model = _small(keep_tokens=True).eval()
    nn.init.zeros_(model.temporal_encoder.blocks[0].attn.proj.weight)
    nn.init.zeros_(model.temporal_encoder.blocks[1].attn.proj.weight)
    clips = torch.randn(1, 3, 4, 12, 8)
    changed = clips.clone()
    changed[:, :, 2:] += 1
    before, after = model(clips), model(changed)
    torch.testing.assert_close(before[:, :, 0], after[:, :, 0])
    assert not torch.allclose(before[:, :, 1], after[:, :, 1])


def test_order_of_frames_matters():
    model = _small().eval()
    clips = torch.randn(1, 3, 4, 12, 8)
    assert not torch.allclose(model(clips), model(clips.flip(2)), atol=1e-4)


def test_videos_do_not_mix():
    model = _small(keep_tokens=True).eval()
    clips = torch.randn(3, 3, 4, 12, 8)
    torch.testing.assert_close(model(clips)[1:2], model(clips[1:2]))


@pytest.mark.parametrize(('arch', 'num_layers'), [('base', 12 + 4), ('large', 24 + 24)])
def test_architectures_build_without_memory(arch, num_layers):
    """A layer has 4 D^2 weights in attention, 8 D^2 in the MLP and 13 D in biases and norms."""
    with torch.device('meta'):
        model = MODELS.build(dict(type='mmlt.ViViT', arch=arch))
    width = model.embed_dims
    beside = (3 * 2 * 16 * 16 + 1) + (14 * 14 + 16) + 2 * 2  # tubelets, positions, final norms
    expected = num_layers * (12 * width**2 + 13 * width) + beside * width
    assert sum(parameter.numel() for parameter in model.parameters()) == expected
    assert model(torch.empty(1, 3, 32, 224, 224, device='meta')).shape == (1, model.embed_dims)
    depths = ARCHITECTURES[arch]['num_layers']
    assert (len(model.spatial_encoder.blocks), len(model.temporal_encoder.blocks)) == depths


def test_a_size_given_stands_above_the_architecture():
    with torch.device('meta'):
        model = ViViT('large', num_layers=(24, 4))
    assert len(model.temporal_encoder.blocks) == 4 and model.embed_dims == 1024


# ------------------------------------------------------------------------------------- training


def _gradients(model, clips):
    model.zero_grad()
    model(clips).pow(2).sum().backward()
    return {name: value.grad.clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize(
    'options',
    [{}, dict(keep_tokens=True), dict(pool='token'), dict(pool='token', keep_tokens=True)],
)
def test_every_parameter_learns(options):
    gradients = _gradients(_small(**options), torch.randn(2, 3, 4, 12, 8))
    bias_of_keys = slice(SMALL['embed_dims'], 2 * SMALL['embed_dims'])  # softmax cancels it
    for name, gradient in gradients.items():
        if name.endswith('qkv.bias'):
            assert gradient[bias_of_keys].abs().max() < 1e-5
        assert torch.isfinite(gradient).all() and gradient.any(), name


@pytest.mark.parametrize('keep_tokens', [False, True])
def test_checkpointing_changes_memory_alone(keep_tokens):
    """Dropout too is drawn again as it was."""
    options = dict(keep_tokens=keep_tokens, drop_path_rate=0.3, dropout_rate=0.1)
    plain, saving = _small(**options), _small(**options, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    clips = torch.randn(2, 3, 4, 12, 8)
    results = []
    for model in (plain, saving):
        torch.manual_seed(5)
        results.append(_gradients(model, clips))
    for name, gradient in results[0].items():
        torch.testing.assert_close(results[1][name], gradient, msg=name)


def test_checkpointing_keeps_the_inputs_of_layers_only():
    def saved_numbers(with_cp):
        model, total = _small(with_cp=with_cp), []

        def pack(tensor):
            total.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            model(torch.randn(2, 3, 4, 12, 8))
        return sum(total)

    assert saved_numbers(with_cp=True) < saved_numbers(with_cp=False) / 3


@pytest.mark.parametrize('options', [{}, dict(pool='token', keep_tokens=True, with_cp=True)])
def test_bfloat16_on_the_cpu(options):
    model = _small(**options)
    clips = torch.randn(2, 3, 4, 12, 8)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        features = model(clips)
    features.float().pow(2).sum().backward()
    assert all(torch.isfinite(value.grad).all() for value in model.parameters())
    difference = (features.float() - model.eval()(clips)).abs().max()
    assert difference < 0.1 * features.abs().max()


def test_dropout_acts_in_training_alone():
    model = _small(dropout_rate=0.5, attention_dropout_rate=0.5, drop_path_rate=0.5)
    clips = torch.randn(1, 3, 4, 12, 8)
    assert not torch.equal(model(clips), model(clips))
    model.eval()
    assert torch.equal(model(clips), model(clips))
    rates = [block.drop_path_rate for block in model.temporal_encoder.blocks]
    assert rates == [0, 0.5]


def test_a_copy_is_independent():
    model = _small()
    twin = copy.deepcopy(model)
    twin.load_state_dict({name: value + 1 for name, value in model.state_dict().items()})
    assert not torch.equal(model.tubelet_embedding.bias, twin.tubelet_embedding.bias)


# ---------------------------------------------------------------------------- loading, by config


def test_pretrained_of_another_size_and_length(tmp_path, caplog):
    saved = _small(pool='token', num_frames=8, img_size=(8, 8))
    torch.save({'state_dict': saved.state_dict()}, tmp_path / 'vivit.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'vivit.pth'))
    sizes = {**SMALL, 'num_frames': 4, 'img_size': (16, 12)}
    model = MODELS.build(dict(type='mmlt.ViViT', **sizes, pool='token', init_cfg=init_cfg))
    model.init_weights()
    for name, value in saved.state_dict().items():
        if not name.endswith('pos_embed'):
            assert torch.equal(model.state_dict()[name], value), name
    temporal = model.temporal_encoder.pos_embed  # class token, then 4 steps made 2: the ends
    assert torch.equal(temporal, saved.temporal_encoder.pos_embed[:, [0, 1, 4]])


def test_what_a_checkpoint_lacks_stays_as_initialised(tmp_path):
    saved = {
        name: value
        for name, value in _small().state_dict().items()
        if not name.startswith('temporal_encoder.')
    }
    torch.save({'state_dict': saved}, tmp_path / 'image.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'image.pth'))
    torch.manual_seed(7)
    model = ViViT(**SMALL, init_cfg=init_cfg)
    model.init_weights()
    torch.testing.assert_close(model.spatial_encoder.pos_embed, saved['spatial_encoder.pos_embed'])
    assert 0.01 < model.temporal_encoder.pos_embed.std() < 0.03
    before = model.temporal_encoder.pos_embed.clone()
    model.init_weights()  # mmengine warns; nothing is drawn again
    assert torch.equal(model.temporal_encoder.pos_embed, before)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(arch='huge'), "arch must be one of 'base', 'large', got 'huge'"),
        (dict(pool='max'), "pool must be one of 'gap', 'token', got 'max'"),
        (dict(num_heads=(4, 3)), 'embed_dims 16 is no multiple of num_heads 3'),
        (dict(num_layers=(2,)), r'num_layers must be 2 integers, got \(2,\)'),
        (dict(mlp_dims=8), 'mlp_dims must be 2 integers, got 8'),
        (dict(tubelet_size=(2, 4)), r'tubelet_size must be 3 integers, got \(2, 4\)'),
        (dict(num_layers=(0, 2)), r'num_layers\[0\] must be an integer of at least 1, got 0'),
        (dict(num_frames=1), 'num_frames: 1 holds no whole tubelet of 2 x 4 x 4'),
        (dict(img_size=3), 'img_size: 3 x 3 holds no whole tubelet of 4 x 4'),
        (dict(img_size=0), r'img_size\[0\] must be an integer of at least 1, got 0'),
        (dict(pretrain_img_size=(8, 3)), 'pretrain_img_size: 8 x 3 holds no whole tubelet'),
        (dict(drop_path_rate=1.5), r'drop_path_rate must be a number in \[0, 1\], got 1.5'),
    ],
)
def test_what_it_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        ViViT(**{**SMALL, **options})


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        ((1, 2, 3, 4, 12, 8), r'clips must be \(B, C, T, H, W\), got shape \(1, 2, 3, 4, 12, 8\)'),
        ((1, 3, 4, 3, 8), 'clips: 4 x 3 x 8 holds no whole tubelet of 2 x 4 x 4'),
    ],
)
def test_clips_that_it_refuses(shape, message):
    with pytest.raises(ValueError, match=message):
        _small()(torch.zeros(shape))
