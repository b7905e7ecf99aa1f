"""Judging a model: metrics for a running job, and their results as files and reports."""

from mmlt.evaluation.metrics import AVALongTailMetric, LongTailMetric, ShuffleBiasMetric

__all__ = ['AVALongTailMetric', 'LongTailMetric', 'ShuffleBiasMetric']
