"""The tutorial of the documentation, as it stands: its blocks of code in their order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / 'docs' / 'tutorial.md'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A working directory in which the tutorial has been followed, with what a checkout has."""
    checkout = tmp_path_factory.mktemp('checkout')
    for name in ('tools', 'configs'):
        (checkout / name).symlink_to(ROOT / name)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ['PATH']))
    env = {**os.environ, 'PATH': path, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    page = PAGE.read_text(encoding='utf-8')
    begin = re.search(r'^```sh\n(.*?)^```', page, re.MULTILINE | re.DOTALL)[1]
    subprocess.run(['bash', '-euc', begin], cwd=checkout, check=True)
    folder = checkout / 'tutorial'
    blocks = re.findall(r'^```(bash|python)\n(.*?)^```', page, re.MULTILINE | re.DOTALL)
    run = {'bash': ['bash', '-euo', 'pipefail', '-c'], 'python': [sys.executable, '-c']}
    for language, code in blocks:
        command = [*run[language], code]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert 'is now' not in done.stderr, done.stderr  # an option's old name
    return folder


def _metrics(folder, run):
    return json.loads((folder / 'results' / run / 'metrics.json').read_text(encoding='utf-8'))


@pytest.mark.train
def test_the_reports_are_there(folder):
    assert (folder / 'results' / 'guess' / 'report.html').is_file()
    assert 'two-stage' in (folder / 'comparison.html').read_text(encoding='utf-8')
    guess, two_stage = (_metrics(folder, run) for run in ('guess', 'two_stage'))
    assert guess['num_boxes'] == two_stage['num_boxes'] > 0
    assert guess['split_source'] == two_stage['split_source']
    assert set(guess['groups']) == {'head', 'tail'}


@pytest.mark.train
def test_the_guess_is_as_the_page_says(folder):
    """Equally good on every class: SAP shows no tail, frame-AP one."""
    groups = _metrics(folder, 'guess')['groups']
    fall = {key: groups['head'][key] - groups['tail'][key] for key in ('mSAP', 'frame_mAP')}
    assert abs(fall['mSAP']) < 0.1 < fall['frame_mAP']
