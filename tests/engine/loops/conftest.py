"""Gives tests the numbered clips that lie beside them (a script too, for two ranks)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_NAME = 'mmlt_tests_ordered_clips'


@pytest.fixture(scope='session')
def clips():
    if _NAME not in sys.modules:
        path = Path(__file__).with_name('ordered_clips.py')
        spec = importlib.util.spec_from_file_location(_NAME, path)
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_NAME])
    return sys.modules[_NAME]
