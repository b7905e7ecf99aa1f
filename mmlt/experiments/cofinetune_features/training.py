"""One training: the loader, sampler and model of any co-finetuning, in a loop without a runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from torch.utils.data import DataLoader

from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset
from mmlt.datasets.samplers.cofinetune_sampler import CoFinetuneBatchSampler, CoFinetuneSampler
from mmlt.experiments.cofinetune_features.model import FeatureDataset
from mmlt.experiments.short_training import Best, train_and_choose
from mmlt.models.cofinetune_model import CoFinetuneModel

BATCH_SIZE = 128


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
    return train_and_choose(
        model, _batches(datasets, settings), optimizer, settings.num_updates, validate
    )


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
