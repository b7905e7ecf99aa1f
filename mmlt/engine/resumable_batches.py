"""Batches of a DataLoader that can start in the middle of an epoch, each with its own seed."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.runner.loops import EpochBasedTrainLoop, _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, Sampler

from mmlt.engine.rng_state import seed_rng, seeded_generator


class _SeededBatch:
    """The indices of a batch that seed the generators of the worker that receives them.

    A worker takes one batch of indices from its queue and reads it at once, in one thread.
    Unpickling is therefore the moment between two batches, and the dataset sees the plain indices:
    nothing has to be wrapped around the dataset, and persistent workers need no message about
    epochs.
    """

    def __init__(self, key: tuple[int, ...], indices: Any) -> None:
        self.key = key
        self.indices = indices

    def __reduce__(self) -> tuple:
        return _seed_and_unwrap, (self.key, self.indices)


def _seed_and_unwrap(key: tuple[int, ...], indices: Any) -> Any:
    seed_rng(*key)
    return indices


class ResumableBatches:
    """A batch sampler that can skip its first batches and gives each batch a seed.

    Batch b of pass p (the epoch) seeds its worker from ``(*key, p, b)``. Skipped batches are never
    read: only their indices are drawn. All else is the wrapped sampler's, its length included.

    Args:
        batches: The batch sampler (or sampler, where the loader does not batch).
        key: What the seeds depend on besides pass and batch: (seed, rank, number of the loader).
        in_workers: Whether workers read the batches. In the main process they are left
            unseeded: there data and model share one stream, which the checkpoint holds.
        draws_from: A sampler that draws from torch's global stream, such as torch's RandomSampler.
            It gets a generator seeded anew for every pass, or its order could not be found again.
    """

    def __init__(
        self,
        batches: Any,
        key: tuple[int, ...],
        *,
        in_workers: bool,
        draws_from: Sampler | None = None,
    ) -> None:
        self.batches = batches
        self._key = key
        self._in_workers = in_workers
        self._draws_from = draws_from
        self.start(0, 0)

    def start(self, pass_number: int, first_batch: int) -> None:
        """Let the next iteration be pass ``pass_number``, from batch ``first_batch`` on."""
        self._next_pass = pass_number
        self._first_batch = first_batch

    def __iter__(self) -> Iterator[Any]:
        # A generator: nothing happens before the first batch is asked for. DataLoader may call
        # iter() twice and use the second iterator only.
        pass_number, first_batch = self._next_pass, self._first_batch
        self.start(pass_number + 1, 0)
        if self._draws_from is not None:
            self._draws_from.generator = seeded_generator(*self._key, pass_number)
        for number, indices in enumerate(self.batches):
            if number < first_batch:
                continue
            if self._in_workers:
                indices = _SeededBatch((*self._key, pass_number, number), indices)
            yield indices

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        if name == 'batches':  # not yet set: being copied
            raise AttributeError(name)
        return getattr(self.batches, name)


def sampler_of(loader: DataLoader) -> Any:
    """The sampler of single indices, also below a batch sampler of the user's own."""
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def make_resumable(loader: DataLoader, key: tuple[int, ...]) -> ResumableBatches:
    """Put :class:`ResumableBatches` in place of a loader's batch sampler, and return it.

    The loader stays the same object with the same dataset. It also gets a generator of its own, so
    that starting an epoch takes nothing from torch's global stream.
    """
    name = 'sampler' if loader.batch_sampler is None else 'batch_sampler'
    batches = getattr(loader, name)
    if isinstance(batches, ResumableBatches):
        return batches
    sampler = sampler_of(loader)
    batches = ResumableBatches(
        batches,
        key,
        in_workers=loader.num_workers > 0,
        draws_from=sampler if getattr(sampler, 'generator', key) is None else None,
    )
    vars(loader)[name] = batches  # torch forbids the plain assignment
    if loader.generator is None:
        loader.generator = seeded_generator(*key)
    loader._iterator = None  # persistent workers started earlier know the old sampler
    return batches


def skip_in_epoch(loop: EpochBasedTrainLoop, first_batch: int) -> None:
    """Let hooks see the true ``batch_idx`` in an epoch that starts at ``first_batch``."""
    run_iter = loop.run_iter
    loop.run_iter = lambda idx, data_batch: run_iter(idx + first_batch, data_batch)


def end_skip(loop: EpochBasedTrainLoop) -> None:
    """Undo :func:`skip_in_epoch`, if it was done."""
    vars(loop).pop('run_iter', None)


class _Advanced:
    """An iterator already in place, for a loop that goes on to discard ``num_skipped`` batches."""

    def __init__(self, iterator: Iterator[Any], num_skipped: int) -> None:
        self._iterator = iterator
        self._num_skipped = num_skipped

    def __iter__(self) -> _Advanced:
        return self

    def __next__(self) -> Any:
        if self._num_skipped > 0:
            self._num_skipped -= 1
            return None
        return next(self._iterator)


def restart_iterator(loop: IterBasedTrainLoop, batches: ResumableBatches, num_done: int) -> None:
    """Give an iteration-based loop a new iterator that stands behind its first batches.

    The loop makes its iterator before any hook runs and, when resumed, reads every batch already
    trained on to advance it. Here only their indices are drawn.

    Args:
        loop: The loop; its ``dataloader_iterator`` is replaced.
        batches: What :func:`make_resumable` returned for the loop's loader.
        num_done: Iterations already done, over all passes.
    """
    loop.dataloader_iterator = None  # ends the workers of the old one
    sampler = sampler_of(loop.dataloader)
    if isinstance(sampler, InfiniteSampler):
        sampler.indices = sampler._indices_of_rank()  # prefetching has drawn from the old ones
        pass_number, first_batch = 0, num_done
    else:
        pass_number, first_batch = divmod(num_done, len(loop.dataloader))
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(pass_number)
    batches.start(pass_number, first_batch)
    iterator = _InfiniteDataloaderIterator(loop.dataloader)
    iterator._epoch = pass_number
    loop.dataloader_iterator = _Advanced(iterator, num_done)


def train_loaders(runner: Runner) -> list[DataLoader]:
    """The loaders of the train loop: one, or those of mmaction2's multi-loader loop."""
    loop = runner.train_loop
    return list(getattr(loop, 'multi_loaders', [loop.dataloader]))


def sampler_seed(loader: DataLoader) -> int | None:
    """The seed of its sampler, where that is a number."""
    seed = getattr(sampler_of(loader), 'seed', None)
    return int(seed) if isinstance(seed, Integral) else None


def sampler_settings(loader: DataLoader) -> dict[str, Any] | None:
    """What decides the order besides the seed, where the sampler tells (``describe``)."""
    describe = getattr(sampler_of(loader), 'describe', None)
    return None if describe is None else describe()


def global_batch_size(loaders: list[DataLoader]) -> int:
    """Samples of one iteration over all ranks; the first loader counts."""
    return (getattr(loaders[0].batch_sampler, 'batch_size', None) or 1) * get_world_size()


def validation_due(runner: Runner, first_batch: int) -> bool:
    """Whether the loop would validate at this point, had it just come here by training."""
    loop = runner.train_loop
    if runner.val_loop is None:
        return False
    if isinstance(loop, IterBasedTrainLoop):
        step, last = loop.iter, loop.max_iters
    elif isinstance(loop, EpochBasedTrainLoop) and first_batch == 0:
        step, last = loop.epoch, loop.max_epochs
    else:
        return False
    loop._decide_current_val_interval()
    return step >= loop.val_begin and (step % loop.val_interval == 0 or step == last)
