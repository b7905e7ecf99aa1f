from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
import torch
from warm_python import PYTHON

from mmlt.functional import tau_normalize
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'convert' / 'tau_normalize.py'
KEY = 'roi_head.bbox_head.fc_cls'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('tau_normalize_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    state = {
        'backbone.conv.weight': torch.randn(2, 3, 1, 1, 1),
        'backbone.bn.weight': torch.ones(2),
        'neck.fc.weight': torch.randn(2, 2),
        f'{KEY}.weight': torch.randn(4, 5),
        f'{KEY}.bias': torch.randn(4),
    }
    path = tmp_path / 'epoch_3.pth'
    torch.save({'meta': {'epoch': 3}, 'state_dict': state, 'optimizer': {'state': {}}}, path)
    return path


def _load(path):
    return load_weights_only(path)


def test_only_the_classifier_changes(tool, checkpoint, tmp_path, capsys):
    out = tmp_path / 'tau.pth'
    assert tool.main([str(checkpoint), '--tau', '0.5', '--out', str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    before, after = _load(checkpoint)['state_dict'], _load(out)
    assert set(after) == {'meta', 'state_dict'}
    assert after['meta'] == {'epoch': 3}
    assert list(after['state_dict']) == list(before)
    for key, value in after['state_dict'].items():
        expected = before[key]
        if key == f'{KEY}.weight':
            assert not torch.equal(value, expected)
            expected = tau_normalize(expected, tau=0.5)
        assert torch.equal(value, expected), key


def test_drop_bias_and_another_key(tool, checkpoint, tmp_path):
    out = tmp_path / 'tau.pth'
    assert tool.main([str(checkpoint), '--tau', '1', '--out', str(out), '--drop-bias']) == 0
    state = _load(out)['state_dict']
    assert torch.equal(state[f'{KEY}.bias'], torch.zeros(4))
    torch.testing.assert_close(state[f'{KEY}.weight'].norm(dim=1), torch.ones(4))
    arguments = [str(checkpoint), '--tau', '1', '--out', str(out), '--overwrite', '--drop-bias']
    assert tool.main([*arguments, '--key', 'neck.fc']) == 0  # it has no bias
    state = _load(out)['state_dict']
    torch.testing.assert_close(state['neck.fc.weight'].norm(dim=1), torch.ones(2))
    assert state[f'{KEY}.bias'].abs().sum() > 0


def test_run_as_a_command_on_what_mmengine_saves(checkpoint, tmp_path):
    from mmengine.logging.history_buffer import HistoryBuffer

    content = _load(checkpoint)
    content['message_hub'] = {'log_scalars': {'loss': HistoryBuffer([1.0], [1])}}
    torch.save(content, checkpoint)
    out = tmp_path / 'tau.pth'
    done = subprocess.run(
        [PYTHON, TOOL, checkpoint, '--tau', '0.7', '--out', out],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = tau_normalize(content['state_dict'][f'{KEY}.weight'], tau=0.7)
    assert torch.equal(_load(out)['state_dict'][f'{KEY}.weight'], expected)


def _error(tool, capsys, *arguments):
    assert tool.main([str(argument) for argument in arguments]) == 2
    return capsys.readouterr().err


def test_a_missing_key_lists_the_candidates(tool, checkpoint, tmp_path, capsys):
    out = tmp_path / 'tau.pth'
    error = _error(tool, capsys, checkpoint, '--tau', 1, '--out', out, '--key', 'head.fc')
    assert f'{checkpoint}: no head.fc.weight in its state_dict' in error
    assert f'linear layers: neck.fc, {KEY}\n' in error
    assert not out.exists()


def test_nothing_is_overwritten_unasked(tool, checkpoint, tmp_path, capsys):
    out = tmp_path / 'tau.pth'
    out.write_text('mine')
    error = _error(tool, capsys, checkpoint, '--tau', 1, '--out', out)
    assert 'exists already; pass --overwrite' in error
    assert out.read_text() == 'mine'


class _Harmful:
    def __reduce__(self):
        return print, ('harm done',)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'model': {}}, 'no state_dict in it'),
        ([1, 2], 'no state_dict in it'),
        ({'state_dict': {f'{KEY}.weight': torch.full((2, 2), torch.inf)}}, 'is inf: not finite'),
        ({'state_dict': {f'{KEY}.weight': torch.ones(2)}}, r'must be a (C, D) floating point'),
        ({'state_dict': {}}, 'linear layers: none'),
        ({'state_dict': {}, 'meta': _Harmful()}, 'not a checkpoint that is safe to load'),
    ],
)
def test_other_checkpoints(tool, tmp_path, capsys, content, message):
    path, out = tmp_path / 'other.pth', tmp_path / 'tau.pth'
    torch.save(content, path)
    error = _error(tool, capsys, path, '--tau', 1, '--out', out)
    assert message in error and str(path) in error
    assert 'harm done' not in error
    assert not out.exists()


def test_bad_arguments(tool, checkpoint, tmp_path, capsys):
    out = tmp_path / 'tau.pth'
    assert 'tau must be a number >= 0' in _error(
        tool, capsys, checkpoint, '--tau', '-1', '--out', out
    )
    assert 'no_such.pth' in _error(tool, capsys, tmp_path / 'no_such.pth', '--tau', 1, '--out', out)
    text = tmp_path / 'text.pth'
    text.write_text('no checkpoint')
    assert f'{text}: not a checkpoint' in _error(tool, capsys, text, '--tau', 1, '--out', out)
    assert not out.exists()
