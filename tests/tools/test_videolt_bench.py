"""The bench of VideoLT: its plan, and the whole of it on a very small toy world."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from warm_python import PYTHON

from mmlt.datasets.toy_world import ToyWorldConfig, make_feature_world
from mmlt.fileio.videolt_lists import read_videolt_counts

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'videolt_bench.py'


def _run(*command, cwd=None):
    environment = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1'}
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


def _plan(*words):
    """What is printed of a plan, and that nothing was made."""
    return _run(PYTHON, TOOL, *words, '--dry-run')


def test_the_plan_is_methods_by_heads_by_features(data_root, tmp_path):
    done = _run(PYTHON, TOOL, data_root, '--methods', 'baseline,cbs', '--dry-run', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    runs = [
        f'work_dirs/videolt_bench/features/{head}_{method}'
        for head in ('nonlinear', 'netvlad')
        for method in ('baseline', 'cbs')
    ]
    steps = [f'{run}: {part}' for run in runs for part in ('training', 'test')]
    assert [line for line in lines if line.startswith('#')] == [
        f'# {step}: to do' for step in ['counts', *steps]
    ]
    trainings = [shlex.split(line) for line in lines if '/train.py ' in line]
    assert [words[words.index('--work-dir') + 1] for words in trainings] == runs
    for words in trainings:
        (config,) = (word for word in words if word.endswith('.py') and 'configs' in word)
        assert Path(config).is_file() and 'VIDEOLT_CLASSES=40' in words
    assert list(tmp_path.iterdir()) == []


def test_names_may_have_spaces_or_commas_between_them(data_root):
    for methods in ('baseline cbs', 'baseline, cbs', ' baseline,cbs '):
        done = _plan(
            data_root, '--methods', methods, '--heads', 'nonlinear', '--features', 'features '
        )
        assert done.returncode == 0, done.stderr
        assert len(re.findall(': training: to do$', done.stdout, re.MULTILINE)) == 2


def test_unknown_features_are_an_error(data_root):
    done = _plan(data_root, '--features', 'i3d')
    assert done.returncode == 2
    assert "features has no 'i3d'; it has features" in done.stderr


PLAIN = 'must be without spaces, commas, quotes and brackets: '


@pytest.mark.parametrize('name', ['a b', 'a,b', 'a(1)', 'a[1]', "a'b"])
def test_a_path_that_options_would_change_is_refused(data_root, tmp_path, name):
    for words, what in (
        ([data_root, '--work-dir', name], '--work-dir'),
        ([name], 'DATA_ROOT'),
    ):
        done = _run(PYTHON, TOOL, *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, '')
        assert done.stderr == f'error: {what} {PLAIN}{name}\n'
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('name', ['i3d rgb', 'i3d,rgb', 'i3d[1]'])
def test_features_whose_name_options_would_change_are_refused(data_root, tmp_path, name):
    """Unless they are not asked for."""
    for file in data_root.glob('*.lst'):
        shutil.copy(file, tmp_path)
    for kind in (name, 'i3d'):
        shutil.copytree(data_root / 'features', tmp_path / 'features' / kind)
    done = _plan(tmp_path)
    assert (done.returncode, done.stdout) == (2, '')
    told = f'error: {tmp_path}/features/{name}: the name of a folder of features must be without '
    assert done.stderr.startswith(told)
    assert _plan(tmp_path, '--features', 'i3d').returncode == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--seed', 'x'], "error: --seed must be a whole number, not 'x'"),
        (['--epochs', '0'], "error: --epochs must be a whole number, at least 1, not '0'"),
        (['--workers', '-1'], "error: --workers must be a whole number, not '-1'"),
        (['--tail-max', '9', '--head-min', '2'], 'tail_max is 9: it must not exceed head_min, 2'),
        (['--features', 'i3d'], "features has no 'i3d'"),
        (['--heads', 'none'], "invalid choice: 'none'"),
    ],
)
def test_bad_arguments_leave_the_folder_unbound(data_root, tmp_path, options, message):
    done = _run(PYTHON, TOOL, data_root, '--work-dir', tmp_path / 'work', *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_group_is_said_with_what_to_set(data_root):
    counts = read_videolt_counts(data_root / 'count-labels-train.lst').counts.values()
    plan = (data_root, '--methods', 'baseline')
    assert _plan(*plan, '--head-min', min(counts), '--tail-max', min(counts)).stderr.startswith(
        f'warning: {data_root}/count-labels-train.lst: no class is in medium: head has more than '
    )
    done = _plan(*plan)
    assert done.returncode == 0
    assert done.stderr == (
        f'warning: {data_root}/count-labels-train.lst: no class is in head or medium: head has '
        'more than 500 training videos, tail at most 100, and the classes have '
        f'{min(counts)} to {max(counts)}, {np.median(list(counts)):g} in the middle; set '
        'head_min and tail_max (--head-min, --tail-max) to what these data hold\n'
    )


def _check_the_command_it_prints(printed, runs, folder):
    (line,) = re.findall(r'^any two runs: (.*)$', printed, re.MULTILINE)
    tests = iter([runs / 'nonlinear_baseline' / 'test', runs / 'nonlinear_cbs' / 'test'])
    words = [next(tests) if word == 'RUN/test' else word for word in shlex.split(line)]
    done = _run(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert '<html' in (folder / 'report.html').read_text(encoding='utf-8')


@pytest.mark.train
def test_bench_trains_tests_tells_and_can_be_started_again(data_root, tmp_path):
    """Two methods for one epoch; one was finished before, so the other alone is trained."""
    bench = [ROOT / 'tools' / 'videolt_bench.sh', data_root, '--work-dir', tmp_path / 'work']
    bench += ['--heads', 'nonlinear', '--epochs', '1', '--head-min', '5', '--tail-max', '1']
    first = _run(*bench, '--workers', '0', '--methods', 'baseline', cwd=tmp_path)
    assert first.returncode == 0, first.stdout[-2000:] + first.stderr[-4000:]
    runs = tmp_path / 'work' / 'features'
    log = runs / 'nonlinear_baseline' / 'train.log'
    trained = log.read_text()
    assert 'Epoch(train)' in trained and 'Epoch(train)' not in first.stdout + first.stderr
    second = _run(*bench, '--methods', 'baseline,cbs', '--workers', '0', cwd=tmp_path)
    assert second.returncode == 0, second.stdout[-2000:] + second.stderr[-4000:]
    steps = [line for line in second.stdout.splitlines() if line.startswith('== ')]
    assert [re.sub(r': \d+ (s|min)\b.*, log: ', ': TIME, log: ', line) for line in steps] == [
        '== counts: done before',
        f'== {runs}/nonlinear_baseline: training: done before',
        f'== {runs}/nonlinear_baseline: test: done before',
        f'== {runs}/nonlinear_cbs: training: TIME, log: {runs}/nonlinear_cbs/train.log',
        f'== {runs}/nonlinear_cbs: test: TIME, log: {runs}/nonlinear_cbs/test.log',
    ]
    assert log.read_text() == trained
    assert 'Epoch(train)' in (runs / 'nonlinear_cbs' / 'train.log').read_text()
    table = (tmp_path / 'work' / 'table.md').read_text(encoding='utf-8')
    assert len(table.splitlines()) == 2 + 2 + 2  # title, head, rows
    for method in ('baseline', 'cbs'):
        run = tmp_path / 'work' / 'features' / f'nonlinear_{method}' / 'test'
        metrics = json.loads((run / 'metrics.json').read_text(encoding='utf-8'))
        assert np.isfinite(metrics['mAP'])
        assert set(metrics['groups']) == {'head', 'medium', 'tail'}
    _check_the_command_it_prints(second.stdout, runs, tmp_path)
    other = _run(*bench[:-1], '2', cwd=tmp_path)
    assert other.returncode == 2
    assert 'choose another --work-dir' in other.stderr
