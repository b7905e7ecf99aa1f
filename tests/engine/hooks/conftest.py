"""Gives tests the toy training that lies beside them (it is a script too, for two ranks)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

_NAME = 'mmlt_tests_toy_training'


@pytest.fixture(scope='session')
def toy():
    if _NAME not in sys.modules:
        path = Path(__file__).with_name('toy_training.py')
        spec = importlib.util.spec_from_file_location(_NAME, path)
        sys.modules[_NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_NAME])
    return sys.modules[_NAME]
