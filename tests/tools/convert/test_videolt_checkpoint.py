from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint

from mmlt.registry import MODELS
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'convert' / 'videolt_checkpoint.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('videolt_checkpoint_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def arrays():
    return dict(np.load(ROOT / 'tests' / 'data' / 'videolt_nonlinear.npz'))


@pytest.fixture
def checkpoint(arrays, tmp_path):
    state = {
        key.replace('sd/', 'module.'): torch.from_numpy(value)
        for key, value in arrays.items()
        if key.startswith('sd/')
    }
    path = tmp_path / 'best.pth.tar'
    # the reference's training saves a number of numpy with it
    torch.save({'epoch': 3, 'best_map': np.float64(0.5), 'state_dict': state}, path)
    return path


def test_the_result_gives_the_same_scores_in_a_recognizer(
    tool, arrays, checkpoint, tmp_path, capsys
):
    out = tmp_path / 'converted.pth'
    assert tool.main([str(checkpoint), '--out', str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    head = dict(type='mmlt.NonlinearHead', in_channels=8, num_classes=12)
    model = MODELS.build(dict(type='mmlt.FeatureRecognizer', head=head)).eval()
    load_checkpoint(model, str(out), map_location='cpu', strict=True)
    logits = model(torch.from_numpy(arrays['input']))
    np.testing.assert_allclose(logits.detach(), arrays['logits'], atol=1e-5, rtol=0)


def test_another_prefix(tool, checkpoint, tmp_path):
    out = tmp_path / 'converted.pth'
    assert tool.main([str(checkpoint), '--out', str(out), '--prefix', 'cls_head.']) == 0
    keys = load_weights_only(out)['state_dict']
    assert {key.split('.')[0] for key in keys} == {'cls_head'}


def _error(tool, capsys, *arguments):
    assert tool.main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err


class _Harmful:
    def __reduce__(self):
        return print, ('harm done',)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'state_dict': {'conv.weight': torch.ones(1)}}, 'unknown: conv.weight; missing: fc1.bias'),
        ([1, 2], 'no state_dict in it but list'),
        ({'state_dict': {}, 'extra': _Harmful()}, 'not a checkpoint that is safe to load'),
    ],
)
def test_other_files(tool, tmp_path, capsys, content, message):
    path, out = tmp_path / 'other.pth', tmp_path / 'out.pth'
    torch.save(content, path)
    error = _error(tool, capsys, path, '--out', out)
    assert message in error and str(path) in error
    assert 'harm done' not in error
    assert not out.exists()


def test_nothing_is_overwritten_unasked(tool, checkpoint, tmp_path, capsys):
    out = tmp_path / 'out.pth'
    out.write_text('mine')
    assert 'exists already; pass --overwrite' in _error(tool, capsys, checkpoint, '--out', out)
    assert out.read_text() == 'mine'
    assert tool.main([str(checkpoint), '--out', str(out), '--overwrite']) == 0
    assert 'head.fc_cls.weight' in load_weights_only(out)['state_dict']
    assert 'gone.pth' in _error(tool, capsys, tmp_path / 'gone.pth', '--out', out)
