"""Turning the configs of VideoLT's bench to other data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.experiments.videolt_bench import (
    Data,
    config_of,
    data_overrides,
    find_features,
    read_data,
    toy_overrides,
    write_counts,
)
from mmlt.fileio.class_counts import read_class_counts

DATA = Data(Path('new'), Path('new/features/r50'), num_classes=3, feature_dim=8)


def _config():
    return {
        'data_root': 'data/videolt',
        'num_classes': 1004,
        'max_epochs': 100,
        'model': {
            'head': {
                'in_channels': 2048,
                'num_classes': 1004,
                'loss_cls': {'loss_weight': 1004, 'class_counts': 'data/videolt/counts.json'},
            }
        },
        'train_cfg': {'max_epochs': 100, 'val_interval': 5},
        'param_scheduler': {'begin': 0, 'end': 100, 'milestones': [30, 60]},
        'custom_hooks': [{'type': 'A'}, {'type': 'EMAHook', 'momentum': 0.001, 'begin': 50}],
        'train_dataloader': {
            'dataset': {
                'ann_file': 'data/videolt/train.lst',
                'data_prefix': {'feature': 'data/videolt/features/resnet101'},
                'pipeline': [{'type': 'Load', 'num_frames': 60}],
            }
        },
        'val_evaluator': {'head_min': 500, 'tail_max': 100},
    }


@pytest.fixture
def data_root(tmp_path):
    (tmp_path / 'features').mkdir()
    np.save(tmp_path / 'features' / 'a.npy', np.zeros((4, 5), np.float32))
    for split in ('train', 'val', 'test'):
        (tmp_path / f'{split}.lst').write_text(f'{split} 0\n')
    (tmp_path / 'count-labels-train.lst').write_text('bee 0 7.0\nbat 1 2.0\n')
    return tmp_path


def test_names_of_configs():
    assert config_of('baseline') == 'nonlinear_videolt.py'
    assert config_of('cbs') == 'nonlinear_videolt_cbs.py'


def test_everything_that_depends_on_the_data_is_exchanged():
    assert data_overrides(_config(), DATA, 'c.json') == {
        'model.head.in_channels': 8,
        'model.head.num_classes': 3,
        'model.head.loss_cls.loss_weight': 3,
        'model.head.loss_cls.class_counts': 'c.json',
        'train_dataloader.dataset.ann_file': str(Path('new/train.lst')),
        'train_dataloader.dataset.data_prefix.feature': str(Path('new/features/r50')),
    }


def test_groups_and_epochs_are_exchanged_where_asked():
    before = data_overrides(_config(), DATA, 'c.json')
    limits = {'head_min': 20, 'tail_max': 4}
    after = data_overrides(_config(), DATA, 'c.json', **limits, max_epochs=10)
    assert {key: value for key, value in after.items() if key not in before} == {
        'train_cfg.max_epochs': 10,
        'train_cfg.val_interval': 1,  # half an epoch is none
        'param_scheduler.end': 10,
        'param_scheduler.milestones': [3, 6],
        'custom_hooks.1.begin': 5,
        'val_evaluator.head_min': 20,
        'val_evaluator.tail_max': 4,
    }


def test_epochs_must_be_some():
    with pytest.raises(ValueError, match='max_epochs'):
        data_overrides(_config(), DATA, 'c.json', max_epochs=0)


def test_the_toy_is_judged_on_the_list_asked_for_and_not_validated():
    overrides = toy_overrides(_config(), DATA, 'c.json', 'val')
    assert overrides['test_dataloader.dataset.ann_file'] == str(Path('new/val.lst'))
    assert not [key for key in overrides if key.startswith('val_')]
    assert overrides['custom_hooks.1.momentum'] > 0.001
    assert 'custom_hooks.0.momentum' not in overrides


def test_reading_a_data_set(data_root):
    found = find_features(data_root)
    assert found == {'features': data_root / 'features'}
    data = read_data(data_root, found['features'])
    assert (data.num_classes, data.feature_dim) == (2, 5)
    write_counts(data_root, data_root / 'counts.json')
    counts = read_class_counts(data_root / 'counts.json', min_id=0)
    assert (counts.counts, counts.names) == ({0: 7, 1: 2}, {0: 'bee', 1: 'bat'})


def test_several_kinds_of_features_are_found(data_root):
    for name in ('resnet50', 'tsm', 'empty'):
        (data_root / 'features' / name).mkdir()
    for name in ('resnet50', 'tsm'):
        (data_root / 'features' / 'a.npy').rename(data_root / 'features' / name / 'a.npy')
        np.save(data_root / 'features' / 'a.npy', np.zeros((1, 1)))
    (data_root / 'features' / 'a.npy').unlink()
    assert list(find_features(data_root)) == ['resnet50', 'tsm']


def test_counts_are_not_overwritten_unasked(data_root):
    (data_root / 'counts.json').write_text('mine')
    with pytest.raises(FileExistsError):
        write_counts(data_root, data_root / 'counts.json')
    write_counts(data_root, data_root / 'counts.json', overwrite=True)


def test_what_is_missing_is_named(data_root):
    with pytest.raises(FileNotFoundError, match=r'nowhere.features: neither \.npy files'):
        find_features(data_root / 'nowhere')
    with pytest.raises(FileNotFoundError, match=r'features: no \.npy file'):
        read_data(data_root, data_root / 'other_features')
    np.save(data_root / 'features' / 'a.npy', np.zeros(4))
    with pytest.raises(ValueError, match=r'a\.npy: features must be \(frames, channels\)'):
        read_data(data_root, data_root / 'features')
    (data_root / 'val.lst').unlink()
    with pytest.raises(FileNotFoundError, match=r'val\.lst does not exist'):
        read_data(data_root, data_root / 'features')
