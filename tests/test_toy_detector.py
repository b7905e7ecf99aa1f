"""The demo in small: toy world -> two-rank training -> test, through the launch scripts."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path

import mmengine.runner  # noqa: F401  (what is imported is what mmlt lets torch.load read)
import psutil
import pytest
import torch
import warm_python
from warm_python import PYTHON

import mmlt  # noqa: F401
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py'
ENV = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
SMALL = [
    'train_cfg.max_epochs=2',
    'train_dataloader.batch_size=4',
    'default_hooks.checkpoint.by_epoch=False',
    'default_hooks.checkpoint.interval=2',
    'default_hooks.checkpoint.max_keep_ckpts=1',
]


@pytest.fixture(scope='module')
def world(tmp_path_factory, toy_world):
    """A working directory with a toy world of 2% of the boxes under data/toy."""
    folder = tmp_path_factory.mktemp('toy')
    (folder / 'data').mkdir()
    (folder / 'data' / 'toy').symlink_to(toy_world)
    return folder


def _train_command(work_dir, *options, ranks=2):
    tool = ROOT / 'tools' / 'dist_train.sh'
    arguments = [CONFIG, str(ranks), '--work-dir', work_dir, '--no-validate', *options]
    return [str(x) for x in (tool, *arguments, '--cfg-options', *SMALL)]


def _test(world, checkpoint, ranks, out):
    tool = ROOT / 'tools' / 'dist_test.sh'
    options = [f'test_evaluator.out_dir={out}', 'test_evaluator.dump=detections.parquet']
    command = [tool, CONFIG, checkpoint, ranks, '--work-dir', out, '--cfg-options', *options]
    subprocess.run([str(x) for x in command], cwd=world, env=ENV, check=True)
    return json.loads((Path(out) / 'metrics.json').read_text())


def _weights(work_dir):
    path = (Path(work_dir) / 'last_checkpoint').read_text()
    return load_weights_only(path)['state_dict']


@pytest.fixture(scope='module')
def trained(world):
    """The work dir of an uninterrupted run of two ranks."""
    work_dir = world / 'whole'
    subprocess.run(_train_command(work_dir), cwd=world, env=ENV, check=True)
    return work_dir


@pytest.mark.train
@pytest.mark.dist
def test_two_ranks_and_one_rank_give_the_same_metrics(world, trained):
    checkpoint = (trained / 'last_checkpoint').read_text()
    one = _test(world, checkpoint, 1, world / 'one')
    two = _test(world, checkpoint, 2, world / 'two')
    assert one == two
    assert set(one['groups']) == {'head', 'medium', 'tail'}
    assert len(one['per_class']) == 30 and 0 < one['mSAP'] < 1
    assert (world / 'one' / 'per_class.csv').exists()
    assert (world / 'one' / 'detections.parquet').exists()


@pytest.mark.train
@pytest.mark.dist
@pytest.mark.resume
def test_killed_and_resumed_equals_uninterrupted(world, trained):
    work_dir = world / 'killed'
    process = subprocess.Popen(_train_command(work_dir), cwd=world, env=ENV)
    _kill_one_rank_after_a_checkpoint(process, work_dir)
    assert process.wait(timeout=120) != 0, 'the launcher goes on after the death of a rank'
    subprocess.run(_train_command(work_dir, '--resume'), cwd=world, env=ENV, check=True)
    whole, resumed = _weights(trained), _weights(work_dir)
    assert whole.keys() == resumed.keys()
    different = [name for name in whole if not torch.equal(whole[name], resumed[name])]
    assert not different


def _kill_one_rank_after_a_checkpoint(process, work_dir):
    """SIGKILL rank 1 once the run has saved a random one of its first four checkpoints."""
    at = random.choice([2, 4, 6, 8])  # of 12 iterations
    print(f'killing rank 1 after the checkpoint of iteration {at}')
    last_checkpoint = work_dir / 'last_checkpoint'
    deadline = time.time() + 240
    while not (last_checkpoint.exists() and f'iter_{at}.pth' in last_checkpoint.read_text()):
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.01)
    ranks = [
        each
        for each in psutil.process_iter()
        if _is_of(each, work_dir) and each.environ().get('LOCAL_RANK') == '1'
    ]
    assert ranks, 'the run ended before it could be killed'
    warm_python.kill(ranks[0].pid)


def _is_of(process, work_dir):
    try:
        return str(work_dir) in process.cmdline()
    except psutil.Error:  # it has ended, or is another's
        return False
