"""The mean of top-1 and top-5 error, by which the Kinetics challenge ranks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmlt.evaluation.gather.blocks import merge_blocks
from mmlt.evaluation.gather.samples import NO_SAMPLES, one_per_sample, sample_block
from mmlt.evaluation.metrics.run_folder import RunFolder
from mmlt.functional import average_top_k_error
from mmlt.registry import METRICS


@METRICS.register_module()
class AverageErrorMetric(BaseMetric):
    """Top-1 and top-5 error of a recognizer, and their mean.

    See :func:`mmlt.functional.average_top_k_error`. Takes the data samples of mmaction2's
    recognizers as they are, beside ``AccMetric`` or alone. The keys are ``error/average``,
    ``error/top1`` and ``error/top5``, fractions: a challenge's 21.59% is .2159. For
    ``CheckpointHook(save_best='error/average')`` say ``rule='less'``.

    A sample that ranks deliver twice counts once, as in ``mmlt.LongTailMetric``.

    Args:
        ks: Which top-k errors are averaged.
        collect_device: See mmengine's ``BaseMetric``.
        prefix: See mmengine's ``BaseMetric``.
        collect_dir: See mmengine's ``BaseMetric``; None is a new one in the run's folder.
    """

    default_prefix = 'error'

    def __init__(
        self,
        ks: Sequence[int] = (1, 5),
        *,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        average_top_k_error([[0.0]], [[1]], ks=ks)  # raises if they are no ks, before the training
        self.ks = tuple(ks)
        self.run_folder = RunFolder('AverageErrorMetric')

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the scores and labels of each sample."""
        self.results += [sample_block(sample) for sample in data_samples]

    def evaluate(self, size: int) -> dict:
        """Gather one block from each rank; mmengine would cut their samples at ``size`` unseen."""
        self._num_samples = size
        self.results = [merge_blocks(self.results, NO_SAMPLES)]
        with self.run_folder.lend_collect_dir(self):
            return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict:
        """The errors; runs on rank 0."""
        scores, targets = one_per_sample(results, self._num_samples)
        if not len(scores):
            raise ValueError('AverageErrorMetric: no sample was evaluated')
        if len(scores) != self._num_samples:
            print_log(
                f'AverageErrorMetric: {len(scores)} samples of a dataset of {self._num_samples}',
                'current',
                logging.WARNING,
            )
        errors = {f'top{k}': average_top_k_error(scores, targets, ks=[k]) for k in self.ks}
        return dict(average=average_top_k_error(scores, targets, ks=self.ks), **errors)
