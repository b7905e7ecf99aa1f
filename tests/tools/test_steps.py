"""tools/common.sh: steps whose output is in a log, on a terminal and without one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRAINING = """
LINE='2026/01/02 03:04:05 - mmengine - INFO - Epoch(train)  [2][ 20/120]  base_lr: 2e-3 lr: 2e-3'
LINE+='  eta: 0:00:21  time: 0.1  data_time: 0.05  loss: 0.6931  loss_action_cls: 0.6931'
echo a line before; echo "$LINE"; echo a line after
"""


def _script(folder, *lines):
    script = folder / 'script.sh'
    text = '\n'.join(('#!/usr/bin/env bash', '# Usage: none', 'set -euo pipefail',
                      f'. "{ROOT}/tools/common.sh"', *lines))  # fmt: skip
    script.write_text(text + '\n')
    return ['bash', str(script)]


def _run(folder, *lines):
    command = _script(folder, *lines)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_a_step_is_one_line_with_its_time_and_its_log(tmp_path):
    done = _run(tmp_path, "run_step one logs/one.log bash -c 'echo out; echo err >&2'", 'echo end')
    assert done.returncode == 0 and done.stderr == ''
    assert re.fullmatch(r'== one: \d+ s, log: logs/one\.log\nend\n', done.stdout)
    assert (tmp_path / 'logs' / 'one.log').read_text() == 'out\nerr\n'


def test_a_second_try_is_appended_to_the_log(tmp_path):
    for text in ('first', 'second'):
        assert _run(tmp_path, f'run_step one one.log echo {text}').returncode == 0
    assert (tmp_path / 'one.log').read_text() == 'first\nsecond\n'


@pytest.mark.parametrize(('passed', 'told'), [(0, '0 s'), (59, '59 s'), (312, '5 min 12 s')])
def test_times(tmp_path, passed, told):
    lines = ['SECONDS=1000', f'STEP_START=$((SECONDS - {passed}))', 'passed']
    assert _run(tmp_path, *lines).stdout == f'{told}\n'


def test_a_failed_step_ends_the_script_with_the_end_of_its_log(tmp_path):
    lines = ['run_step one one.log bash -c "seq 100; echo error: no memory; exit 7"', 'echo end']
    done = _run(tmp_path, *lines)
    assert done.returncode == 7
    assert re.fullmatch(r'== one: not finished after \d+ s\n', done.stdout)
    shown = ['the end of one.log:', *map(str, range(82, 101)), 'error: no memory']
    assert done.stderr.splitlines() == shown
    assert len((tmp_path / 'one.log').read_text().splitlines()) == 101


def test_a_function_stops_at_its_first_failure(tmp_path):
    lines = ['two() { echo first; false; echo second; }', 'run_step one one.log two']
    assert _run(tmp_path, *lines).returncode == 1
    assert (tmp_path / 'one.log').read_text() == 'first\n'


def test_a_failure_after_the_steps_shows_no_log(tmp_path):
    done = _run(tmp_path, 'run_step one one.log echo out', 'echo later >&2; exit 4')
    assert (done.returncode, done.stderr) == (4, 'later\n')


def _on_a_terminal(folder, *lines):
    """What a terminal is sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        _script(folder, *lines), cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    sent = b''
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(ours)
    return process.wait(timeout=60), sent.decode()


def test_a_terminal_is_told_how_far_a_training_is(tmp_path):
    (tmp_path / 'train.sh').write_text(f'{TRAINING}\nsleep 5\n')
    code, sent = _on_a_terminal(tmp_path, 'run_step train train.log bash train.sh', 'echo end')
    assert code == 0
    assert re.search(
        r'\r\x1b\[K== train: \d s  Epoch\(train\) \[2\]\[ 20/120\] loss: 0\.6931', sent
    )
    last = sent.replace('\r\n', '\n').rpartition('\x1b[K')[2]
    assert re.fullmatch(r'== train: \d+ s, log: train\.log\nend\n', last)
    assert 'a line' not in sent and 'erminated' not in sent


def test_a_terminal_is_told_of_a_failure(tmp_path):
    code, sent = _on_a_terminal(
        tmp_path, "run_step one one.log bash -c 'sleep 3; echo bad; exit 3'"
    )
    assert code == 3
    last = sent.replace('\r\n', '\n').rpartition('\x1b[K')[2]
    expected = r'== one: not finished after \d+ s\nthe end of one\.log:\nbad\n'
    assert re.fullmatch(expected, last)
    assert 'erminated' not in sent
