"""Gives tests the trainings that lie beside them (they are scripts too, for two ranks)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def _load(stem):
    name = f'mmlt_tests_{stem}'
    if name not in sys.modules:
        path = Path(__file__).with_name(f'{stem}.py')
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope='session')
def toy():
    return _load('toy_training')


@pytest.fixture(scope='session')
def frozen_toy(toy):  # toy: its metric serves here too
    return _load('frozen_training')


@pytest.fixture(scope='session')
def toy_ap():
    return _load('running_ap_training')
