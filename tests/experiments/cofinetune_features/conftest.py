import pytest

from mmlt.datasets.toy_world.box_factors import FactorConfig
from mmlt.experiments.cofinetune_features.data import Data
from mmlt.experiments.cofinetune_features.runs import Cell, Plan

#: The smallest in which every class has a test box; A has twice as many batches as B and AVA.
SMALL = FactorConfig(
    num_boxes=(512, 300, 4_000),
    min_positives=(0, 3, 4),
    num_clips={'A': (1_024, 80, 160), 'B': (512, 80, 80)},
)


@pytest.fixture(scope='session')
def small_config():
    return SMALL


@pytest.fixture(scope='session')
def data(small_config):
    return Data(0, 100, small_config)


@pytest.fixture
def plan(small_config):
    """Two cells, two worlds."""
    return Plan(
        cells=(Cell(0.5, 1e-4, 2), Cell(0.0, 0.0, 1)),
        num_worlds=2,
        num_updates=48,
        num_plateau_seeds=2,
        search_seeds=(100,),
        config=small_config,
    )
