"""Files of weights as they are published, through the tool, into a model built by config."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from vivit_reference import max_difference, recorded, to_ncthw

from mmlt.models.backbones.vivit import convert_image_vit, vivit_sizes
from mmlt.registry import MODELS
from mmlt.weights_only import load_weights_only

TOOL = Path(__file__).parents[3] / 'tools' / 'convert' / 'vivit_checkpoint.py'
TUBELET = ('--tubelet-size', '2', '4', '4')


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('vivit_checkpoint_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def image_leaves():
    arrays, _ = recorded('init_token_same')
    return {key[4:]: value for key, value in arrays.items() if key.startswith('src/')}


def _flax_file(path, arrays):
    """A checkpoint as flax writes them, with the reader's own test as the layout."""
    spec = importlib.util.spec_from_file_location(
        'weight_files_layout', TOOL.parents[2] / 'tests' / 'fileio' / 'test_weight_files.py'
    )
    layout = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layout)
    tree: dict = {}
    for name, value in arrays.items():
        *folders, leaf = name.split('/')
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[leaf] = value

    def packed(node):
        if not isinstance(node, dict):
            return layout._array(node)
        return layout._dict([(key, packed(value)) for key, value in node.items()])

    path.write_bytes(packed(tree))


@pytest.mark.parametrize('root', ['', 'optimizer/target/'])
def test_scenics_checkpoint_gives_scenics_features(tool, tmp_path, capsys, root):
    arrays, leaves = recorded('fe_token_tiny')
    saved = {root + name.removeprefix('params/' if root else ''): v for name, v in leaves.items()}
    _flax_file(tmp_path / 'checkpoint', saved)
    out = tmp_path / 'vivit.pth'
    assert tool.main([str(tmp_path / 'checkpoint'), '--out', str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    init_cfg = dict(type='Pretrained', checkpoint=str(out))
    model = MODELS.build(dict(type='mmlt.ViViT', **vivit_sizes(leaves), init_cfg=init_cfg))
    model.init_weights()
    features = model.eval()(to_ncthw(arrays['input']))
    assert max_difference(features, arrays['prelogits']) < 2e-5


def test_published_npz(tool, tmp_path, image_leaves):
    np.savez(tmp_path / 'ViT.npz', **image_leaves)
    options = (*TUBELET, '--img-size', '24', '24', '--pool', 'token', '--method', 'average')
    assert tool.main([str(tmp_path / 'ViT.npz'), '--out', str(tmp_path / 'o.pth'), *options]) == 0
    state = load_weights_only(tmp_path / 'o.pth')['state_dict']
    expected = convert_image_vit(
        image_leaves, tubelet_size=(2, 4, 4), img_size=24, pool='token', method='average'
    )
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def test_state_dict_of_torch(tool, tmp_path):
    width = 8
    state = {
        'patch_embed.proj.weight': torch.randn(width, 3, 4, 4),
        'patch_embed.proj.bias': torch.randn(width),
        'cls_token': torch.randn(1, 1, width),
        'pos_embed': torch.randn(1, 5, width),
        'norm.weight': torch.randn(width),
        'norm.bias': torch.randn(width),
    }
    for layer, (rows, columns) in {
        'attn.qkv': (24, 8),
        'attn.proj': (8, 8),
        'mlp.fc1': (16, 8),
        'mlp.fc2': (8, 16),
    }.items():
        state[f'blocks.0.{layer}.weight'] = torch.randn(rows, columns)
        state[f'blocks.0.{layer}.bias'] = torch.randn(rows)
    for norm in ('norm1', 'norm2'):
        state[f'blocks.0.{norm}.weight'] = state[f'blocks.0.{norm}.bias'] = torch.randn(width)
    torch.save(state, tmp_path / 'timm.pth')
    assert tool.main([str(tmp_path / 'timm.pth'), '--out', str(tmp_path / 'o.pth'), *TUBELET]) == 0
    found = load_weights_only(tmp_path / 'o.pth')['state_dict']
    block = 'spatial_encoder.blocks.0.'
    assert torch.equal(found[f'{block}attn.qkv.weight'], state['blocks.0.attn.qkv.weight'])
    assert torch.equal(found['spatial_encoder.pos_embed'], state['pos_embed'][:, 1:])
    kernel = found['tubelet_embedding.weight']
    assert torch.equal(kernel[:, :, 1], state['patch_embed.proj.weight'])
    assert not kernel[:, :, 0].any()


def test_nothing_is_written_over(tool, tmp_path, image_leaves, capsys):
    np.savez(tmp_path / 'ViT.npz', **image_leaves)
    out = tmp_path / 'o.pth'
    out.write_text('mine')
    arguments = [str(tmp_path / 'ViT.npz'), '--out', str(out), *TUBELET]
    assert tool.main(arguments) == 2
    assert 'exists already; pass --overwrite' in capsys.readouterr().err
    assert out.read_text() == 'mine'
    assert tool.main([*arguments, '--overwrite']) == 0


@pytest.mark.parametrize(
    ('change', 'options', 'message'),
    [
        (lambda leaves: leaves.pop('embedding/bias'), TUBELET, 'missing: embedding/bias'),
        (
            lambda leaves: None,
            (),
            'tubelet_size (2, 16, 16): the image model has patches of (4, 4)',
        ),
    ],
)
def test_errors_name_the_file(tool, tmp_path, image_leaves, capsys, change, options, message):
    change(image_leaves)
    path = tmp_path / 'ViT.npz'
    np.savez(path, **image_leaves)
    assert tool.main([str(path), '--out', str(tmp_path / 'o.pth'), *options]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f'error: {path}: ') and message in told
    assert not (tmp_path / 'o.pth').exists()


class _Harmful:
    def __reduce__(self):
        return print, ('run',)


@pytest.mark.parametrize('name', ['x.pth', 'x.bin', 'x.npz', 'checkpoint'])
def test_nothing_in_a_file_is_run(tool, tmp_path, capsys, name):
    (tmp_path / name).write_bytes(pickle.dumps(_Harmful()))
    assert tool.main([str(tmp_path / name), '--out', str(tmp_path / 'o.pth')]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f'error: {tmp_path / name}: ') and not captured.out
