"""Every tool runs from a checkout that nobody installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted((ROOT / 'tools').rglob('*.py'))


@pytest.mark.parametrize('tool', TOOLS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_help(tool, tmp_path):
    # -S leaves out the .pth files of site-packages, by one of which an editable install is found.
    packages = Path(np.__file__).parents[1]
    command = [sys.executable, '-S', tool, '--help']
    environment = {**os.environ, 'PYTHONPATH': str(packages), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'usage: ' in done.stdout
