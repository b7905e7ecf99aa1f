"""6% of the toy world with context, a phase one of random weights, and its feature bank."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from warm_python import PYTHON

import mmlt

ROOT = Path(mmlt.__file__).parents[1]
WHOLE = ROOT / 'configs' / 'toy' / 'slowonly_toy_three_branch.py'
PHASE_ONE = WHOLE.with_name(f'{WHOLE.stem}_phase_one.py')


class ThreeBranchWorld(NamedTuple):
    """A working directory with ``data/toy_context``, the checkpoint of phase one and its bank."""

    root: Path
    phase_one: Path
    bank: Path

    def environment(self):
        """The environment variables of a command that reads the bank."""
        return {**os.environ, 'FEATURE_BANK': str(self.bank), 'OMP_NUM_THREADS': '1'}


def make(root):
    """Fill an empty folder."""
    tool, part = ROOT / 'tools' / 'data' / 'make_toy_world.py', root / 'data' / 'toy_context'
    settings = ['keyframes_per_video=40', 'context_share=0.3333']
    how = ['--parts', 'ava', '--scale', '0.06', '--workers', '1', '--set', *settings]
    subprocess.run([PYTHON, tool, '--out', part, *how], check=True)
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(PHASE_ONE).model)
    model.init_weights()
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, root / 'phase_one.pth')
    build_bank(root, root / 'phase_one.pth', root / 'bank')
    return ThreeBranchWorld(root, root / 'phase_one.pth', root / 'bank')


def build_bank(root, checkpoint, out):
    """The bank of a checkpoint of phase one, of all splits."""
    tool = ROOT / 'tools' / 'features' / 'build_feature_bank.py'
    how = ['--data-split', 'train', 'val', 'test', '--score-thr', '0.5', '--num-workers', '0']
    command = [PYTHON, tool, PHASE_ONE, checkpoint, '--out', out, *how]
    subprocess.run(command, check=True, cwd=root, env={**os.environ, 'OMP_NUM_THREADS': '1'})
