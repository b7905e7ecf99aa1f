"""Weights of scenic's ViViT: every layout by hand, and those that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from vivit_reference import random_leaves, recorded_image

from mmlt.models.backbones.vivit import (
    ViViT,
    convert_image_vit,
    convert_scenic_checkpoint,
    convert_scenic_head,
    convert_vivit_or_image_vit,
    vivit_sizes,
)

SIZES = (8, (2, 1), (2, 4), (16, 24), (2, 4, 4), (3, 2, 2))


@pytest.fixture
def leaves():
    return random_leaves(*SIZES, with_class_token=True)


def _old_names(leaves):
    """As flax numbered before linen: norm 0, attention 1, norm 2, MLP 3."""
    new_to_old = {
        'MultiHeadDotProductAttention_0': 'MultiHeadDotProductAttention_1',
        'LayerNorm_1': 'LayerNorm_2',
        'MlpBlock_0': 'MlpBlock_3',
    }
    return {
        '/'.join(new_to_old.get(part, part) for part in name.split('/')): value
        for name, value in leaves.items()
    }


def _assert_equal(state, expected):
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(state[name], value), name


# ----------------------------------------------------------------------------- scenic's ViViT


def test_names_old_and_new_with_and_without_params(leaves):
    expected = convert_scenic_checkpoint(leaves)
    for renamed in (
        _old_names(leaves),
        {f'params/{name}': value for name, value in leaves.items()},
        {f'params/{name}': value for name, value in _old_names(leaves).items()},
        {n.replace('DotProductAttention', 'Attention'): v for n, v in leaves.items()},
        {n: torch.from_numpy(v) for n, v in leaves.items()},
    ):
        _assert_equal(convert_scenic_checkpoint(renamed), expected)


def test_the_result_is_the_backbones_state(leaves):
    """Under its names, contiguous, of the dtype given, sharing nothing with the leaves."""
    state = convert_scenic_checkpoint(leaves)
    model = ViViT(**vivit_sizes(leaves))
    assert state.keys() == model.state_dict().keys()
    assert all(value.is_contiguous() and value.dtype == torch.float32 for value in state.values())
    before = {name: value.clone() for name, value in state.items()}
    for value in leaves.values():
        value += 1
    _assert_equal(state, before)


def test_layouts_by_hand():
    """Feature d of head n of a query is row n * (D / N) + d of the joined matrix."""
    leaves = random_leaves(*SIZES, with_class_token=False)
    block = 'SpatialTransformer/encoderblock_1/MultiHeadDotProductAttention_0'
    state = convert_scenic_checkpoint(leaves)
    attn = 'spatial_encoder.blocks.1.attn'
    qkv, bias = state[f'{attn}.qkv.weight'], state[f'{attn}.qkv.bias']
    assert qkv[1 * 4 + 3, 5] == leaves[f'{block}/query/kernel'][5, 1, 3]
    assert qkv[8 + 0 * 4 + 2, 6] == leaves[f'{block}/key/kernel'][6, 0, 2]
    assert qkv[16 + 1 * 4 + 0, 7] == leaves[f'{block}/value/kernel'][7, 1, 0]
    assert bias[16 + 1 * 4 + 2] == leaves[f'{block}/value/bias'][1, 2]
    out = state[f'{attn}.proj.weight']
    assert out[2, 1 * 4 + 3] == leaves[f'{block}/out/kernel'][1, 3, 2]
    tubelet = state['tubelet_embedding.weight']
    assert tubelet[6, 2, 1, 3, 0] == leaves['embedding/kernel'][1, 3, 0, 2, 6]


def test_head_is_apart(leaves):
    head = convert_scenic_head(leaves)
    features = np.ones((1, 8), np.float32)
    logits = features @ leaves['output_projection/kernel'] + leaves['output_projection/bias']
    found = torch.nn.functional.linear(torch.from_numpy(features), head['weight'], head['bias'])
    np.testing.assert_allclose(found, logits, rtol=1e-6)
    for kind in ('kernel', 'bias'):
        del leaves[f'output_projection/{kind}']
    assert convert_scenic_checkpoint(leaves)
    with pytest.raises(ValueError, match='no output_projection/kernel among the leaves'):
        convert_scenic_head(leaves)


def test_sizes(leaves):
    assert vivit_sizes(leaves) == dict(
        embed_dims=8,
        num_layers=(2, 1),
        num_heads=(2, 4),
        mlp_dims=(16, 24),
        tubelet_size=(2, 4, 4),
        in_channels=3,
        num_frames=6,
        img_size=(8, 8),
        pool='token',
    )
    oblong = random_leaves(*SIZES[:-1], (3, 2, 5), with_class_token=False)
    assert 'img_size' not in vivit_sizes(oblong) and vivit_sizes(oblong)['pool'] == 'gap'


def _without(name):
    return lambda leaves: leaves.pop(name)


def _with(name, shape):
    return lambda leaves: leaves.update({name: np.zeros(shape, np.float32)})


_SPATIAL = 'SpatialTransformer/encoderblock_0'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (_without(f'{_SPATIAL}/LayerNorm_1/bias'), f'missing: {_SPATIAL}/LayerNorm_1/bias$'),
        (_without('cls_TemporalTransformer'), 'missing: cls_TemporalTransformer$'),
        (_without('embedding/bias'), 'missing: embedding/bias$'),
        (_without('output_projection/bias'), 'missing: output_projection/bias$'),
        (_without('TemporalTransformer/encoder_norm/scale'), 'missing: Temporal.*norm/scale$'),
        (_with('pre_logits/kernel', (8, 8)), 'unknown: pre_logits/kernel$'),
        (_with(f'{_SPATIAL}/extra', (1,)), f'unknown: {_SPATIAL}/extra$'),
        (
            _with('SpatialTransformer/encoderblock_7/LayerNorm_0/bias', (8,)),
            r'missing: SpatialTransformer/encoderblock_2/LayerNorm_0/scale, .* and \d+ more$',
        ),
        (
            _with(f'{_SPATIAL}/MlpBlock_0/Dense_1/kernel', (16, 4)),
            rf'misshapen: {_SPATIAL}/MlpBlock_0/Dense_1/kernel \(16, 4\), not \(16, 8\)$',
        ),
        (
            _with('TemporalTransformer/posembed_input/pos_embedding', (4, 8)),
            r'misshapen: .*pos_embedding \(4, 8\), not \(1, any, 8\)$',
        ),
        (
            _with(f'{_SPATIAL}/MultiHeadDotProductAttention_0/query/kernel', (8, 4, 2)),
            r'misshapen: .*query/kernel \(8, 4, 2\), not \(8, 2, 4\)$',
        ),
        (
            _with(f'{_SPATIAL}/LayerNorm_2/bias', (8,)),
            "'SpatialTransformer/encoderblock_0/LayerNorm_2/bias': another leaf is .*LayerNorm_1",
        ),
        (lambda leaves: leaves.update(a='b'), "leaf 'a' is no array"),
    ],
)
def test_leaves_that_do_not_fit_are_named(leaves, change, message):
    change(leaves)
    with pytest.raises(ValueError, match=message):
        convert_scenic_checkpoint(leaves)


def test_no_mapping():
    with pytest.raises(ValueError, match='leaves must map names to arrays, got list'):
        convert_scenic_checkpoint([1])


@pytest.mark.parametrize('root', ['', 'params/', 'optimizer/target/', 'opt/target/'])
def test_parameters_are_found_in_a_train_state(leaves, root):
    state = {f'{root}{name}': value for name, value in leaves.items()}
    if root:
        state.update({f'opt_state/0/trace/{name}': value for name, value in leaves.items()})
        state['global_step'] = np.array(3)
    _assert_equal(convert_vivit_or_image_vit(state), convert_scenic_checkpoint(leaves))
    source, _, _ = recorded_image('same')
    options = dict(tubelet_size=(2, 4, 4))
    found = convert_vivit_or_image_vit({root + n: v for n, v in source.items()}, **options)
    _assert_equal(found, convert_image_vit(source, **options))
    with pytest.raises(ValueError, match='tubelet_size: not for the weights of a ViViT'):
        convert_vivit_or_image_vit(state, **options)
