"""A path that is not there is told in one line, before and under the launcher."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from warm_python import PYTHON

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/toy/slowonly_toy_ava.py'


def _run(command, **environment):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1',
                   'PYTHON': PYTHON, **environment}  # fmt: skip
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ('command', 'error'),
    [
        (['tools/dist_train.sh', 'nowhere.py', '2'], 'nowhere.py: no such config'),
        (['tools/dist_test.sh', 'nowhere.py', 'x.pth', '2'], 'nowhere.py: no such config'),
        (['tools/dist_test.sh', CONFIG, 'x.pth', '2'], 'x.pth: no such checkpoint'),
        (
            ['tools/dist_train.sh', CONFIG, '--seed', '3'],
            "RANKS must be a whole number, at least 1, not '--seed'",
        ),
        (
            ['tools/dist_test.sh', CONFIG, CONFIG, '0'],
            "RANKS must be a whole number, at least 1, not '0'",
        ),
        ([PYTHON, 'tools/train.py', 'nowhere.py'], 'nowhere.py: no such config'),
        ([PYTHON, 'tools/test.py', CONFIG, 'x.pth'], 'x.pth: no such checkpoint'),
    ],
)
def test_one_line_and_exit_code_2(command, error):
    done = _run(command)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f'error: {error}'
    assert 'Traceback' not in done.stderr


def test_the_second_rank_is_silent():
    done = _run([PYTHON, 'tools/train.py', 'nowhere.py'], RANK='1')
    assert done.returncode == 2
    assert 'error:' not in done.stderr
