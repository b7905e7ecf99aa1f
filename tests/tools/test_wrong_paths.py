"""A path that is not there is told in one line, before and under the launcher."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/toy/slowonly_toy_ava.py'


def _run(command, **environment):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1',
                   'PYTHON': sys.executable, **environment}  # fmt: skip
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ('command', 'error'),
    [
        (['tools/dist_train.sh', 'nowhere.py', '2'], 'nowhere.py: no such config'),
        (['tools/dist_test.sh', 'nowhere.py', 'x.pth', '2'], 'nowhere.py: no such config'),
        (['tools/dist_test.sh', CONFIG, 'x.pth', '2'], 'x.pth: no such checkpoint'),
        ([sys.executable, 'tools/train.py', 'nowhere.py'], 'nowhere.py: no such config'),
        ([sys.executable, 'tools/test.py', CONFIG, 'x.pth'], 'x.pth: no such checkpoint'),
    ],
)
def test_one_line_and_exit_code_2(command, error):
    done = _run(command)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f'error: {error}'
    assert 'Traceback' not in done.stderr


def test_the_second_rank_is_silent():
    done = _run([sys.executable, 'tools/train.py', 'nowhere.py'], RANK='1')
    assert done.returncode == 2
    assert 'error:' not in done.stderr


def _demo(start, end):
    """Lines of tools/demo.sh, for a shell of our own."""
    text = (ROOT / 'tools' / 'demo.sh').read_text()
    first = text.index(start)
    return text[first : text.index(end, first) + len(end)]


def test_the_demo_hides_two_warnings_and_no_other():
    program = (
        'import warnings\n'
        'warnings.warn("`broadcast_buffers` is deprecated. Use", FutureWarning)\n'
        'warnings.warn("pkg_resources is deprecated as an API. See", UserWarning)\n'
        'warnings.warn("something of yours", UserWarning)\n'
    )
    filters = _demo('QUIET=', 'export PYTHONWARNINGS=${PYTHONWARNINGS:-$QUIET}')
    script = f'unset PYTHONWARNINGS\n{filters}\n"$PYTHON" -c \'{program}\''
    done = _run(['bash', '-c', script])
    assert done.returncode == 0
    assert [line.split(': ', 1)[1] for line in done.stderr.splitlines() if 'Warning' in line] == [
        'UserWarning: something of yours'
    ]


def test_the_demo_keeps_errors_and_their_exit_code():
    noise = 'now - mmengine - WARNING - "FileClient" will be deprecated'
    lines = f"echo progress; echo '{noise}'; echo 'WARNING - FileClient' >&2; exit 3"
    filters = _demo('without_noise() {', '\n}\n')
    done = _run(['bash', '-c', f'set -o pipefail\n{filters}\nwithout_noise bash -c "$0"', lines])
    assert done.returncode == 3
    assert done.stdout.splitlines() == ['progress', 'WARNING - FileClient']
