"""Turning the configs of VideoLT's bench to other data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmlt.experiments.videolt_bench import (
    Data,
    config_of,
    data_environment,
    find_features,
    read_data,
    toy_options,
    write_counts,
)
from mmlt.fileio.class_counts import read_class_counts

DATA = Data(Path('new'), Path('new/features/r50'), num_classes=3, feature_dim=8)


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


def test_a_data_set_is_variables_of_the_environment():
    assert data_environment(DATA, 'c.json') == {
        'VIDEOLT_ROOT': 'new',
        'VIDEOLT_FEATURES': 'features/r50',
        'VIDEOLT_COUNTS': str(Path('c.json').resolve()),
        'VIDEOLT_CLASSES': '3',
        'VIDEOLT_CHANNELS': '8',
    }
    limits = {'head_min': 20, 'tail_max': 4}
    given = data_environment(DATA, 'c.json', **limits, max_epochs=10)
    assert {
        key: value for key, value in given.items() if key[8:] in 'HEAD_MIN TAIL_MAX EPOCHS'
    } == {
        'VIDEOLT_HEAD_MIN': '20',
        'VIDEOLT_TAIL_MAX': '4',
        'VIDEOLT_EPOCHS': '10',
    }


def test_features_may_lie_elsewhere(tmp_path):
    found = data_environment(DATA._replace(feature_dir=tmp_path), 'c.json')
    assert found['VIDEOLT_FEATURES'] == str(tmp_path)


def test_epochs_must_be_some():
    with pytest.raises(ValueError, match='max_epochs'):
        data_environment(DATA, 'c.json', max_epochs=0)


def test_the_toy_is_judged_on_the_list_asked_for():
    options = toy_options(DATA, 'val')
    assert options['test_dataloader.dataset.ann_file'] == str(Path('new/val.lst'))
    assert not [key for key in options if key.startswith(('val_', 'custom_hooks'))]


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
