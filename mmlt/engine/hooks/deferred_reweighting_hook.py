"""Deferred re-weighting: class weights join the loss late in training."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmlt.functional.checks import check_integer
from mmlt.registry import HOOKS


@HOOKS.register_module()
class DeferredReweightingHook(Hook):
    """Switch the class weights of a loss on at one point of training; off before.

    It finds every module of the model with a method ``set_reweighting(enabled)``, as
    `mmlt.LDAMLoss` and `mmlt.ClassBalancedLoss` have, and asks the runner where it stands before
    each iteration, so that a resumed run is in the right phase.

    Args:
        begin: Number of epochs (iterations) trained without the weights.
        by_epoch: Whether `begin` counts epochs; False: iterations.

    Reference: Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin
    Loss", NeurIPS 2019, algorithm 1. The learning rate falls by the schedule's own milestone.
    """

    def __init__(self, begin: int, *, by_epoch: bool = True) -> None:
        self.begin = check_integer('begin', begin, 0)
        self.by_epoch = by_epoch
        self._losses = []

    def before_train(self, runner: Runner) -> None:
        """Find the losses."""
        self._losses = [
            module for module in runner.model.modules() if hasattr(module, 'set_reweighting')
        ]
        if not self._losses:
            raise ValueError(
                'DeferredReweightingHook: the model has no loss with class weights to defer; use '
                'mmlt.LDAMLoss or mmlt.ClassBalancedLoss, or leave the hook out'
            )
        if self.by_epoch and isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ValueError(
                f'DeferredReweightingHook(begin={self.begin}): this run counts iterations, not '
                'epochs; set by_epoch=False and begin to an iteration'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the phase of this iteration."""
        done = runner.epoch if self.by_epoch else runner.iter
        for loss in self._losses:
            loss.set_reweighting(done >= self.begin)
