"""Loops of scope ``mmlt``."""

from mmlt.engine.loops.multi_dataset_loops import MultiDatasetTestLoop, MultiDatasetValLoop
from mmlt.engine.loops.shuffle_bias_test_loop import ShuffleBiasTestLoop

__all__ = ['MultiDatasetTestLoop', 'MultiDatasetValLoop', 'ShuffleBiasTestLoop']
