"""Metrics, registered in scope ``mmlt``."""

from mmlt.evaluation.metrics.ava_long_tail_metric import AVALongTailMetric

__all__ = ['AVALongTailMetric']
