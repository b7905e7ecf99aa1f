"""Co-finetuning on two gloo ranks."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import mmengine.runner  # noqa: F401  (what is imported is what mmlt lets torch.load read)
import pytest
import torch
from warm_python import PYTHON

import mmlt
from mmlt.weights_only import load_weights_only

pytestmark = pytest.mark.dist


def test_heads_left_out_and_gradients_of_two_datasets(two_ranks, tmp_path):
    two_ranks.run(Path(__file__).with_name('two_rank_heads.py'), tmp_path)
    first, second = (load_weights_only(tmp_path / f'left{rank}.pth') for rank in (0, 1))
    assert first['steps'] == second['steps'] == 100
    for name, found in first['end'].items():
        assert torch.equal(found['value'], second['end'][name]['value']), name
        if name.startswith('heads.ava'):
            assert found['gradient'] is None and found['momentum'] is None
            assert torch.equal(found['value'], first['start'][name])
        else:
            assert found['momentum'].abs().max() > 0
            assert not torch.equal(found['value'], first['start'][name])
    first, second = (load_weights_only(tmp_path / f'gradients{rank}.pth') for rank in (0, 1))
    assert set(first) == set(second) and any(name.startswith('heads.ava') for name in first)
    for name, gradient in first.items():
        assert gradient.abs().max() > 0
        assert torch.equal(gradient, second[name]), name


def _launch(work_dir, options, *arguments):
    script = Path(__file__).with_name('cofinetune_training.py')
    launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    command = [PYTHON, *launcher, str(script), str(work_dir), json.dumps(options)]
    root = str(Path(mmlt.__file__).parents[1])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    # the limit ends a test whose launcher hangs
    return subprocess.run([*command, *map(str, arguments)], env=env, timeout=300).returncode


def _last_checkpoint(folder):
    return load_weights_only((folder / 'last_checkpoint').read_text())


@pytest.mark.resume
def test_kill_one_rank_and_resume(tmp_path):
    options = {'interval': 2, 'num_workers': 1, 'diff_rank_seed': True, 'seed': 5}
    rank, at = random.randrange(2), random.randrange(1, 12)  # of 12 iterations; every one must do
    print(f'killing rank {rank} before iteration {at}')
    assert _launch(tmp_path / 'whole', options) == 0
    killed = _launch(tmp_path / 'killed', options, '--kill-rank', rank, '--kill-at', at)
    assert killed != 0
    assert _launch(tmp_path / 'killed', options, '--resume') == 0
    checkpoint, expected = (_last_checkpoint(tmp_path / name) for name in ('killed', 'whole'))
    assert checkpoint['meta']['iter'] == expected['meta']['iter'] == 12
    for name, tensor in expected['state_dict'].items():
        assert torch.equal(checkpoint['state_dict'][name], tensor), name
    saved, others = (each['resume_state'] for each in (checkpoint, expected))
    assert saved['sampler_seeds'] == others['sampler_seeds']
    for own, other in zip(saved['ranks'], others['ranks']):
        assert torch.equal(own['torch'], other['torch'])
