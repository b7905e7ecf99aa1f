"""One image model in the names of flax, timm and transformers, and what scenic made of it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from vivit_reference import recorded_image

from mmlt.functional import inflate_kernel, resize_pos_embed
from mmlt.models.backbones.vivit import ViViT, convert_image_vit, convert_scenic_checkpoint
from mmlt.models.backbones.vivit_image import read_image_vit

WIDTH, PREFIX = 16, 'Transformer/encoderblock_'


@pytest.fixture
def flax():
    return recorded_image('same')[0]


def _torch_model(flax, names, split_qkv):
    """The leaves as code on torch has them: matrices transposed, heads joined."""
    state = {
        names['patches'] + '.weight': flax['embedding/kernel'].transpose(3, 2, 0, 1),
        names['patches'] + '.bias': flax['embedding/bias'],
        names['cls']: flax['cls'],
        names['pos']: flax['Transformer/posembed_input/pos_embedding'],
        names['norm'] + '.weight': flax['Transformer/encoder_norm/scale'],
        names['norm'] + '.bias': flax['Transformer/encoder_norm/bias'],
    }
    for index in range(2):
        block, theirs = f'{PREFIX}{index}', f'{names["block"]}{index}.'
        attention, mlp = f'{block}/MultiHeadDotProductAttention_0', f'{block}/MlpBlock_0'
        parts = [
            (flax[f'{attention}/{part}/kernel'].reshape(WIDTH, WIDTH).T,
             flax[f'{attention}/{part}/bias'].reshape(WIDTH))
            for part in ('query', 'key', 'value')
        ]  # fmt: skip
        layers = {
            names['proj']: (flax[f'{attention}/out/kernel'].reshape(WIDTH, WIDTH).T,
                            flax[f'{attention}/out/bias']),
            names['fc1']: (flax[f'{mlp}/Dense_0/kernel'].T, flax[f'{mlp}/Dense_0/bias']),
            names['fc2']: (flax[f'{mlp}/Dense_1/kernel'].T, flax[f'{mlp}/Dense_1/bias']),
            names['norm1']: (flax[f'{block}/LayerNorm_0/scale'], flax[f'{block}/LayerNorm_0/bias']),
            names['norm2']: (flax[f'{block}/LayerNorm_1/scale'], flax[f'{block}/LayerNorm_1/bias']),
        }  # fmt: skip
        if split_qkv:
            layers.update(zip(names['qkv'], parts))
        else:
            layers[names['qkv']] = tuple(
                torch.cat([torch.tensor(part[i].copy()) for part in parts]) for i in range(2)
            )
        for layer, (weight, bias) in layers.items():
            state[f'{theirs}{layer}.weight'], state[f'{theirs}{layer}.bias'] = weight, bias
    return {name: torch.as_tensor(value.copy() if hasattr(value, 'strides') else value)
            for name, value in state.items()}  # fmt: skip


def _timm(flax):
    """As ``vit_base_patch16_224`` has them."""
    names = dict(patches='patch_embed.proj', cls='cls_token', pos='pos_embed', norm='norm')
    names.update(block='blocks.', proj='attn.proj', fc1='mlp.fc1', fc2='mlp.fc2', qkv='attn.qkv')
    names.update(norm1='norm1', norm2='norm2')
    state = _torch_model(flax, names, split_qkv=False)
    return {**state, 'head.weight': torch.zeros(9, WIDTH), 'head.bias': torch.zeros(9)}


def _transformers(flax, prefix=''):
    """As files of ``ViTModel`` have them, and before version 5 the model too."""
    qkv = [f'attention.attention.{part}' for part in ('query', 'key', 'value')]
    names = dict(patches='embeddings.patch_embeddings.projection', cls='embeddings.cls_token')
    names.update(pos='embeddings.position_embeddings', norm='layernorm', block='encoder.layer.')
    names.update(qkv=qkv, proj='attention.output.dense', fc1='intermediate.dense')
    names.update(fc2='output.dense', norm1='layernorm_before', norm2='layernorm_after')
    state = _torch_model(flax, names, split_qkv=True)
    state = {**state, 'pooler.dense.weight': torch.zeros(WIDTH, WIDTH)}
    return {prefix + name: value for name, value in state.items()}


def _transformers_5(flax):
    """As ``ViTModel`` has them in memory since version 5."""
    new = {
        'encoder.layer': 'layers',
        'attention.attention.query': 'attention.q_proj',
        'attention.attention.key': 'attention.k_proj',
        'attention.attention.value': 'attention.v_proj',
        'attention.output.dense': 'attention.o_proj',
        'intermediate.dense': 'mlp.fc1',
        'output.dense': 'mlp.fc2',
    }
    pattern = '|'.join(map(re.escape, new))
    return {
        re.sub(pattern, lambda found: new[found[0]], name): value
        for name, value in _transformers(flax).items()
    }


def _old(flax):
    """As the published .npz files have them."""
    old = {
        'MultiHeadDotProductAttention_0': 'MultiHeadDotProductAttention_1',
        'LayerNorm_1': 'LayerNorm_2',
        'MlpBlock_0': 'MlpBlock_3',
        'output_projection': 'head',
    }
    return {re.sub('|'.join(old), lambda found: old[found[0]], n): v for n, v in flax.items()}


def _with_top_positions(flax):
    """As big_vision has them."""
    return {n.replace('Transformer/posembed_input/', ''): v for n, v in flax.items()}


@pytest.mark.parametrize(
    'rename',
    [
        _old,
        _with_top_positions,
        _timm,
        _transformers,
        _transformers_5,
        lambda flax: {**_transformers(flax, 'vit.'), 'classifier.bias': torch.zeros(2)},
    ],
    ids=['old flax', 'big_vision', 'timm', 'transformers', 'transformers 5', 'with a head'],
)
def test_all_names_give_one_model(flax, rename):
    expected, found = read_image_vit(flax), read_image_vit(rename(flax))
    assert torch.equal(found.kernel, expected.kernel) and torch.equal(found.bias, expected.bias)
    assert found.has_class_token and expected.has_class_token
    assert found.encoder.keys() == expected.encoder.keys()
    for name, value in expected.encoder.items():
        assert torch.equal(found.encoder[name], value), name


@pytest.mark.parametrize(
    ('rename', 'layer'), [(_timm, 'blocks.1.attn.qkv'), (_transformers, 'encoder.layer.1.output')]
)
def test_what_does_not_fit_is_named(flax, rename, layer):
    state = rename(flax)
    name = next(key for key in state if key.startswith(layer))
    weight = state.pop(name)
    with pytest.raises(ValueError, match=f'missing: {name}$'):
        read_image_vit(state)
    with pytest.raises(ValueError, match=f'misshapen: {name} .* not '):
        read_image_vit({**state, name: weight[:-1]})
    with pytest.raises(ValueError, match='unknown: dist_token, gamma_1$'):
        read_image_vit({**state, name: weight, 'dist_token': weight, 'gamma_1': weight})


def test_another_model_is_told_what_is_missing():
    with pytest.raises(ValueError, match='unknown: conv1.weight; missing: Transformer/.* more$'):
        read_image_vit({'conv1.weight': torch.zeros(2)})
    with pytest.raises(ValueError, match='leaves must map names to arrays, got NoneType'):
        read_image_vit(None)


# ----------------------------------------------------------------------------- as a ViViT


@pytest.mark.parametrize(('case', 'size'), [('same', 16), ('resize', 24)])
def test_an_image_model_gives_what_it_gives_in_scenic(case, size):
    source, after, not_loaded = recorded_image(case)
    state = convert_image_vit(source, tubelet_size=(2, 4, 4), img_size=size, pool='token')
    expected = convert_scenic_checkpoint(after)
    for name, value in state.items():
        tolerance = 1e-6 if name.endswith('pos_embed') else 0
        torch.testing.assert_close(value, expected[name], atol=tolerance, rtol=0, msg=name)
    left = expected.keys() - state.keys()
    encoders = ('spatial_encoder.class_token', 'temporal_encoder.')
    assert left == {name for name in expected if name.startswith(encoders)}
    # the same leaves by scenic's names; the head is no part of the backbone
    loaded = {name for name in after if name not in not_loaded}
    assert not any(name.startswith(('cls', 'Temporal', 'output')) for name in loaded)
    shapes = [tuple(value.shape) for name, value in after.items() if name in loaded]
    assert sum(map(np.prod, shapes)) == sum(value.numel() for value in state.values())


def test_class_row_is_kept_or_left_out():
    source, _, _ = recorded_image('same')
    saved = torch.from_numpy(source['Transformer/posembed_input/pos_embedding'])
    for img_size in (None, 24, (8, 12)):
        hw = {None: (4, 4), 24: (6, 6), (8, 12): (2, 3)}[img_size]
        expected = resize_pos_embed(saved, hw, num_prefix_tokens=1)
        options = dict(tubelet_size=(2, 4, 4), img_size=img_size)
        kept = convert_image_vit(source, pool='token', **options)['spatial_encoder.pos_embed']
        left_out = convert_image_vit(source, pool='gap', **options)['spatial_encoder.pos_embed']
        assert torch.equal(kept, expected) and torch.equal(left_out, expected[:, 1:])


def test_an_image_model_without_class_token():
    source, _, _ = recorded_image('same')
    del source['cls']
    source['Transformer/posembed_input/pos_embedding'] = np.ones((1, 8, 16), np.float32)
    options = dict(tubelet_size=(2, 4, 4), pretrain_img_size=(8, 16), img_size=(8, 8))
    for pool in ('gap', 'token'):  # no row is made up
        state = convert_image_vit(source, pool=pool, **options)
        assert state['spatial_encoder.pos_embed'].shape == (1, 4, 16)


@pytest.mark.parametrize('method', ['central', 'average'])
def test_kernel_is_inflated(method):
    source, _, _ = recorded_image('same')
    state = convert_image_vit(source, tubelet_size=(3, 4, 4), method=method)
    kernel = torch.from_numpy(source['embedding/kernel']).permute(3, 2, 0, 1)
    assert torch.equal(state['tubelet_embedding.weight'], inflate_kernel(kernel, 3, method))


def test_a_state_loads_and_leaves_the_rest():
    source, _, _ = recorded_image('same')
    state = convert_image_vit(source, tubelet_size=(2, 4, 4), pool='token')
    model = ViViT(
        embed_dims=16,
        num_layers=(2, 1),
        num_heads=(2, 2),
        mlp_dims=(32, 8),
        tubelet_size=(2, 4, 4),
        img_size=24,
        num_frames=4,
        pool='token',
    )
    result = model.load_state_dict(state, strict=False)
    assert not result.unexpected_keys
    assert {name.partition('.')[0] for name in result.missing_keys} == {
        'spatial_encoder',
        'temporal_encoder',
    }
    assert 'spatial_encoder.class_token' in result.missing_keys


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(pool='mean'), "pool must be one of 'gap', 'token'"),
        (dict(method='mean'), "method must be one of 'central', 'average'"),
        (dict(tubelet_size=(2, 8, 8)), r'tubelet_size \(2, 8, 8\): .* patches of \(4, 4\)'),
        (dict(img_size=(8,)), r'img_size must be 2 integers, got \(8,\)'),
        (dict(img_size=3), r'new_hw\[0\] must be an integer of at least 1, got 0'),
        (dict(img_size=8, pretrain_img_size=8), r'old_hw is \(2, 2\), 4 places'),
    ],
)
def test_options_that_do_not_fit(options, message):
    source, _, _ = recorded_image('same')
    with pytest.raises(ValueError, match=message):
        convert_image_vit(source, **{'tubelet_size': (2, 4, 4), **options})
