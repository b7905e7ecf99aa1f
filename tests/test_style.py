"""ruff's rules and format, as pyproject.toml sets them and .pre-commit-config.yaml runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize('command', [['check'], ['format', '--check']], ids=['check', 'format'])
def test_ruff(command):
    ruff = [sys.executable, '-m', 'ruff', *command, '--no-cache', '.']
    result = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
