"""Schedules of the learning rate."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler

from mmlt.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class LinearWarmupCosineAnnealingLR(LRSchedulerMixin, _ParamScheduler):
    r"""Linear warm-up from zero, then a half cosine to zero, as one product.

    .. math::
        \eta_k = \eta \cdot \min(1, k/W) \cdot
        \tfrac12 \left(1 + \cos \frac{\pi \max(0, k - W)}{E - W}\right)

    with step k, W = ``warmup`` steps and E = ``end - begin``. In epochs, with
    ``convert_to_iter_based=True``, W is rounded down to whole iterations.

    Source: scenic's ``constant * cosine_decay * linear_warmup``, the schedule of "Beyond Transfer
    Learning: Co-finetuning for Action Localisation".

    mmengine's ``LinearLR`` followed by its ``CosineAnnealingLR`` is this schedule too, but only by
    iteration and with the warm-up's ``end=W + 1``: in epochs the warm-up is over one step too
    early, a factor of W / (W - 1) at every step before, and it cannot start from zero.

    Args:
        optimizer: See mmengine's ``_ParamScheduler``; likewise all others.
        warmup: W, in the unit of ``by_epoch``; 0 for none.
        begin: First step.
        end: Step at which the rate is zero; mmengine's runner fills in the end of training.

    Raises:
        ValueError: ``warmup`` is negative or not shorter than the schedule.
    """

    def __init__(
        self,
        optimizer: Any,
        *,
        warmup: int,
        end: int,
        begin: int = 0,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if not 0 <= warmup < end - begin:
            raise ValueError(
                f'warmup must be at least 0 and less than the {end - begin} steps of the schedule, '
                f'got {warmup!r}'
            )
        self.warmup = warmup
        super().__init__(optimizer, begin, end, last_step, by_epoch, verbose)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        warmup: float,
        end: float,
        begin: float = 0,
        by_epoch: bool = True,
        epoch_length: int,
        **kwargs: Any,
    ) -> LinearWarmupCosineAnnealingLR:
        """The schedule by iteration, of settings in epochs of ``epoch_length`` iterations."""
        steps = {'warmup': warmup, 'begin': begin, 'end': end}
        steps = {name: int(epochs * epoch_length) for name, epochs in steps.items()}
        return cls(*args, **steps, by_epoch=False, **kwargs)

    def _get_value(self) -> list[float]:
        step, length = self.last_step, self.end - self.begin
        factor = min(1.0, step / self.warmup) if self.warmup else 1.0
        progress = max(0, step - self.warmup) / (length - self.warmup)
        factor *= 0.5 * (1.0 + math.cos(math.pi * progress))
        return [value * factor for value in self.base_values]
