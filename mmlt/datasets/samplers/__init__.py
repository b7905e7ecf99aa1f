"""Samplers, registered in scope ``mmlt``."""

from mmlt.datasets.samplers.class_balanced_sampler import ClassBalancedSampler
from mmlt.datasets.samplers.cofinetune_sampler import CoFinetuneBatchSampler, CoFinetuneSampler
from mmlt.datasets.samplers.drawn_index import DrawnIndex

__all__ = ['ClassBalancedSampler', 'CoFinetuneBatchSampler', 'CoFinetuneSampler', 'DrawnIndex']
