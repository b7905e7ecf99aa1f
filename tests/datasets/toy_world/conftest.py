import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_ava_world


@pytest.fixture(scope='session')
def tiny():
    return ToyWorldConfig(scale=0.02)


@pytest.fixture(scope='session')
def ava_world(tiny, tmp_path_factory):
    """A tiny AVA set; tests only read it."""
    folder = tmp_path_factory.mktemp('toy') / 'ava'
    assert make_ava_world(folder, tiny)
    return folder
