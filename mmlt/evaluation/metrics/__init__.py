"""Metrics, registered in scope ``mmlt``."""

from mmlt.evaluation.metrics.ava_long_tail_metric import AVALongTailMetric
from mmlt.evaluation.metrics.average_error_metric import AverageErrorMetric
from mmlt.evaluation.metrics.long_tail_metric import LongTailMetric
from mmlt.evaluation.metrics.shuffle_bias_metric import ShuffleBiasMetric

__all__ = ['AVALongTailMetric', 'AverageErrorMetric', 'LongTailMetric', 'ShuffleBiasMetric']
