"""The film of a street with walkers: fetched once, as a browser is; no part of the project."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]
FILM = ROOT / 'data' / 'street' / 'vtest.avi'
FETCH = ROOT / 'tools' / 'data' / 'get_street_film.sh'


def find_film() -> Path:
    """The film, fetched where it is not there; without it a test is skipped, in CI it fails."""
    FILM.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(FILM.with_suffix('.lock')):
        fetched = subprocess.run([FETCH, FILM.parent], capture_output=True, text=True)
    if fetched.returncode:
        reason = f'no film of a street: {fetched.stderr.strip()[-300:]}'
        if os.environ.get('CI') == 'true':
            pytest.fail(reason)
        pytest.skip(reason)
    return FILM
