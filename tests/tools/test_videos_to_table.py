"""Drawn mp4 files to features, to a training, to the table of the bench."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from warm_python import PYTHON

from mmlt.datasets.toy_world import ToyWorldConfig, make_video_world

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
model = dict(
    type='Recognizer2D',
    backbone=dict(type='ResNet', depth=18, num_stages=1, out_indices=(0,), strides=(1,),
                  dilations=(1,)),
    data_preprocessor=dict(type='ActionDataPreprocessor', mean=[128] * 3, std=[64] * 3))
"""


@pytest.mark.train
def test_videos_become_a_table(tmp_path, monkeypatch):
    """A random backbone, two epochs."""
    data = tmp_path / 'videos'
    make_video_world(data, ToyWorldConfig(scale=0.3, clips_frames=8))
    (tmp_path / 'config.py').write_text(CONFIG)
    init_default_scope('mmaction')
    scope = {}
    exec(CONFIG, scope)
    torch.save(MODELS.build(scope['model']).state_dict(), tmp_path / 'weights.pth')
    monkeypatch.syspath_prepend(str(ROOT / 'tools' / 'features'))
    extract = importlib.import_module('extract_video_features')
    arguments = [data / 'videos', '--out', data / 'features' / 'tiny', '--fps', '4']
    arguments += ['--config', tmp_path / 'config.py', '--checkpoint', tmp_path / 'weights.pth']
    arguments += ['--short-side', '32', '--crop-size', '32', '--num-workers', '0']
    assert extract.main([str(argument) for argument in arguments]) == 0

    bench = [ROOT / 'tools' / 'videolt_bench.sh', data, '--work-dir', tmp_path / 'work']
    bench += ['--heads', 'nonlinear', '--methods', 'framestack_fl', '--epochs', '2']
    bench += ['--head-min', '2', '--tail-max', '1', '--workers', '0']
    done = subprocess.run(
        [str(part) for part in bench],
        env={**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    run = tmp_path / 'work' / 'tiny' / 'nonlinear_framestack_fl'
    assert 'Running AP of epoch 2' in (run / 'train.log').read_text(encoding='utf-8')
    table = (tmp_path / 'work' / 'table.md').read_text(encoding='utf-8').splitlines()
    assert table[0].startswith('tiny, nonlinear')
    assert table[-1].startswith('| FrameStack-FL |')
    measures = [float(cell) for cell in table[-1].split('|')[2:-1]]
    assert len(measures) == 6
    assert all(0 <= value <= 100 for value in measures)
