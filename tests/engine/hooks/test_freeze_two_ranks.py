"""Freezing and a loaded trunk on two ranks equal one rank; the old wrapper is gone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from warm_python import PYTHON

import mmlt
from mmlt.weights_only import load_weights_only

pytestmark = pytest.mark.dist


def _launch(script, *arguments):
    launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    script = str(Path(__file__).with_name(script))
    env = {
        **os.environ,
        'PYTHONPATH': str(Path(mmlt.__file__).parents[1]),
        'OMP_NUM_THREADS': '1',
    }
    # the limit ends a test whose launcher hangs
    command = [PYTHON, *launcher, script, *map(str, arguments)]
    return subprocess.run(command, env=env, timeout=300).returncode


def _assert_two_ranks_equal_one(frozen_toy, folder, options, trained):
    """Train both ways, 8 iterations; return the weights of the two ranks."""
    ranks = {**options, 'hooks': [*options['hooks'], {'type': 'OldWrapperHook'}]}
    assert _launch('frozen_training.py', folder, json.dumps(ranks)) == 0
    first, second = (load_weights_only(folder / f'rank_{r}.pth') for r in (0, 1))
    runner = frozen_toy.build_runner(folder / 'one', **options)
    runner.train()
    for name, expected in frozen_toy.weights_of(runner).items():
        assert torch.equal(first[name], second[name]), name
        if name.startswith(trained):
            assert torch.allclose(first[name], expected, rtol=0, atol=1e-6), name
        else:
            assert torch.equal(first[name], expected), name
    return first


def test_frozen_backbone_with_accumulated_gradients_and_average(frozen_toy, tmp_path):
    backbone = {'type': 'mmlt.FreezeHook', 'frozen': 'backbone'}
    options = {'hooks': [backbone, {'type': 'EMAHook'}], 'accumulative_counts': 2}
    _assert_two_ranks_equal_one(frozen_toy, tmp_path, options, trained='head')


def test_loaded_trunk_with_a_configured_wrapper(frozen_toy, tmp_path):
    saved = frozen_toy.TrunkNet(num_classes=2).state_dict()
    saved = {name: (value + 0.1).to(value.dtype) for name, value in saved.items()}
    trunk = str(tmp_path / 'trunk.pth')
    torch.save({'state_dict': saved}, trunk)
    options = {
        'hooks': [
            {'type': 'mmlt.LoadTrunkHook', 'checkpoint': trunk, 'remade': 'head.fc_cls'},
            {'type': 'mmlt.FreezeHook', 'frozen': '*', 'trained': 'head.fc_cls'},
        ],
        'cfg': {'model_wrapper_cfg': {'find_unused_parameters': False}},
    }
    weights = _assert_two_ranks_equal_one(frozen_toy, tmp_path, options, trained='head.fc_cls')
    for name, value in saved.items():
        if not name.startswith('head.fc_cls'):
            assert torch.equal(weights[name], value), name


@pytest.mark.resume
def test_killed_and_resumed(tmp_path):
    options = {
        'hooks': [
            {'type': 'mmlt.ResumeStateHook'},
            {'type': 'mmlt.FreezeHook', 'frozen': '*', 'trained': 'layers.4'},
        ],
        'by_epoch': False,
        'interval': 2,
    }
    script, options = 'toy_training.py', json.dumps(options)
    assert _launch(script, tmp_path / 'whole', options) == 0
    killed = [tmp_path / 'killed', options]
    assert _launch(script, *killed, '--kill-rank', 1, '--kill-at', 8) != 0
    assert _launch(script, *killed, '--resume') == 0
    whole, resumed = (
        load_weights_only((tmp_path / kind / 'last_checkpoint').read_text())
        for kind in ('whole', 'killed')
    )
    assert resumed['meta']['iter'] == 12
    for name, expected in whole['state_dict'].items():
        assert torch.equal(resumed['state_dict'][name], expected), name
