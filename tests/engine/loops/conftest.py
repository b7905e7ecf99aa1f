"""Gives tests the samples that lie beside them (scripts too, for two ranks)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _beside(name):
    full_name = f'mmlt_tests_{name}'
    if full_name not in sys.modules:
        path = Path(__file__).with_name(f'{name}.py')
        spec = importlib.util.spec_from_file_location(full_name, path)
        sys.modules[full_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full_name])
    return sys.modules[full_name]


@pytest.fixture(scope='session')
def clips():
    return _beside('ordered_clips')


@pytest.fixture(scope='session')
def three():
    return _beside('three_datasets')
