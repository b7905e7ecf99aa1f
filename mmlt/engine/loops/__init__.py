"""Loops of scope ``mmlt``."""

from mmlt.engine.loops.shuffle_bias_test_loop import ShuffleBiasTestLoop

__all__ = ['ShuffleBiasTestLoop']
