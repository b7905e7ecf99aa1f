"""kill -9 of one of two ranks: the launcher ends, and the resumed run ends like an unkilled one."""

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

pytestmark = [pytest.mark.dist, pytest.mark.resume]

# SyncBuffersHook averages the BatchNorm statistics of the ranks: rank 1's reach the checkpoint too
AMID_EPOCH = {
    'by_epoch': False,
    'interval': 2,
    'hooks': [{'type': 'mmlt.ResumeStateHook'}, {'type': 'SyncBuffersHook'}],
}


def _launch(work_dir, options, *arguments):
    script = Path(__file__).with_name('toy_training.py')
    launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    command = [PYTHON, *launcher, str(script), str(work_dir), json.dumps(options)]
    root = str(Path(mmlt.__file__).parents[1])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    # the limit ends a test whose launcher hangs
    return subprocess.run([*command, *map(str, arguments)], env=env, timeout=300).returncode


def _last_checkpoint(folder):
    return load_weights_only((folder / 'last_checkpoint').read_text())


@pytest.mark.parametrize(
    ('options', 'rank'),
    [
        ({'num_workers': 0, 'by_epoch': True}, 0),
        ({'num_workers': 2, 'persistent': True, **AMID_EPOCH}, 1),
    ],
    ids=['rank 0, saved every epoch', 'rank 1, saved amid an epoch, buffers averaged'],
)
def test_kill_one_rank_and_resume(tmp_path, options, rank):
    at = random.randrange(4, 12)  # of 12 iterations; every one must do
    print(f'killing rank {rank} before iteration {at}')
    assert _launch(tmp_path / 'whole', options) == 0
    killed = _launch(tmp_path / 'killed', options, '--kill-rank', rank, '--kill-at', at)
    assert killed != 0
    assert _last_checkpoint(tmp_path / 'killed')['meta']['iter'] <= at
    assert _launch(tmp_path / 'killed', options, '--resume') == 0
    checkpoint = _last_checkpoint(tmp_path / 'killed')
    expected = _last_checkpoint(tmp_path / 'whole')
    assert checkpoint['meta']['iter'] == expected['meta']['iter'] == 12
    for name, tensor in expected['state_dict'].items():
        assert torch.equal(checkpoint['state_dict'][name], tensor), name
    ranks, others = (each['resume_state']['ranks'] for each in (checkpoint, expected))
    assert len(ranks) == len(others) == 2
    for own, other in zip(ranks, others):
        assert torch.equal(own['torch'], other['torch'])
