"""Killed-and-resumed equals uninterrupted."""

from __future__ import annotations

import logging
import random

import numpy as np
import pytest
import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import BaseModel
from mmengine.registry import HOOKS, LOOPS, MODELS
from torch.utils.data import DataLoader

from mmlt.engine.hooks import AtomicCheckpointHook, ResumeStateHook
from mmlt.weights_only import load_weights_only

WORKERS = {
    'main process': {'num_workers': 0},
    'two workers': {'num_workers': 2},
    'persistent': {'num_workers': 2, 'persistent': True},
}
SAVES = {
    'every epoch': {'by_epoch': True},
    'every 4 iterations': {'by_epoch': False, 'interval': 4},
    'every iteration': {'by_epoch': False, 'interval': 1},
}


def _options(table):
    return pytest.mark.parametrize('options', table.values(), ids=table.keys())


def _assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(weights[name], tensor), name


def _differ(weights, others):
    return any(not torch.equal(weights[name], others[name]) for name in weights)


class _Messages(logging.Handler):
    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())

    def about(self, words):
        return [text for text in self.texts if words in text]


def _listen(runner):
    messages = _Messages()
    runner.logger.addHandler(messages)
    return messages


def _checkpoint(folder):
    return load_weights_only((folder / 'last_checkpoint').read_text())


def _edit_checkpoint(folder, edit):
    checkpoint = _checkpoint(folder)
    edit(checkpoint)
    torch.save(checkpoint, (folder / 'last_checkpoint').read_text())


# ------------------------------------------------------- killed-and-resumed = uninterrupted


@pytest.mark.resume
@pytest.mark.parametrize(
    ('workers', 'saves'),
    [
        ('main process', 'every epoch'),
        ('main process', 'every iteration'),
        ('two workers', 'every 4 iterations'),
        ('persistent', 'every epoch'),
        ('persistent', 'every iteration'),
    ],
)
def test_resumed_equals_uninterrupted(toy, tmp_path, workers, saves):
    options = {**WORKERS[workers], **SAVES[saves]}
    expected = toy.train(tmp_path / 'whole', **options)
    for at in (12, 21):  # right after an epoch, late in the last
        folder = tmp_path / f'killed at {at}'
        _assert_same(toy.train_killed_and_resumed(folder, {'at': at}, **options), expected)


@pytest.mark.resume
@_options(WORKERS)
def test_without_the_hook_it_does_not(toy, tmp_path, options):
    options = {**options, 'hooks': []}
    expected = toy.train(tmp_path / 'whole', **options)
    resumed = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': 14}, **options)
    assert _differ(resumed, expected)


@pytest.mark.resume
def test_a_kill_at_any_iteration(toy, tmp_path):
    options = {'by_epoch': False, 'interval': 1, 'epochs': 2}
    expected = toy.train(tmp_path / 'whole', **options)
    for at in range(12):  # at 0 nothing is saved yet
        folder = tmp_path / f'killed at {at}'
        _assert_same(toy.train_killed_and_resumed(folder, {'at': at}, **options), expected)


@pytest.mark.resume
def test_a_kill_after_the_last_iteration_of_an_epoch(toy, tmp_path):
    options = {'by_epoch': False, 'interval': 6, 'epochs': 3}
    expected = toy.train(tmp_path / 'whole', **options)
    for at in (6, 12, 18):  # the epoch has no batch left when it is resumed
        kill = {'at': at, 'stage': 'after_train_epoch'}
        folder = tmp_path / f'killed at {at}'
        _assert_same(toy.train_killed_and_resumed(folder, kill, **options), expected)


@HOOKS.register_module(force=True)
class _DrawsAtEpochStart(Hook):
    def before_train_epoch(self, runner):
        random.random(), np.random.rand(), torch.rand(())  # noqa: NPY002


@pytest.mark.resume
@pytest.mark.parametrize('saves', SAVES.values(), ids=SAVES.keys())
def test_other_hooks_may_draw(toy, tmp_path, saves):
    hooks = [{'type': 'mmlt.ResumeStateHook'}, {'type': '_DrawsAtEpochStart'}]
    expected = toy.train(tmp_path / 'whole', hooks=hooks, **saves)
    resumed = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': 15}, hooks=hooks, **saves)
    _assert_same(resumed, expected)


@HOOKS.register_module(force=True)
class _DrawsLastAtEpochStart(_DrawsAtEpochStart):
    priority = 'LOWEST'

    def __init__(self):
        self.num_runs = 0

    def before_run(self, runner):
        self.num_runs += 1


@pytest.mark.resume
@pytest.mark.parametrize('also', [[], [{'type': 'mmlt.ResumeStateHook'}]], ids=['', 'in both'])
def test_as_a_default_hook_it_comes_after_all_others(toy, tmp_path, also):
    options = {
        'default_hooks': {'resume_state': {'type': 'mmlt.ResumeStateHook'}},
        'hooks': [*also, {'type': '_DrawsLastAtEpochStart'}],
        'by_epoch': False,
        'interval': 4,
    }
    expected = toy.train(tmp_path / 'whole', **options)
    resumed = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': 15}, **options)
    _assert_same(resumed, expected)
    runner = toy.build_runner(tmp_path / 'order', **options)
    runner.call_hook('before_run')
    *others, last = runner.hooks
    assert isinstance(last, ResumeStateHook)
    assert not any(isinstance(hook, ResumeStateHook) for hook in others)
    assert [hook.num_runs for hook in others if hasattr(hook, 'num_runs')] == [1]


@pytest.mark.resume
def test_two_kills(toy, tmp_path):
    options = {'by_epoch': False, 'interval': 4}
    expected = toy.train(tmp_path / 'whole', **options)
    toy.train_until_killed(tmp_path / 'killed', {'at': 9}, **options)
    toy.train_until_killed(tmp_path / 'killed', {'at': 11}, resume=True, **options)
    _assert_same(toy.train(tmp_path / 'killed', resume=True, **options), expected)


@pytest.mark.resume
@pytest.mark.parametrize(
    ('workers', 'sampler'),
    [
        ('main process', 'finite'),
        ('main process', 'infinite'),
        ('two workers', 'infinite'),
        ('persistent', 'finite'),
    ],
)
def test_iteration_based_loop(toy, tmp_path, monkeypatch, workers, sampler):
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)
    infinite = sampler == 'infinite'
    options = {
        **WORKERS[workers],
        **{'iter_based': True, 'infinite': infinite, 'by_epoch': False, 'interval': 4},
        **{'scores': [0] * 9},  # validates amid the iterations
    }
    expected = toy.train(tmp_path / 'whole', **options)
    for at in (5, 15):
        folder = tmp_path / f'killed at {at}'
        _assert_same(toy.train_killed_and_resumed(folder, {'at': at}, **options), expected)


@pytest.mark.resume
def test_a_run_without_a_configured_seed(toy, tmp_path):
    options = {'by_epoch': False, 'interval': 4}
    resumed = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': 14}, seed=None, **options)
    drawn = _checkpoint(tmp_path / 'killed')['meta']['seed']
    _assert_same(resumed, toy.train(tmp_path / 'whole', seed=drawn, **options))


@pytest.mark.resume
@_options(WORKERS)
def test_the_sampler_of_torch(toy, tmp_path, options):
    # shuffle=True is a RandomSampler, whose order comes from torch's global stream
    def loader():
        return DataLoader(
            toy.NoisyRows(),
            batch_size=4,
            shuffle=True,
            num_workers=options['num_workers'],
            persistent_workers=options.get('persistent', False),
        )

    saves = {'by_epoch': False, 'interval': 4}
    expected = toy.train(tmp_path / 'whole', train_dataloader=loader(), **saves)
    resumed = toy.train_killed_and_resumed(
        tmp_path / 'killed',
        {'at': 15},
        {'train_dataloader': loader()},
        train_dataloader=loader(),
        **saves,
    )
    _assert_same(resumed, expected)


@MODELS.register_module(force=True)
class _TwoSets(BaseModel):
    """A model of mmaction2's multi-loader loop, which gives it one batch of each set."""

    def __init__(self):
        super().__init__()
        self.net = MODELS.build({'type': 'NoisyNet'})

    def forward(self, first, second, mode='tensor'):
        losses = [self.net(**batch, mode=mode)['loss'] for batch in (first, second)]
        return {'loss': losses[0] + 2 * losses[1]}


@pytest.mark.resume
@_options(WORKERS)
def test_the_multi_loader_loop_of_mmaction2(toy, tmp_path, options):
    from mmaction.engine.runner import MultiLoaderEpochBasedTrainLoop

    def whole_loop(runner, **cfg):
        other = {**toy.train_loader(**options), 'batch_size': 3}  # 8 batches, the first set 6
        return MultiLoaderEpochBasedTrainLoop(runner, other_loaders=[other], **cfg)

    LOOPS.register_module('_TwoSetsLoop', module=whole_loop, force=True)
    saves = {'by_epoch': False, 'interval': 3, 'epochs': 2}
    run = {'loop': '_TwoSetsLoop', 'model': '_TwoSets', **options, **saves}
    expected = toy.train(tmp_path / 'whole', **run)
    # at 9 of 16 iterations: one batch of the second epoch is done
    resumed = toy.train_killed_and_resumed(tmp_path / 'killed', {'at': 11}, **run)
    _assert_same(resumed, expected)


# ------------------------------------------------------------------------------- validation


@pytest.mark.resume
@pytest.mark.parametrize('stage', ['before_val_epoch', 'after_val_epoch'])
def test_a_kill_during_validation(toy, tmp_path, stage):
    options = {
        'scores': [1.0, 0.0, 2.0, 0.0],
        'param_scheduler': {
            'type': 'ReduceOnPlateauLR',
            'monitor': 'score',
            'rule': 'greater',
            'factor': 0.1,
            'patience': 0,
        },
        'checkpoint': {'save_best': 'score', 'rule': 'greater'},
    }
    expected = toy.train(tmp_path / 'whole', **options)
    kill = {'at': 12, 'stage': stage}  # the second validation, after which the rate falls
    resumed = toy.train_killed_and_resumed(
        tmp_path / 'killed', kill, {'scores': [0.0, 2.0, 0.0]}, **options
    )
    _assert_same(resumed, expected)
    assert (tmp_path / 'killed' / 'best_score_epoch_3.pth').exists()


@pytest.mark.resume
def test_a_validation_already_made_is_not_repeated(toy, tmp_path):
    # the best checkpoint makes mmengine save once more, amid a validation that has drawn numbers
    options = {'checkpoint': {'save_best': 'score', 'rule': 'greater'}}
    expected = toy.train(tmp_path / 'whole', scores=[1.0] * 4, **options)
    toy.train_until_killed(tmp_path / 'killed', {'at': 8}, scores=[1.0], **options)
    folder = tmp_path / 'killed'
    runner = toy.build_runner(folder, resume=True, scores=[5.0, 6.0, 7.0], **options)
    _assert_same(toy.run(runner), expected)
    assert runner.val_evaluator.metrics[0].scores == []


def test_validation_leaves_the_streams_of_training_alone(toy, tmp_path):
    without = toy.train(tmp_path / 'without')
    _assert_same(toy.train(tmp_path / 'with', scores=[0] * 4), without)


# ------------------------------------------------------------------- position within the epoch


@pytest.mark.resume
def test_batches_already_used_are_not_read_again(toy, tmp_path):
    options = {'by_epoch': False, 'interval': 4}
    toy.reads.clear()
    toy.train(tmp_path / 'whole', **options)
    whole = list(toy.reads)
    toy.reads.clear()
    toy.train_until_killed(tmp_path / 'killed', {'at': 9}, **options)
    toy.reads.clear()
    toy.train(tmp_path / 'killed', resume=True, **options)
    # 8 iterations are done: an epoch of 22 rows and two batches of 4
    assert toy.reads == whole[22 + 2 * 4 :]


@HOOKS.register_module(force=True)
class _Steps(Hook):
    seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append((runner.epoch, batch_idx, runner.iter))


@pytest.mark.resume
def test_hooks_see_the_true_batch_idx(toy, tmp_path):
    options = {'by_epoch': False, 'interval': 4}
    toy.train_until_killed(tmp_path, {'at': 9}, **options)
    _Steps.seen.clear()
    hooks = [{'type': 'mmlt.ResumeStateHook'}, {'type': '_Steps'}]
    toy.train(tmp_path, resume=True, hooks=hooks, **options)
    assert _Steps.seen == [(step // 6, step % 6, step) for step in range(8, 24)]


# ---------------------------------------------------------------------------------- workers


def test_weights_do_not_depend_on_the_workers(toy, tmp_path):
    one = toy.train(tmp_path / 'one', num_workers=1)
    _assert_same(toy.train(tmp_path / 'two', num_workers=2), one)
    _assert_same(toy.train(tmp_path / 'kept', num_workers=2, persistent=True), one)


@pytest.mark.parametrize('persistent', [False, True])
def test_workers_draw_anew_in_every_epoch(toy, tmp_path, persistent):
    seen = []

    class Record(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            seen.extend(zip(data_batch['labels'], data_batch['inputs']))

    toy.train(tmp_path, num_workers=2, persistent=persistent, hooks=[ResumeStateHook(), Record()])
    assert len(seen) == 4 * 22
    assert len({row.numpy().tobytes() for _, row in seen}) == 4 * 22


# --------------------------------------------------------------------------- the checkpoint


def test_the_checkpoint_is_plain_and_holds_the_streams(toy, tmp_path):
    runner = toy.build_runner(tmp_path, by_epoch=False, interval=10, epochs=2, num_workers=2)
    toy.run(runner)
    state = _checkpoint(tmp_path)['resume_state']  # loaded weights-only
    assert (state['batches_done'], state['global_batch_size']) == (6, 4)
    assert state['sampler_seeds'] == [7]
    (rank,) = state['ranks']
    assert torch.equal(rank['torch'], torch.get_rng_state())
    assert tuple(rank['python'][1].tolist()) == random.getstate()[1]
    assert rank['numpy'][1].tolist() == np.random.get_state()[1].tolist()  # noqa: NPY002


def test_loading_weights_is_no_resume(toy, tmp_path):
    toy.train(tmp_path / 'first', epochs=1)
    states = []
    for load_from in (None, (tmp_path / 'first' / 'epoch_1.pth')):
        runner = toy.build_runner(tmp_path / 'second', epochs=1)
        runner._load_from = load_from and str(load_from)
        toy.run(runner)
        states.append(_checkpoint(tmp_path / 'second')['resume_state']['ranks'][0]['torch'])
    assert torch.equal(*states)


def test_a_checkpoint_without_the_state_resumes_with_one_warning(toy, tmp_path):
    toy.train_until_killed(tmp_path, {'at': 15}, hooks=[])
    runner = toy.build_runner(tmp_path, resume=True)
    messages = _listen(runner)
    toy.run(runner)
    assert len(messages.about('saved without mmlt.ResumeStateHook')) == 1
    assert runner.iter == 24


def test_a_state_of_another_layout(toy, tmp_path):
    toy.train_until_killed(tmp_path, {'at': 15})
    _edit_checkpoint(tmp_path, lambda checkpoint: checkpoint['resume_state'].pop('ranks'))
    with pytest.raises(ValueError, match='resume_state.*another layout: ranks missing'):
        toy.train(tmp_path, resume=True)


def test_another_number_of_ranks(toy, tmp_path):
    def saved_by_two_ranks(checkpoint):
        state = checkpoint['resume_state']
        state['ranks'] *= 2
        state['global_batch_size'], state['batches_done'] = 8, 2

    toy.train_until_killed(tmp_path, {'at': 9}, by_epoch=False, interval=8)
    _edit_checkpoint(tmp_path, saved_by_two_ranks)
    runner = toy.build_runner(tmp_path, resume=True)
    messages = _listen(runner)
    toy.reads.clear()
    toy.run(runner)
    assert len(messages.about('holds the random state of 2 of 2 ranks, this run has 1')) == 1
    assert len(toy.reads) == 22 - 2 * 8 + 2 * 22  # 16 rows of the second epoch are used


# ------------------------------------------------------------------------------------ saving


@HOOKS.register_module(force=True)
class _SaveByHand(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter in (3, 4):
            runner.save_checkpoint(runner.work_dir, f'by_hand_{runner.iter}.pth', by_epoch=False)


def test_a_save_on_one_rank_never_waits_for_the_others(toy, tmp_path, monkeypatch):
    monkeypatch.setattr('mmlt.engine.hooks.resume_state_hook.get_world_size', lambda: 2)
    hooks = [{'type': '_SaveByHand'}, {'type': 'mmlt.ResumeStateHook'}]
    runner = toy.build_runner(tmp_path, hooks=hooks, epochs=1)
    messages = _listen(runner)
    toy.run(runner)
    assert len(messages.about('random state of rank 0 only')) == 1
    ranks = load_weights_only(tmp_path / 'by_hand_3.pth')['resume_state']['ranks']
    assert ranks[0] is not None and ranks[1:] == [None]


def test_a_save_amid_accumulated_gradients_warns(toy, tmp_path):
    counts = []
    for interval in (2, 3):
        runner = toy.build_runner(
            tmp_path, by_epoch=False, interval=interval, epochs=1, accumulative_counts=2
        )
        messages = _listen(runner)
        toy.run(runner)
        counts.append(len(messages.about('amid accumulated gradients')))
    assert counts == [0, 1]


def test_stock_checkpoint_hooks_become_safe_ones(toy, tmp_path):
    class Own(CheckpointHook):
        pass

    runner = toy.build_runner(tmp_path, epochs=1, hooks=[ResumeStateHook(), Own()])
    runner.train()
    kinds = {type(hook) for hook in runner.hooks if isinstance(hook, CheckpointHook)}
    assert kinds == {AtomicCheckpointHook, Own}
