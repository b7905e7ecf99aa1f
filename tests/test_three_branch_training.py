"""The eight combinations of branches on two gloo ranks; a bank of another phase one."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest
import three_branch_world
from three_branch_world import ROOT, WHOLE
from warm_python import PYTHON

pytestmark = pytest.mark.train


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    return three_branch_world.make(tmp_path_factory.mktemp('three_branch'))


@pytest.mark.dist
@pytest.mark.resume
def test_all_eight_train_resume_and_test_on_two_ranks(world, two_ranks, tmp_path):
    kill = random.randrange(1, 4)  # of 4 updates; every one must do
    print(f'killed before update {kill}')
    script = Path(__file__).with_name('three_branch_ranks.py')
    two_ranks.run(script, str(world.root), str(world.bank), str(tmp_path), kill)
    first, second = (json.loads((tmp_path / f'rank{rank}.json').read_text()) for rank in (0, 1))
    assert first == second and len({each['name'] for each in first}) == 8
    for each in first:
        assert each['differing'] == [], each['name']  # killed and resumed = uninterrupted
        metrics = json.loads((tmp_path / each['name'] / 'results' / 'metrics.json').read_text())
        assert metrics['mSAP'] == each['mSAP']
        assert 0.3 < metrics['mSAP'] < 1


def test_the_bank_of_another_phase_one_is_refused_in_a_test(world, tmp_path):
    """From the checkpoint alone: the whole remembers the bank that it was trained with."""
    train = [PYTHON, ROOT / 'tools' / 'train.py', WHOLE, '--work-dir', tmp_path, '--no-validate']
    few = [
        'train_cfg.max_iters=1',
        'param_scheduler.total_steps=2',
        'default_hooks.checkpoint.interval=1',
        'default_hooks.checkpoint.save_best=None',
        'train_dataloader.num_workers=0',
        'train_dataloader.persistent_workers=False',
    ]
    how = dict(cwd=world.root, env=world.environment(), text=True)
    subprocess.run([*train, '--cfg-options', *few], check=True, **how)
    other = tmp_path / 'other.pth'
    other.write_bytes(world.phase_one.read_bytes() + b'\0')  # the same weights, another file
    three_branch_world.build_bank(world.root, other, tmp_path / 'bank')
    how['env'] = {**how['env'], 'FEATURE_BANK': str(tmp_path / 'bank')}
    test = [PYTHON, ROOT / 'tools' / 'test.py', WHOLE, tmp_path / 'iter_1.pth']
    found = subprocess.run([*test, '--work-dir', tmp_path], capture_output=True, **how)
    assert found.returncode != 0
    assert 'error: the feature bank was made by checkpoint' in found.stderr
    assert 'the bank of every split must be of one checkpoint' in found.stderr
