"""Every tool runs from a checkout that nobody installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted((ROOT / 'tools').rglob('*.py'))
# a process for each tool, forked where the packages of others are imported and mmlt is not
HELP_OF_ALL = """
import json, os, runpy, sys, traceback
import matplotlib.pyplot, mmengine.runner, pyarrow, torch.distributed.run
assert 'mmlt' not in sys.modules
found = {}
for tool in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open('printed', os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 1)
        os.dup2(1, 2)
        sys.argv, sys.path[0] = [tool, '--help'], os.path.dirname(tool)
        code = 1
        try:
            runpy.run_path(tool, run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)  # to take down what was imported takes longer than all of this
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open('printed') as file:
        found[tool] = code, file.read()
print(json.dumps(found))
"""


@pytest.fixture(scope='module')
def help_of(tmp_path_factory):
    """Of each tool, exit code and what it has printed."""
    # -S leaves out the .pth files of site-packages, by one of which an editable install is found.
    packages = Path(np.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, '-S', '-c', HELP_OF_ALL, *map(str, TOOLS)],
        cwd=tmp_path_factory.mktemp('nowhere'),
        env={**os.environ, 'PYTHONPATH': str(packages), 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize('tool', TOOLS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_help(tool, help_of):
    code, printed = help_of[str(tool)]
    assert code == 0, printed
    assert 'usage: ' in printed
