"""A run that draws balanced classes: killed and resumed equals uninterrupted."""

from __future__ import annotations

import pytest
import torch
from mmengine.registry import DATASETS

SAMPLERS = {
    'uniform': {'mode': 'uniform'},
    'repeat_factor': {'mode': 'repeat_factor', 'repeat_threshold': 0.5},
    'duplicate': {'mode': 'duplicate', 'num_samples': 22},
}
RUNS = {
    'main process': {},
    'workers': {'num_workers': 2, 'persistent': True},
    'iterations': {'iter_based': True},
}


@pytest.fixture
def loader(toy):
    """Configures a loader that draws from rows of three classes: 16, 4 and 2 rows."""

    class LabelledRows(toy.NoisyRows):
        def get_data_info(self, index):
            return {'label': (index >= 16) + (index >= 20)}

        def __getitem__(self, index):
            row = super().__getitem__(int(index))
            class_id = -1 if index.class_id is None else index.class_id
            return {**row, 'inputs': row['inputs'] + class_id}

    DATASETS.register_module('LabelledRows', module=LabelledRows, force=True)

    def configure(mode, num_workers=0, persistent=False):
        return {
            **toy.train_loader(num_workers, persistent),
            'dataset': {'type': 'LabelledRows'},
            'sampler': {'type': 'mmlt.ClassBalancedSampler', **SAMPLERS[mode]},
        }

    return configure


@pytest.mark.resume
@pytest.mark.parametrize('mode', SAMPLERS)
@pytest.mark.parametrize('run', RUNS)
def test_killed_and_resumed_equals_uninterrupted(toy, loader, tmp_path, monkeypatch, mode, run):
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)
    options = dict(RUNS[run])
    workers = {key: options.pop(key) for key in ('num_workers', 'persistent') if key in options}
    options.update(by_epoch=False, interval=4, epochs=3, train_dataloader=loader(mode, **workers))
    expected = toy.train(tmp_path / 'whole', **options)
    for at in (3, 10):  # amid the first and the second epoch
        resumed = toy.train_killed_and_resumed(tmp_path / f'killed at {at}', {'at': at}, **options)
        for name, tensor in expected.items():
            assert torch.equal(resumed[name], tensor), name


@pytest.mark.resume
def test_draws_already_used_are_not_read_again(toy, loader, tmp_path):
    options = dict(by_epoch=False, interval=4, train_dataloader=loader('duplicate'))
    toy.reads.clear()
    toy.train(tmp_path / 'whole', **options)
    whole = list(toy.reads)
    toy.train_until_killed(tmp_path / 'killed', {'at': 9}, **options)
    toy.reads.clear()
    toy.train(tmp_path / 'killed', resume=True, **options)
    assert toy.reads == whole[22 + 2 * 4 :]  # 8 iterations are done: an epoch and two batches of 4
