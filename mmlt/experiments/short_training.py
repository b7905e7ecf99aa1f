"""A training of some thousand steps of a millisecond, which needs neither logs nor checkpoints.

Optimiser, schedule and ``train_step`` are mmengine's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from mmengine.model import BaseModel
from mmengine.optim import CosineAnnealingLR, LinearLR, build_optim_wrapper

#: Of a training's updates: 2.5 of 15 epochs of linear warm-up, as of co-finetuning.
WARMUP_SHARE = 1 / 6
NUM_VALIDATIONS = 10
Model = TypeVar('Model', bound=BaseModel)


class Best(NamedTuple):
    """The best checkpoint of a training.

    Attributes:
        score: On val.
        step: Updates before it.
        state: ``state_dict`` of the model.
        curve: Scores of all checkpoints.
    """

    score: float
    step: int
    state: dict
    curve: list[float]


def train_and_choose(
    model: Model,
    batches: Iterable[Mapping[str, Any]],
    optimizer: Mapping[str, Any],
    num_updates: int,
    validate: Callable[[Model], float],
) -> Best:
    """Train a model, which is left with the best weights.

    Args:
        model: With ``train_step``.
        batches: At least as many as updates.
        optimizer: Config; its ``lr`` is reached after the warm-up, and falls along a cosine.
        num_updates: All of them.
        validate: Gives the score by which the checkpoint is chosen: higher is better.
    """
    optim_wrapper = build_optim_wrapper(model, dict(optimizer=dict(optimizer)))
    total, warmup = num_updates, max(1, round(WARMUP_SHARE * num_updates))
    schedulers = [
        LinearLR(optim_wrapper, start_factor=1 / warmup, by_epoch=False, end=warmup),
        CosineAnnealingLR(
            optim_wrapper, T_max=total - warmup, eta_min=0, by_epoch=False, begin=warmup, end=total
        ),
    ]
    checkpoints = {round(total * (i + 1) / NUM_VALIDATIONS) for i in range(NUM_VALIDATIONS)}
    best, curve = Best(float('-inf'), 0, {}, []), []
    for step, batch in zip(range(1, total + 1), batches):
        model.train_step(batch, optim_wrapper)
        for scheduler in schedulers:
            scheduler.step()
        if step in checkpoints:
            curve.append(validate(model))
            if curve[-1] > best.score:
                best = Best(curve[-1], step, copy.deepcopy(model.state_dict()), curve)
    model.load_state_dict(best.state)
    return best
