"""The steps of VideoLT's bench: what LMR starts from, old folders, a user's variables."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_feature_world
from mmlt.experiments.steps import Steps
from mmlt.experiments.videolt_bench import VARIABLES
from mmlt.experiments.videolt_steps import Bench

ROOT = Path(__file__).parents[2]
#: Writes down what it is asked for, and makes the files that a step leaves.
FAKE_PYTHON = """#!/usr/bin/env bash
case $1 in *train.py | *test.py) env | grep ^VIDEOLT_ >>variables ;; esac
case $1 in
    */train.py) mkdir -p "$4"; echo "$*" >"$4/${2##*/}"; echo >"$4/best_1.pth"
        echo best_1.pth >"$4/last_checkpoint"; [ ! -e stop ] ;;
    */test.py) echo "$*" >>tests; WORD=${@: -1}; OUT=${WORD#*=}
        mkdir -p "$OUT"; echo {} >"$OUT/metrics.json" ;;
    *) case $2 in best) echo "$3/best_1.pth" ;; counts) echo >"$5" ;; esac ;;
esac
"""
RUNS = Path('work') / 'features'
LMR, BASELINE = RUNS / 'nonlinear_lmr', RUNS / 'nonlinear_baseline'


@pytest.fixture(autouse=True)
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_feature_world(Path('data'), ToyWorldConfig(scale=0.02))
    Path('python').write_text(FAKE_PYTHON)
    Path('python').chmod(0o755)
    monkeypatch.setenv('PYTHON', str(tmp_path / 'python'))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def _bench(*methods):
    return Bench(Path('data'), Path('work'), ['nonlinear'], methods)


def _run(*methods):
    Steps(_bench(*methods).steps(), Path('work')).run()


def _starts_from_the_baseline():
    return f'checkpoint={BASELINE}/best_1.pth' in (LMR / 'nonlinear_videolt_lmr.py').read_text()


@pytest.mark.parametrize('methods', [('lmr', 'baseline'), ('baseline', 'cbs', 'lmr')])
def test_lmr_starts_from_the_baseline_in_whatever_order_they_are_typed(methods):
    for _ in range(2):
        _run(*methods)
    assert _starts_from_the_baseline()


def test_lmr_starts_from_a_baseline_of_before():
    _run('baseline')
    for _ in range(2):
        _run('lmr')
    assert _starts_from_the_baseline()


@pytest.mark.parametrize('is_killed', [True, False])
def test_lmr_goes_on_as_it_began(is_killed, capfd):
    """Without a baseline; killed in the training, or finished."""
    if is_killed:
        Path('stop').touch()
        with pytest.raises(Exception, match='lmr: training failed$'):
            _run('lmr')
        Path('stop').unlink()
    else:
        _run('lmr')
    _run('baseline')
    _run('lmr')
    assert not _starts_from_the_baseline()
    capfd.readouterr()
    _run('lmr', 'baseline')
    assert capfd.readouterr().out.count(': done before\n') == 5


def test_a_test_of_an_older_version_is_not_done_again():
    """It left no stamp; the checkpoint may be gone since."""
    _run('baseline')
    (BASELINE / 'trained').write_text('')
    (BASELINE / 'tested').unlink()
    (BASELINE / 'best_1.pth').unlink()
    (BASELINE / 'test' / 'metrics.json').write_text('old')
    _run('baseline')
    assert (BASELINE / 'test' / 'metrics.json').read_text() == 'old'


def test_a_stopped_test_of_an_older_version_is_done_again():
    _run('baseline')
    (BASELINE / 'trained').write_text('')
    (BASELINE / 'tested').unlink()
    (BASELINE / 'test' / 'metrics.json').unlink()
    _run('baseline')
    assert (BASELINE / 'test' / 'metrics.json').exists()
    assert len(Path('tests').read_text().splitlines()) == 2


def test_a_users_variables_do_not_come_into_the_bench(monkeypatch):
    """Nor into a plan that is typed."""
    for name in VARIABLES:
        monkeypatch.setenv(name, '77')
    _run('baseline')
    assert '=77' not in Path('variables').read_text()
    Path('variables').unlink()
    (BASELINE / 'trained').unlink()
    plan = '\n'.join(step.shell() for step in _bench('baseline').steps()[1:])
    subprocess.run(['bash', '-ec', plan], check=True)
    assert '=77' not in Path('variables').read_text()


def test_all_variables_that_the_configs_read_are_known():
    found = set()
    for path in (ROOT / 'configs').rglob('*.py'):
        found |= set(re.findall(r'\$(VIDEOLT_\w+)', path.read_text(encoding='utf-8')))
    assert found == set(VARIABLES)


def test_the_folder_may_be_named_in_another_way(capfd):
    _run('baseline')
    there = Path(os.path.abspath('work'))
    capfd.readouterr()
    steps = _bench('baseline')._replace(work_dir=there).steps()
    Steps(steps, there).run()
    assert capfd.readouterr().out.count(': done before\n') == 3
