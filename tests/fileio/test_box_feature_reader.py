from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmlt.fileio.box_feature_reader import open_features


def test_rows_across_shards_in_the_order_asked_for(feature_dir):
    found = open_features(feature_dir).read(np.array([5, 0, 4, 5]))
    assert found.dtype == torch.float32
    assert found.tolist() == [[50, 51, 52], [0, 1, 2], [40, 41, 42], [50, 51, 52]]


def test_half_precision_is_read_as_single(feature_dir):
    for number in range(2):
        path = feature_dir / f'shard_0000{number}' / 'features.npy'
        np.save(path, np.load(path).astype(np.float16))
    meta = json.loads((feature_dir / 'meta.json').read_text())
    (feature_dir / 'meta.json').write_text(json.dumps({**meta, 'dtype': 'float16'}))
    found = open_features(feature_dir).read(np.arange(7))
    assert found.dtype == torch.float32
    assert found[:, 1].tolist() == [1, 11, 21, 31, 41, 51, 61]


def test_no_file_stays_open(feature_dir):
    import psutil

    features = open_features(feature_dir)
    opened = [file.path for file in psutil.Process().open_files()]
    assert not [path for path in opened if 'features.npy' in path]
    assert features.read(np.array([6])).tolist() == [[60, 61, 62]]


@pytest.mark.parametrize('name', ['features', 'labels', 'rows'])
def test_truncated_file(feature_dir, name):
    path = feature_dir / 'shard_00001' / f'{name}.npy'
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf'shard_00001/{name}\.npy is truncated'):
        open_features(feature_dir)


@pytest.mark.parametrize('name', ['features', 'labels', 'rows'])
def test_missing_file(feature_dir, name):
    (feature_dir / 'shard_00000' / f'{name}.npy').unlink()
    with pytest.raises(FileNotFoundError, match=rf'shard_00000/{name}\.npy is missing'):
        open_features(feature_dir)


@pytest.mark.parametrize('name', ['index.json', 'meta.json', 'keyframes.npy'])
def test_unfinished_folder(feature_dir, name):
    (feature_dir / name).unlink()
    with pytest.raises(FileNotFoundError, match=f'{name} does not exist.*not finished'):
        open_features(feature_dir)


def test_another_width(feature_dir):
    path = feature_dir / 'shard_00001' / 'features.npy'
    np.save(path, np.zeros((3, 5), dtype=np.float32))
    with pytest.raises(ValueError, match=r'features\.npy: shape \(3, 5\).*say \(3, 3\), float32'):
        open_features(feature_dir)


def test_index_with_other_rows(feature_dir):
    index = json.loads((feature_dir / 'index.json').read_text())
    index['shards'][0]['num_rows'] = 5
    (feature_dir / 'index.json').write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r'rows\.npy: shape \(4,\).*say \(5,\)'):
        open_features(feature_dir)


def test_index_without_a_shard(feature_dir):
    index = json.loads((feature_dir / 'index.json').read_text())
    del index['shards'][1]
    (feature_dir / 'index.json').write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r'index\.json does not list the 2 shards'):
        open_features(feature_dir)


def test_shards_in_each_others_place(feature_dir):
    first, second = (feature_dir / f'shard_0000{number}' for number in range(2))
    first.rename(feature_dir / 'x')
    second.rename(first)
    (feature_dir / 'x').rename(second)
    index = json.loads((feature_dir / 'index.json').read_text())
    for shard, num_rows in zip(index['shards'], (3, 4)):
        shard['num_rows'] = num_rows
    (feature_dir / 'index.json').write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r'shard_00000/rows\.npy: keyframes are not those'):
        open_features(feature_dir)


def test_a_pickle_is_not_run(feature_dir):
    path = feature_dir / 'shard_00000' / 'rows.npy'
    np.save(path, np.array([{'a': 1}], dtype=object), allow_pickle=True)
    with pytest.raises(
        ValueError, match=r'rows\.npy is truncated or no \.npy file of plain numbers.*\|O'
    ):
        open_features(feature_dir)


def test_json_that_is_none(feature_dir):
    (feature_dir / 'index.json').write_text('{')
    with pytest.raises(ValueError, match=r'index\.json, line 1: not JSON'):
        open_features(feature_dir)


def _rewrite(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'format': 'x'}, "format is 'x', not 'mmlt box features, version 1'"),
        ({'num_shards': 10**9}, 'num_shards is 1000000000; 3 keyframes make 2'),
        ({'num_shards': None}, 'num_shards is None, not a whole number >= 0'),
        ({'num_keyframes': 3.0}, 'num_keyframes is 3.0, not a whole number >= 0'),
        ({'keyframes_per_shard': 0}, 'keyframes_per_shard is 0, not a whole number >= 1'),
        ({'feature_dim': True}, 'feature_dim is True, not a whole number >= 1'),
        ({'dtype': 'O'}, "dtype is 'O', none of float32, float16"),
        ({'dtype': ['float32']}, 'dtype is .*, none of float32, float16'),
    ],
)
def test_meta_that_says_something_else(feature_dir, changes, message):
    _rewrite(feature_dir / 'meta.json', **changes)
    with pytest.raises(ValueError, match=r'meta\.json: ' + message):
        open_features(feature_dir)


@pytest.mark.parametrize('shards', [None, 3, [1, 2], [{}, {}], [{'name': 'shard_00000'}] * 2])
def test_index_of_another_form(feature_dir, shards):
    _rewrite(feature_dir / 'index.json', shards=shards)
    with pytest.raises(ValueError, match=r'index\.json does not list the 2 shards of meta\.json'):
        open_features(feature_dir)


@pytest.mark.parametrize(
    'table',
    [
        np.array([('one', 902)] * 2, [('video_id', '<U3'), ('timestamp', '<i4')]),
        np.array([('one', 902)] * 3, [('video_id', '<U3'), ('second', '<i4')]),
        np.arange(3),
    ],
    ids=['fewer', 'other names', 'no table'],
)
def test_another_table_of_keyframes(feature_dir, table):
    np.save(feature_dir / 'keyframes.npy', table)
    with pytest.raises(
        ValueError, match=r'keyframes\.npy: shape .* meta\.json says \(3,\), of video'
    ):
        open_features(feature_dir)


@pytest.mark.parametrize(
    ('field', 'value'), [('kind', 2), ('box', -1), ('score', np.nan), ('box_xyxy_norm', np.inf)]
)
def test_a_row_that_no_extraction_writes(feature_dir, field, value):
    path = feature_dir / 'shard_00000' / 'rows.npy'
    rows = np.load(path)
    rows[field][1] = value
    np.save(path, rows)
    with pytest.raises(ValueError, match=r'shard_00000/rows\.npy, row 1: \('):
        open_features(feature_dir)


def test_a_label_that_is_neither_0_nor_1(feature_dir):
    path = feature_dir / 'shard_00001' / 'labels.npy'
    labels = np.load(path)
    labels[1, 2] = 129
    np.save(path, labels)
    with pytest.raises(ValueError, match=r'labels\.npy, row 1: 129 for class 2, not 0 or 1'):
        open_features(feature_dir)
