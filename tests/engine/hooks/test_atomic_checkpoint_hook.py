"""At every moment of a save the checkpoint that ``last_checkpoint`` names is whole."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from warm_python import PYTHON

import mmlt
from mmlt.engine.hooks.atomic_checkpoint_hook import WholeFileBackend
from mmlt.weights_only import load_weights_only

SAFE = {'hooks': [], 'checkpoint': {'type': 'mmlt.AtomicCheckpointHook'}}


def _files(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def _last(folder):
    """Name and iteration of the checkpoint that a resume would take; it must be readable."""
    path = Path((folder / 'last_checkpoint').read_text())
    return path.name, load_weights_only(path)['meta']['iter']


class _DiesInSync:
    """Stands for ``os.fsync``: at its n-th call the file is half written and the process ends."""

    def __init__(self, at):
        self.calls = 0
        self.at = at

    def __call__(self, descriptor):
        self.calls += 1
        if self.calls == self.at:
            os.truncate(descriptor, os.fstat(descriptor).st_size // 2)
            raise KeyboardInterrupt


# each save syncs the checkpoint, then last_checkpoint
@pytest.mark.resume
@pytest.mark.parametrize(
    ('call', 'files'),
    [
        (3, ['epoch_1.pth']),  # in the second checkpoint
        (4, ['epoch_1.pth', 'epoch_2.pth']),  # in last_checkpoint
    ],
)
def test_a_kill_while_saving(toy, tmp_path, monkeypatch, call, files):
    expected = toy.train(tmp_path / 'whole')
    folder = tmp_path / 'killed'
    with monkeypatch.context() as patched:
        patched.setattr('os.fsync', _DiesInSync(call))
        with pytest.raises(KeyboardInterrupt):
            toy.train(folder)
    assert _files(folder) == files
    assert _last(folder) == ('epoch_1.pth', 6)
    resumed = toy.train(folder, resume=True)
    for name, tensor in expected.items():
        assert torch.equal(resumed[name], tensor), name
    assert _last(folder) == ('epoch_4.pth', 24)


@pytest.mark.resume
def test_sigkill_while_saving(tmp_path):
    script = Path(__file__).with_name('toy_training.py')
    command = [PYTHON, str(script), str(tmp_path), '--launcher', 'none']
    root = str(Path(mmlt.__file__).parents[1])
    env = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    killed = subprocess.run([*command, '--kill-in-save', '3'], env=env, timeout=300)
    assert killed.returncode == -9
    assert _last(tmp_path) == ('epoch_1.pth', 6)
    subprocess.run([*command, '--resume'], env=env, timeout=300, check=True)
    assert _last(tmp_path) == ('epoch_4.pth', 24)
    assert _files(tmp_path) == ['epoch_4.pth']
    assert not list(tmp_path.glob('.*.tmp'))


def test_serialisation_that_fails(toy, tmp_path, monkeypatch):
    save, calls = torch.save, []

    def fails_at_the_third(*args, **kwargs):
        calls.append(None)
        if len(calls) == 3:
            raise OSError('no space left')
        save(*args, **kwargs)

    monkeypatch.setattr('torch.save', fails_at_the_third)
    with pytest.raises(OSError, match='no space left'):
        toy.train(tmp_path, **SAFE)
    assert _last(tmp_path) == ('epoch_2.pth', 12)


@pytest.mark.parametrize('keep', [1, 2, -1])
def test_keeps_what_mmengine_keeps(toy, tmp_path, keep):
    for kind in ('CheckpointHook', 'mmlt.AtomicCheckpointHook'):
        checkpoint = {
            'type': kind,
            'max_keep_ckpts': keep,
            'save_best': 'score',
            'rule': 'greater',
        }
        folder = tmp_path / kind
        toy.train(folder, hooks=[], checkpoint=checkpoint, scores=[1.0, 3.0, 2.0, 4.0])
    stock, safe = (tmp_path / kind for kind in ('CheckpointHook', 'mmlt.AtomicCheckpointHook'))
    assert _files(safe) == _files(stock)
    assert _last(safe) == _last(stock)
    hubs = [
        load_weights_only(folder / 'epoch_4.pth')['message_hub']['runtime_info']
        for folder in (safe, stock)
    ]
    for key in ('keep_ckpt_ids', 'best_score'):
        assert hubs[0].get(key) == hubs[1].get(key)


def test_the_best_checkpoint_outlives_a_failing_better_one(toy, tmp_path, monkeypatch):
    save = torch.save

    def fails_for_the_second_best(checkpoint, *args, **kwargs):
        if 'optimizer' not in checkpoint and checkpoint['meta']['epoch'] == 2:
            raise OSError('no space left')
        save(checkpoint, *args, **kwargs)

    monkeypatch.setattr('torch.save', fails_for_the_second_best)
    checkpoint = {**SAFE['checkpoint'], 'save_best': 'score', 'rule': 'greater'}
    with pytest.raises(OSError, match='no space left'):
        toy.train(tmp_path, hooks=[], checkpoint=checkpoint, scores=[1.0, 2.0, 3.0, 4.0])
    assert 'best_score_epoch_1.pth' in _files(tmp_path)


@pytest.mark.resume
def test_a_best_checkpoint_written_again_under_its_name_stays(toy, tmp_path):
    # killed between the best checkpoint of epoch 1 and the save that notes it
    checkpoint = {**SAFE['checkpoint'], 'save_best': 'score', 'rule': 'greater'}
    options = {'hooks': [], 'checkpoint': checkpoint}
    toy.train(tmp_path, epochs=1, scores=[1.0], **options)
    first = load_weights_only(tmp_path / 'epoch_1.pth')
    first['meta'].update(epoch=0, iter=0)
    torch.save(first, tmp_path / 'epoch_1.pth')
    toy.train(tmp_path, epochs=1, scores=[2.0], resume=True, **options)
    assert _files(tmp_path) == ['best_score_epoch_1.pth', 'epoch_1.pth']


def test_a_chosen_backend_is_respected(toy, tmp_path):
    checkpoint = {**SAFE['checkpoint'], 'backend_args': {'backend': 'local'}}
    runner = toy.build_runner(tmp_path, epochs=1, hooks=[], checkpoint=checkpoint)
    toy.run(runner)
    (hook,) = [hook for hook in runner.hooks if hasattr(hook, 'file_backend')]
    assert type(hook.file_backend) is LocalBackend
    assert _last(tmp_path) == ('epoch_1.pth', 6)


def test_files_are_replaced_whole(tmp_path, monkeypatch):
    path = tmp_path / 'new' / 'file'
    backend = WholeFileBackend()
    backend.put(b'old', path)
    monkeypatch.setattr('os.fsync', _DiesInSync(1))
    with pytest.raises(KeyboardInterrupt):
        backend.put(b'newer', path)
    assert path.read_bytes() == b'old'
    monkeypatch.undo()
    backend.put(b'newest', path)
    assert path.read_bytes() == b'newest'
    assert [file.name for file in path.parent.iterdir()] == ['file']
