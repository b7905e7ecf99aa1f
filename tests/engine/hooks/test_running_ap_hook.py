"""The AP of every class over an epoch, with and without mixing, kills and ranks."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from warm_python import PYTHON

import mmlt
from mmlt.functional import average_precision
from mmlt.weights_only import load_weights_only

STILL = {'plain': True, 'lr': 0.0}  # scores depend on the video alone


def _reference_scores(toy_ap, runner, order):
    """Clean scores of some videos by a model that does not move, and their multi-hot labels."""
    model = getattr(runner.model, 'module', runner.model)
    dataset = toy_ap.ToyVideos()
    items = [dataset[index] for index in order]
    with torch.no_grad():
        scores = model(torch.stack([item['inputs'] for item in items]))
    targets = torch.zeros(scores.shape)
    for row, item in zip(targets, items):
        row[item['data_samples'].gt_label] = 1
    return scores.numpy(), targets.numpy()


def _reference_ap(toy_ap, runner, order):
    class_ap = average_precision(*_reference_scores(toy_ap, runner, order))
    return torch.from_numpy(class_ap).nan_to_num().float()


@pytest.mark.parametrize('ratio', [0, 0.3, 0.6, 1])
def test_every_video_counts_once_by_its_clean_score(toy_ap, tmp_path, ratio):
    runner = toy_ap.train(tmp_path, ratio=ratio, **STILL)
    expected = _reference_ap(toy_ap, runner, range(toy_ap.NUM_VIDEOS))
    assert expected[3] == 0 and (expected[:3] > 0).all()
    for class_ap in runner.ap_history:
        assert torch.equal(class_ap, expected)


def test_repeats_count_every_time(toy_ap, tmp_path):
    runner = toy_ap.train(tmp_path, epochs=1, sampler='RepeatingSampler', **STILL)
    expected = _reference_ap(toy_ap, runner, [1, 1, *range(toy_ap.NUM_VIDEOS)])
    assert torch.equal(runner.ap_history[0], expected)
    assert not torch.equal(expected, _reference_ap(toy_ap, runner, range(toy_ap.NUM_VIDEOS)))


def test_softmax_ranks_otherwise(toy_ap, tmp_path):
    runner = toy_ap.train(tmp_path, epochs=1, ap_hook={'scores': 'softmax'}, **STILL)
    logits, targets = _reference_scores(toy_ap, runner, range(toy_ap.NUM_VIDEOS))
    scores = torch.from_numpy(logits).softmax(1).numpy()
    expected = torch.from_numpy(average_precision(scores, targets)).nan_to_num().float()
    assert torch.equal(runner.ap_history[0], expected)


class _Forget(Hook):
    priority = 'VERY_LOW'

    def after_train_epoch(self, runner):
        runner.model.data_preprocessor.blending.class_ap.zero_()


def test_the_next_epoch_mixes_by_it(toy_ap, tmp_path):
    weights = []
    for hooks in ([], [_Forget()]):
        runner = toy_ap.build_runner(tmp_path, epochs=2, ratio=1)  # epoch 1 warms up
        for hook in hooks:
            runner.register_hook(hook)
        runner.train()
        weights.append(runner.model.head.weight.detach().clone())
    assert not torch.equal(*weights)


def test_the_extra_forward_leaves_no_trace(toy_ap, tmp_path):
    """One epoch with mixing, by the hook and with the hook's extra forward taken out."""
    states = []
    for forward_clean in (None, lambda inputs: torch.zeros(len(inputs), toy_ap.NUM_CLASSES)):
        runner = toy_ap.build_runner(tmp_path, epochs=1)
        (hook,) = (h for h in runner.hooks if type(h).__name__ == 'RunningAPHook')
        runner.model.data_preprocessor.blending.warmup_epochs = 0
        if forward_clean is not None:
            hook._forward_clean = forward_clean
        runner.train()
        states.append({**runner.model.state_dict(), 'stream': torch.get_rng_state()})
    name = 'data_preprocessor.blending.class_ap'
    assert not torch.equal(states[0].pop(name), states[1].pop(name))
    for key, tensor in states[0].items():
        assert torch.equal(tensor, states[1][key]), key
    assert states[0]['norm.0.num_batches_tracked'] == 3


# ------------------------------------------------------------------------------------ resume


def _assert_same_end(runner, expected):
    weights, others = runner.model.state_dict(), expected.model.state_dict()
    for name, tensor in others.items():
        assert torch.equal(weights[name], tensor), name
    num_epochs = len(runner.ap_history)
    for class_ap, other in zip(runner.ap_history, expected.ap_history[-num_epochs:]):
        assert torch.equal(class_ap, other)


@pytest.fixture(scope='module')
def whole(toy_ap, tmp_path_factory):
    return toy_ap.train(tmp_path_factory.mktemp('whole'))


@pytest.mark.resume
@pytest.mark.parametrize('at', [2, 3, 4, 5, 8])
def test_a_killed_run_goes_on_as_if_not(toy_ap, tmp_path, whole, at):
    with pytest.raises(toy_ap.Killed):
        toy_ap.train(tmp_path, kill={'at': at})
    torch.manual_seed(99)
    _assert_same_end(toy_ap.train(tmp_path, resume=True), whole)


@pytest.mark.resume
def test_a_kill_between_the_last_iteration_and_the_end_of_the_epoch(toy_ap, tmp_path, whole):
    kill = {'at': 6, 'stage': 'after_train_epoch'}
    runner = toy_ap.build_runner(tmp_path, kill=kill)
    (hook,) = (h for h in runner.hooks if type(h).__name__ == 'KillRunHook')
    runner.hooks.remove(hook)
    runner.hooks.insert(0, hook)  # before the AP is set
    with pytest.raises(toy_ap.Killed):
        runner.train()
    _assert_same_end(toy_ap.train(tmp_path, resume=True), whole)


@pytest.mark.resume
def test_whole_epochs_leave_no_rows_in_the_checkpoint(toy_ap, tmp_path):
    toy_ap.train(tmp_path, epochs=1, save={'by_epoch': True, 'interval': 1})
    checkpoint = load_weights_only((tmp_path / 'last_checkpoint').read_text())
    assert 'running_ap' not in checkpoint
    assert checkpoint['state_dict']['data_preprocessor.blending.class_ap'].any()


@pytest.mark.resume
def test_without_resume_state_hook_the_epoch_starts_anew(toy_ap, tmp_path):
    options = {'resume_hook': False, **STILL}
    with pytest.raises(toy_ap.Killed):
        toy_ap.train(tmp_path, kill={'at': 5}, **options)
    runner = toy_ap.train(tmp_path, resume=True, **options)
    expected = _reference_ap(toy_ap, runner, range(toy_ap.NUM_VIDEOS))
    assert all(torch.equal(class_ap, expected) for class_ap in runner.ap_history)


class _Messages(logging.Handler):
    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def _edit_checkpoint(folder, edit):
    path = (folder / 'last_checkpoint').read_text()
    checkpoint = load_weights_only(path)
    edit(checkpoint)
    torch.save(checkpoint, path)


@pytest.mark.resume
def test_a_checkpoint_without_the_rows_warns(toy_ap, tmp_path):
    with pytest.raises(toy_ap.Killed):
        toy_ap.train(tmp_path, kill={'at': 5})
    _edit_checkpoint(tmp_path, lambda checkpoint: checkpoint.pop('running_ap'))
    runner, messages = toy_ap.build_runner(tmp_path, resume=True), _Messages()
    runner.logger.addHandler(messages)
    runner.train()
    assert sum('holds no rows of this epoch' in text for text in messages.texts) == 1


@pytest.mark.resume
@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (lambda state: state.pop('places'), 'is no dict of scores, targets, places'),
        (lambda state: state.update(scores=torch.zeros(3, 7)), r'shape \(3, 7\).* has 4 classes'),
    ],
)
def test_rows_of_another_layout(toy_ap, tmp_path, edit, message):
    with pytest.raises(toy_ap.Killed):
        toy_ap.train(tmp_path, kill={'at': 5})
    _edit_checkpoint(tmp_path, lambda checkpoint: edit(checkpoint['running_ap']))
    with pytest.raises(ValueError, match=message):
        toy_ap.train(tmp_path, resume=True)


# ------------------------------------------------------------------------------------- ranks


def _launch(work_dir, options, *arguments):
    script = Path(__file__).with_name('running_ap_training.py')
    launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    command = [PYTHON, *launcher, str(script), str(work_dir), json.dumps(options)]
    root = str(Path(mmlt.__file__).parents[1])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    return subprocess.run([*command, *map(str, arguments)], env=env, timeout=300).returncode


def _histories(folder):
    return [load_weights_only(folder / f'history_{rank}.pth') for rank in range(2)]


@pytest.mark.dist
def test_two_ranks_give_the_ap_of_one(toy_ap, tmp_path):
    """11 videos: one is seen twice, to make the ranks even, and counts once."""
    runner = toy_ap.train(tmp_path / 'one', **STILL)
    assert _launch(tmp_path / 'two', {'batch_size': 2, **STILL}) == 0
    for history in _histories(tmp_path / 'two'):
        assert all(map(torch.equal, history, runner.ap_history))


@pytest.mark.dist
@pytest.mark.resume
def test_one_of_two_ranks_killed_amid_an_epoch(tmp_path):
    options = {'batch_size': 2}  # 3 iterations an epoch
    assert _launch(tmp_path / 'whole', options) == 0
    assert _launch(tmp_path / 'killed', options, '--kill-rank', 1, '--kill-at', 5) != 0
    assert _launch(tmp_path / 'killed', options, '--resume') == 0
    for history, expected in zip(_histories(tmp_path / 'killed'), _histories(tmp_path / 'whole')):
        assert len(history) == 2 and len(expected) == 3
        assert all(map(torch.equal, history, expected[1:]))


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'beta': 'constant'}, 'the model has 0 blendings that need the running AP'),
        ({'head_name': 'fc'}, 'ToyRecognizer has neither cls_head nor head; name the module'),
        ({'ap_hook': {'head': 'fc'}}, r"RunningAPHook\(head='fc'\): the model has no such module"),
        ({'ap_hook': {'head': 'norm'}}, r'Sequential gave \(4, 6\) for targets of shape \(4, 4\)'),
        ({'ap_hook': {'head': 'unused'}}, 'saw no logits of Identity for a batch of FrameStack'),
        ({'feature_mixing': True}, 'feature_mixing of ToyRecognizer mixes rows behind'),
        ({'iter_based': True}, 'measures over epochs, this run counts iterations'),
    ],
)
def test_errors_say_what_to_do(toy_ap, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        toy_ap.train(tmp_path, **options)


def test_the_head_may_be_named(toy_ap, tmp_path):
    options = {'head_name': 'fc', 'ap_hook': {'head': 'fc'}, 'epochs': 1, **STILL}
    assert toy_ap.train(tmp_path, **options).ap_history[0].any()
