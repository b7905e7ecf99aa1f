"""One training: the loader, sampler and model of any co-finetuning, in a loop without a runner.

Some thousand steps of a millisecond need neither logs nor checkpoints. Optimiser, schedule and
``train_step`` are mmengine's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from mmengine.optim import CosineAnnealingLR, LinearLR, build_optim_wrapper
from torch.utils.data import DataLoader

from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset
from mmlt.datasets.samplers.cofinetune_sampler import CoFinetuneBatchSampler, CoFinetuneSampler
from mmlt.experiments.cofinetune_features.model import FeatureDataset
from mmlt.models.cofinetune_model import CoFinetuneModel

BATCH_SIZE = 128
#: Of a training's updates: the paper's 2.5 of 15 epochs of linear warm-up.
WARMUP_SHARE = 1 / 6
NUM_VALIDATIONS = 10


class Settings(NamedTuple):
    """Of one training.

    Attributes:
        num_updates: All of them.
        lr: Highest learning rate, of SGD with momentum .9 and a cosine.
        weight_decay: Of all parameters that have a gradient.
        seed: Of the schedule and the order of the samples.
        strategy: See ``mmlt.functional.dataset_schedule``.
    """

    num_updates: int
    lr: float
    weight_decay: float
    seed: int
    strategy: str = 'weighted'


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


def train(
    model: CoFinetuneModel,
    datasets: Mapping[str, FeatureDataset],
    settings: Settings,
    validate: Callable[[CoFinetuneModel], float],
) -> Best:
    """Train a model, which is left with the best weights.

    Args:
        model: With a head for every dataset.
        datasets: Name -> training samples.
        settings: Of the training.
        validate: Gives the score by which the checkpoint is chosen: higher is better.
    """
    optimizer = dict(type='SGD', lr=settings.lr, momentum=0.9, weight_decay=settings.weight_decay)
    optim_wrapper = build_optim_wrapper(model, dict(optimizer=optimizer))
    total = settings.num_updates
    warmup = max(1, round(WARMUP_SHARE * total))
    schedulers = [
        LinearLR(optim_wrapper, start_factor=1 / warmup, by_epoch=False, end=warmup),
        CosineAnnealingLR(
            optim_wrapper, T_max=total - warmup, eta_min=0, by_epoch=False, begin=warmup, end=total
        ),
    ]
    checkpoints = {round(total * (i + 1) / NUM_VALIDATIONS) for i in range(NUM_VALIDATIONS)}
    best, curve = Best(float('-inf'), 0, {}, []), []
    for step, batch in enumerate(_batches(datasets, settings), start=1):
        model.train_step(batch, optim_wrapper)
        for scheduler in schedulers:
            scheduler.step()
        if step in checkpoints:
            curve.append(validate(model))
            if curve[-1] > best.score:
                best = Best(curve[-1], step, copy.deepcopy(model.state_dict()), curve)
    model.load_state_dict(best.state)
    return best


def _batches(datasets: Mapping[str, FeatureDataset], settings: Settings) -> Iterator[dict]:
    """As many batches as there are updates, epoch after epoch."""
    dataset = CoFinetuneDataset(datasets)
    batch_sizes = dict.fromkeys(datasets, BATCH_SIZE)
    sampler = CoFinetuneSampler(dataset, batch_sizes, settings.strategy, seed=settings.seed)
    batches = CoFinetuneBatchSampler(sampler)
    loader = DataLoader(dataset, batch_sampler=batches, collate_fn=lambda samples: samples[0])
    num_left, epoch = settings.num_updates, 0
    while num_left:
        sampler.set_epoch(epoch)
        for batch, _ in zip(loader, range(num_left)):
            yield batch
            num_left -= 1
        epoch += 1
