"""What the tests of experiments by steps share: an interpreter that pretends, and a timely end."""

from __future__ import annotations

import os
import re
import subprocess
import time

import warm_python
from warm_python import PYTHON

ENV = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
#: Writes down what it is asked for, and makes the files that a step leaves.
FAKE_PYTHON = """#!/usr/bin/env bash
case $1 in *split_by_counts.py)
    : # REAL
esac
echo "${FEATURE_BANK:+FEATURE_BANK=$FEATURE_BANK }$*" >>calls
make() { mkdir -p "$(dirname "$1")" && echo "${2:-}" >"$1"; }
for WORD; do
    case $BEFORE$WORD in
        --work-dir*)
            for PART in last best_ava_mSAP; do make "$WORD/$PART.pth"; done
            make "$WORD/last_checkpoint" "$WORD/last.pth" ;;
        --out*.*) make "$WORD" ;;
        --out*) for PART in {train,val,test}/{index,meta}.json; do make "$WORD/$PART"; done ;;
        *out_dir=*) make "${WORD#*=}/metrics.json" ;;
    esac
    BEFORE=$WORD
done
"""


def with_fake_python(tool, folder):
    """``run(*arguments)`` calls a tool in a folder; its steps write their words to FOLDER/calls."""
    fake = folder / 'python'
    fake.write_text(FAKE_PYTHON)
    fake.chmod(0o755)

    def run(*arguments, **variables):
        env = {**ENV, 'PYTHON': str(fake), **variables}
        command = [str(x) for x in (PYTHON, tool, *arguments)]
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)

    return run


def update_of(folder):
    """Update at which a training has last written a checkpoint."""
    last = folder / 'last_checkpoint'
    found = re.search(r'iter_(\d+)\.pth', last.read_text()) if last.exists() else None
    return int(found.group(1)) if found else 0


def kill_when(is_time, command, world, step):
    """Start, and SIGKILL every process of it as soon as it is time; none is left."""
    process = subprocess.Popen(command, cwd=world, env=ENV)
    deadline = time.time() + 1200  # shared cores may be slow
    while not is_time():
        assert process.poll() is None and time.time() < deadline
        time.sleep(0.005)
    warm_python.kill(process.pid)
    process.wait()
    work_dir = world / command[command.index('--work-dir') + 1]
    assert not (work_dir / 'done' / step).exists(), f'{step} was over before it could be killed'
