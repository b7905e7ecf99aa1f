"""The bench of VideoLT: its plan, and the whole of it on a very small toy world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_feature_world

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'videolt_bench.py'


def _run(*command, cwd=None):
    environment = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bench') / 'data'
    assert make_feature_world(folder, ToyWorldConfig(scale=0.02))
    return folder


def test_the_plan_is_methods_by_heads_by_features(data_root):
    done = _run(sys.executable, TOOL, 'plan', data_root, '--methods', 'baseline', 'cbs')
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:3] for row in rows] == [
        ['features', head, method]
        for head in ('nonlinear', 'netvlad')
        for method in ('baseline', 'cbs')
    ]
    assert all(Path(row[3]).is_file() for row in rows)


def test_unknown_features_are_an_error(data_root):
    done = _run(sys.executable, TOOL, 'plan', data_root, '--features', 'i3d')
    assert done.returncode == 2
    assert "features has no 'i3d'; it has features" in done.stderr


@pytest.mark.train
def test_bench_trains_tests_tells_and_can_be_started_again(data_root, tmp_path):
    """Two methods for one epoch; one was finished before, so the other alone is trained."""
    bench = [ROOT / 'tools' / 'videolt_bench.sh', data_root, '--work-dir', tmp_path / 'work']
    bench += ['--heads', 'nonlinear', '--epochs', '1', '--head-min', '5', '--tail-max', '1']
    first = _run(*bench, '--workers', '0', '--methods', 'baseline', cwd=tmp_path)
    assert first.returncode == 0, first.stdout[-2000:] + first.stderr[-4000:]
    second = _run(*bench, '--methods', 'baseline,cbs', '--workers', '0', cwd=tmp_path)
    assert second.returncode == 0, second.stdout[-2000:] + second.stderr[-4000:]
    assert 'nonlinear_baseline: done before' in second.stdout
    assert second.stdout.count('Epoch(train)') == first.stdout.count('Epoch(train)') > 0
    table = (tmp_path / 'work' / 'table.md').read_text(encoding='utf-8')
    assert len(table.splitlines()) == 2 + 2 + 2  # title, head, rows
    for method in ('baseline', 'cbs'):
        run = tmp_path / 'work' / 'features' / f'nonlinear_{method}' / 'test'
        metrics = json.loads((run / 'metrics.json').read_text(encoding='utf-8'))
        assert np.isfinite(metrics['mAP'])
        assert set(metrics['groups']) == {'head', 'medium', 'tail'}
    other = _run(*bench[:-1], '2', cwd=tmp_path)
    assert other.returncode == 2
    assert 'choose another --work-dir' in other.stderr
