"""Resume a killed run so that it ends with the weights of the uninterrupted one."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader, IterableDataset

from mmlt.engine.hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from mmlt.engine.rank_buffers import gather_differing_buffers, restore_buffers
from mmlt.engine.resumable_batches import (
    end_skip,
    global_batch_size,
    make_resumable,
    restart_iterator,
    sampler_of,
    sampler_seed,
    sampler_settings,
    skip_in_epoch,
    train_loaders,
    validation_due,
)
from mmlt.engine.rng_state import capture_rng, restore_rng, seed_rng
from mmlt.registry import HOOKS

_STATE = 'resume_state'
_KEYS = ('batches_done', 'global_batch_size', 'validated', 'sampler_seeds', 'ranks')


@HOOKS.register_module()
class ResumeStateHook(Hook):
    """Put into the checkpoint what mmengine leaves out: random state and place within the epoch.

    A run killed at any moment and resumed then ends with the weights of the uninterrupted run, bit
    for bit on the CPU. Use it with one line; every stock CheckpointHook of the runner becomes
    a :class:`AtomicCheckpointHook` by itself (derive a hook of your own from that class)::

        default_hooks = dict(resume_state=dict(type='mmlt.ResumeStateHook'))

    There a config that sets its ``custom_hooks`` keeps it. In ``custom_hooks`` it works as well;
    one that stands in both places is one hook.

    What makes it exact:

    - python, numpy, torch and CUDA state of every rank are gathered into the checkpoint, on all
      ranks, whenever a CheckpointHook saves. Validation leaves the training's streams untouched.
    - So are the buffers in which ranks differ within an epoch (BatchNorm's running statistics).
    - Workers are seeded for every batch from (seed, rank, loader, epoch, batch), so that nothing
      depends on how many there are or how long they live. With ``num_workers=0`` data are drawn
      from the main stream.
    - An epoch is resumed at its next batch; batches already used are skipped without reading them.
      Samplers must depend on their seed and epoch only, as mmengine's and mmlt's do.
    - A validation that was due when the run died is made first.

    What it says instead of failing: a checkpoint without this state resumes as mmengine does, with
    a warning. With another number of ranks or another batch size the epoch goes on behind the
    samples already used; with another number of ranks every rank gets a fresh stream from (seed,
    rank, epoch, iteration), with a warning. A save amid accumulated gradients warns: they are not
    saved.

    Differs from reference: mmengine seeds a worker once, from (seed, rank, worker). A stream of
    (seed, epoch, rank, worker) would repeat whole epochs, but within one it depends on all that
    the worker has read before; so here the batch takes the worker's place. Exactness assumes
    deterministic kernels. From three ranks on DDP may sum gradients in another order in its
    first step, in the last bit.
    """

    # last of all: behind CheckpointHook.before_train, and what other hooks draw is overwritten
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._loaded = None  # resume_state of the checkpoint loaded last
        self._batches = []  # one ResumableBatches a loader; empty outside training
        self._first_batch = 0  # where the next epoch starts
        self._start_rng = None  # the state its first batch must see, if that is not batch 0
        self._epoch, self._batches_done = 0, 0  # of the epoch in progress
        self._train_rng = None  # the training's streams, while validation runs
        self._gathered = (None, None)  # iteration, state of every rank
        self._warned = set()

    # ------------------------------------------------------------------------------- resume

    def before_run(self, runner: Runner) -> None:
        """Make saving safe, before CheckpointHook begins its work; be the last hook, and the only.

        A default hook is registered before those of ``custom_hooks``, also before those of its own
        priority.
        """
        for hook in runner.hooks:
            if type(hook) is CheckpointHook:
                hook.__class__ = AtomicCheckpointHook  # same attributes, safer methods
        others = [hook for hook in runner.hooks if not isinstance(hook, ResumeStateHook)]
        runner._hooks = [*others, self]  # a new list: the runner goes through the old one now

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the state until it is known whether this is a resume."""
        self._loaded = checkpoint.get(_STATE)

    def before_train(self, runner: Runner) -> None:
        """Restore streams and position; make up for a validation that the kill prevented."""
        loaders = train_loaders(runner)
        validation_due = runner.iter > 0 and self._resume(runner, loaders)
        seed, rank = runner.seed, get_rank()
        self._batches = [
            make_resumable(loader, (seed, rank, number)) for number, loader in enumerate(loaders)
        ]
        if validation_due:
            runner.val_loop.run()
        self._start_rng = capture_rng() if self._first_batch > 0 else None

    def _resume(self, runner: Runner, loaders: list[DataLoader]) -> bool:
        """Restore this rank's part of the state; return whether a validation is due."""
        if self._loaded is None:
            self._warn(
                runner,
                'The checkpoint was saved without mmlt.ResumeStateHook: random state and position '
                'within the epoch are unknown, the run goes on as mmengine resumes it.',
            )
            return False
        state = _checked(self._loaded)
        self._restore_samplers(runner, loaders, state)
        ranks = state['ranks']
        own = ranks[get_rank()] if len(ranks) == get_world_size() else None
        if own is None:
            self._warn(
                runner,
                f'The checkpoint holds the random state of {sum(r is not None for r in ranks)} '
                f'of {len(ranks)} ranks, this run has {get_world_size()}: every rank without '
                'one starts a fresh stream from (seed, rank, epoch, iteration), and the run '
                'will not equal the uninterrupted one bit for bit.',
            )
            seed_rng(runner.seed, get_rank(), runner.epoch, runner.iter)
        else:
            restore_rng(own)
            restore_buffers(runner.model, own.get('buffers', {}))
        samples_done = state['batches_done'] * state['global_batch_size']
        self._first_batch = samples_done // global_batch_size(loaders)
        if self._first_batch > 0 and any(isinstance(x.dataset, IterableDataset) for x in loaders):
            self._warn(runner, 'An iterable dataset has no position: it starts from its beginning.')
        return not state['validated'] and validation_due(runner, self._first_batch)

    def _restore_samplers(self, runner: Runner, loaders: list[DataLoader], state: dict) -> None:
        for loader, seed in zip(loaders, state['sampler_seeds']):
            if seed is not None:
                sampler_of(loader).seed = seed  # a run without a configured seed has drawn another
        for loader, saved in zip(loaders, state.get('sampler_settings', ())):
            if saved != sampler_settings(loader):
                self._warn(
                    runner,
                    f'The checkpoint was made with {saved}, this run has '
                    f'{sampler_settings(loader)}: the epoch goes on behind about as many '
                    'samples, in another order.',
                )

    def before_train_epoch(self, runner: Runner) -> None:
        """Set every loader to its epoch and batch."""
        loop = runner.train_loop
        first_batch, self._first_batch = self._first_batch, 0
        self._epoch, self._batches_done = runner.epoch, first_batch
        if isinstance(loop, IterBasedTrainLoop):
            restart_iterator(loop, self._batches[0], runner.iter)
        else:
            for batches in self._batches:
                batches.start(runner.epoch, first_batch)
            if first_batch > 0:
                skip_in_epoch(loop, first_batch)
        if self._start_rng is not None:  # other hooks may have drawn at the start of the epoch
            restore_rng(self._start_rng)
            self._start_rng = None

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Count the batch; it is done by the time anybody saves."""
        self._batches_done = batch_idx + 1

    def after_train_epoch(self, runner: Runner) -> None:
        """The next epoch starts at its first batch."""
        end_skip(runner.train_loop)

    def before_val(self, runner: Runner) -> None:
        """Set the training's streams aside: a resumed run may validate at other moments."""
        self._train_rng = capture_rng() if self._batches else None

    def after_val(self, runner: Runner) -> None:
        """Go on with the training's streams."""
        if self._train_rng is not None:
            restore_rng(self._train_rng)
            self._train_rng = None

    # --------------------------------------------------------------------------------- save

    def before_collective_save(self, runner: Runner) -> None:
        """Gather, on every rank: the stage that AtomicCheckpointHook calls."""
        own = dict(self._train_rng or capture_rng())
        own['buffers'] = gather_differing_buffers(runner.model)
        self._gathered = (runner.iter, all_gather_object(own))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the state into the checkpoint (mmengine comes here on rank 0 only)."""
        if not self._batches:
            return
        gathered_at, ranks = self._gathered
        if gathered_at != runner.iter:  # gathering now would wait for the other ranks for ever
            ranks = [self._train_rng or capture_rng()] + [None] * (get_world_size() - 1)
            if len(ranks) > 1:
                self._warn(
                    runner,
                    'A checkpoint was saved outside mmlt.AtomicCheckpointHook: it holds the random '
                    'state of rank 0 only.',
                )
        loaders = train_loaders(runner)
        in_epoch = checkpoint['meta']['epoch'] == self._epoch  # else it has just been completed
        checkpoint[_STATE] = {
            'batches_done': self._batches_done if in_epoch else 0,
            'global_batch_size': global_batch_size(loaders),
            'validated': self._train_rng is not None,
            'sampler_seeds': [sampler_seed(loader) for loader in loaders],
            'sampler_settings': [sampler_settings(loader) for loader in loaders],
            'ranks': ranks,
        }
        should_update = getattr(runner.optim_wrapper, 'should_update', None)
        if should_update is not None and not should_update():
            self._warn(
                runner,
                'A checkpoint was saved amid accumulated gradients, which are not in it: save at '
                'multiples of accumulative_counts.',
            )

    def _warn(self, runner: Runner, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            runner.logger.warning(text)


def _checked(state: Any) -> dict:
    """Refuse a state of another layout."""
    missing = [key for key in _KEYS if not isinstance(state, dict) or key not in state]
    if missing:
        raise ValueError(
            f'{_STATE} of the checkpoint has another layout: {", ".join(missing)} missing'
        )
    return state
