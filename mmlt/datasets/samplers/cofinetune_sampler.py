"""One dataset a batch: which one, and which of its samples.

D datasets, W ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmlt.functional import dataset_schedule
from mmlt.functional.checks import check_integer
from mmlt.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class CoFinetuneSampler(Sampler):
    """The batches of a co-finetuning epoch: each of one dataset, the same one on every rank.

    The datasets take turns as :func:`mmlt.functional.dataset_schedule` says. The samples of a
    dataset come in random order, all of them before one comes again. Where the batch size does not
    divide them, the batches of such a pass differ by one sample at most, so that the last is not
    much smaller than the others (a BatchNorm would suffer). Ranks get equally many, so a few
    samples come twice where W does not divide a dataset. Seed and epoch decide all, without a word
    between ranks.

    Used through :class:`CoFinetuneBatchSampler`; ``mmlt.CoFinetuneRunner`` configures both.

    Args:
        dataset: A :class:`mmlt.datasets.cofinetune_dataset.CoFinetuneDataset`.
        batch_sizes: Name -> most samples of a batch on one rank.
        strategy: 'weighted', 'alternating', 'temperature' or 'sequential'.
        alpha: Of 'temperature'.
        seed: None: one drawn on rank 0 and broadcast, once.

    Attributes:
        seed: Of schedule and order.
        epoch: Number of the epoch that comes next.

    Raises:
        ValueError: ``batch_sizes`` leaves out a dataset or names an unknown one; a bad value.
    """

    def __init__(
        self,
        dataset: Any,
        batch_sizes: Mapping[str, int],
        strategy: str = 'weighted',
        alpha: float = 1.0,
        seed: int | None = None,
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        self.seed = check_integer('seed', sync_random_seed() if seed is None else seed, 0)
        self.epoch, self.strategy, self.alpha = 0, strategy, alpha
        self.sizes = dict(dataset.sizes)
        if set(batch_sizes) != set(self.sizes):
            raise ValueError(
                f'batch_sizes names {", ".join(batch_sizes)}; the datasets are '
                f'{", ".join(self.sizes)}'
            )
        self.batch_sizes = {
            name: check_integer(f'batch_sizes[{name!r}]', batch_sizes[name], 1)
            for name in self.sizes
        }
        self._first_indices = [dataset.first_index(name) for name in self.sizes]
        self.num_batches = len(self.schedule(0))

    def schedule(self, epoch: int) -> np.ndarray:
        """The dataset of each step of an epoch, (S,) int64."""
        return dataset_schedule(
            list(self.sizes.values()),
            [size * self.world_size for size in self.batch_sizes.values()],
            strategy=self.strategy,
            seed=self.seed,
            epoch=epoch,
            alpha=self.alpha,
        )

    def describe(self) -> dict[str, Any]:
        """What decides the schedule besides seed and number of ranks."""
        return {
            'datasets': list(self.sizes),  # their order counts, and dicts of another are equal
            'sizes': self.sizes,
            'batch_sizes': self.batch_sizes,
            'strategy': self.strategy,
            'alpha': self.alpha,
        }

    def batches(self) -> Iterator[list[int]]:
        """This rank's indices of each step of the epoch."""
        epoch = self.epoch
        streams = [self._stream(number, epoch) for number in range(len(self.sizes))]
        for number in self.schedule(epoch).tolist():
            yield next(streams[number])

    def _stream(self, number: int, epoch: int) -> Iterator[list[int]]:
        """Batches of one dataset without end, pass after pass over its samples."""
        name, first = list(self.sizes)[number], self._first_indices[number]
        size, num_batches = self.sizes[name], self._num_batches(name)
        for pass_number in range(2**62):
            # never the key of the schedule, which is (seed, epoch) and so (seed, epoch, 0, 0)
            rng = np.random.default_rng([self.seed, epoch, number + 1, pass_number])
            order = first + rng.permutation(size)
            # some again, so that all ranks get as many
            order = np.resize(order, -(-size // self.world_size) * self.world_size)
            for batch in np.array_split(order[self.rank :: self.world_size], num_batches):
                yield batch.tolist()

    def _num_batches(self, name: str) -> int:
        """Batches of a pass over a dataset."""
        return -(-self.sizes[name] // (self.batch_sizes[name] * self.world_size))

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration give the batches of this epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.batches())

    def __len__(self) -> int:
        """Samples of an epoch on this rank."""
        counts = np.bincount(self.schedule(self.epoch), minlength=len(self.sizes))
        num_samples = 0
        for count, (name, size) in zip(counts.tolist(), self.sizes.items()):
            num_batches, own = self._num_batches(name), -(-size // self.world_size)
            passes, rest = divmod(count, num_batches)
            num_samples += passes * own + own // num_batches * rest + min(rest, own % num_batches)
        return num_samples


@DATA_SAMPLERS.register_module()
class CoFinetuneBatchSampler(Sampler):
    """The batches of a :class:`CoFinetuneSampler`, for a ``DataLoader``.

    Args:
        sampler: The sampler, which knows the batch sizes.
        batch_size: Of the loader's config, which mmengine passes on: the largest of the sampler's,
            or None.

    Attributes:
        batch_size: Mean samples of a step on one rank, rounded: by it a run that is resumed with
            other batch sizes finds its place within the epoch.

    Raises:
        ValueError: ``batch_size`` is another, and would have no effect.
    """

    def __init__(self, sampler: CoFinetuneSampler, batch_size: int | None = None) -> None:
        if not isinstance(sampler, CoFinetuneSampler):
            raise ValueError(
                f'CoFinetuneBatchSampler needs a CoFinetuneSampler, got {type(sampler).__name__}'
            )
        largest = max(sampler.batch_sizes.values())
        if batch_size not in (None, largest):
            raise ValueError(
                f'train_dataloader.batch_size={batch_size} has no effect, the batch sizes are '
                f'{sampler.batch_sizes}: change datasets.NAME.batch_size'
            )
        self.sampler = sampler
        self.batch_size = max(1, round(len(sampler) / sampler.num_batches))

    def __iter__(self) -> Iterator[list[int]]:
        return self.sampler.batches()

    def __len__(self) -> int:
        """Steps of an epoch."""
        return self.sampler.num_batches
