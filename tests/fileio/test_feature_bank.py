from __future__ import annotations

import json

import numpy as np
import pytest
from feature_bank_world import COUNTS, KEYFRAMES, NUM_PERSONS, WIDTH, features_of, make_bank

from mmlt.fileio.feature_bank import (
    PERSON_DTYPE,
    finish_bank,
    is_finished,
    make_tables,
    missing_shards,
    plan_bank,
    shard_name,
    start_bank,
    write_shard,
)

SOURCES = {
    'checkpoint_sha256': 'c' * 64,
    'config_sha256': 'd' * 64,
    'proposals_sha256': 'e' * 64,
    'score_thr': 0.9,
    'dtype': 'float32',
    'feature_dim': 2,
    'keyframes_per_shard': 2,
}
BOX = [0.1, 0.2, 0.3, 0.4]


@pytest.fixture
def tables():
    """Three keyframes of 2, 1 and 2 persons."""
    keyframes = [('a', 5), ('a', 11), ('longer', 3)]
    scores = [np.array([0.99, 0.95]), np.array([0.92]), np.array([0.97, 0.91])]
    return make_tables(keyframes, scores, [np.tile(BOX, (len(each), 1)) for each in scores])


@pytest.fixture
def begun(tables, tmp_path):
    meta = plan_bank(SOURCES, tables)
    start_bank(tmp_path / 'bank', meta, tables)
    return tmp_path / 'bank', meta


SHARDS = [np.arange(6.0, dtype=np.float32).reshape(3, 2), np.ones((2, 2), np.float32)]


def test_layout(tables, begun):
    folder, meta = begun
    for number, features in enumerate(SHARDS):
        write_shard(folder, number, features)
    finish_bank(folder, meta, tables)
    assert sorted(path.name for path in folder.iterdir()) == [
        'index.json',
        'keyframes.npy',
        'meta.json',
        'persons.npy',
        'shard_00000.npy',
        'shard_00001.npy',
    ]
    assert np.load(folder / 'keyframes.npy').tolist() == [
        ('a', 5, 0),
        ('a', 11, 2),
        ('longer', 3, 3),
    ]
    persons = np.load(folder / 'persons.npy')
    assert persons.dtype == PERSON_DTYPE
    np.testing.assert_allclose(persons['score'], [0.99, 0.95, 0.92, 0.97, 0.91])
    np.testing.assert_allclose(persons['box_xyxy_norm'], [BOX] * 5)
    assert json.loads((folder / 'meta.json').read_text()) == {
        'format': 'mmlt feature bank, version 1',
        **SOURCES,
        'num_keyframes': 3,
        'num_shards': 2,
        'num_persons': 5,
    }
    assert json.loads((folder / 'index.json').read_text()) == {
        'num_rows': 5,
        'shards': [
            {'name': 'shard_00000.npy', 'num_rows': 3},
            {'name': 'shard_00001.npy', 'num_rows': 2},
        ],
    }
    assert np.load(folder / 'shard_00000.npy').tolist() == SHARDS[0].tolist()


def test_a_bank_says_what_it_holds(tmp_path):
    folder = make_bank(tmp_path / 'bank', size=7)
    meta = json.loads((folder / 'meta.json').read_text())
    assert (meta['num_keyframes'], meta['num_persons']) == (len(KEYFRAMES), sum(COUNTS))
    rows = [np.load(folder / shard_name(number)) for number in range(meta['num_shards'])]
    assert np.concatenate(rows).tolist() == features_of(np.arange(NUM_PERSONS)).tolist()
    assert rows[0].shape == (sum(COUNTS[:7]), WIDTH)


def test_which_shards_are_missing(tables, begun):
    folder, meta = begun
    assert missing_shards(folder, meta, tables) == [0, 1]
    write_shard(folder, 1, SHARDS[1])
    assert missing_shards(folder, meta, tables) == [0]
    write_shard(folder, 0, SHARDS[0])
    assert missing_shards(folder, meta, tables) == []
    assert not is_finished(folder, meta, tables)
    finish_bank(folder, meta, tables)
    assert is_finished(folder, meta, tables)


@pytest.mark.parametrize(
    'damage',
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b''),
        lambda path: np.save(path, SHARDS[1]),
        lambda path: np.save(path, SHARDS[0].astype(np.float16)),
        lambda path: np.save(path, SHARDS[0][:, :1]),
    ],
    ids=['absent', 'cut off', 'empty', 'fewer rows', 'another type', 'narrower'],
)
def test_a_shard_that_is_not_whole_is_missing(tables, begun, damage):
    folder, meta = begun
    for number, features in enumerate(SHARDS):
        write_shard(folder, number, features)
    finish_bank(folder, meta, tables)
    damage(folder / 'shard_00000.npy')
    assert missing_shards(folder, meta, tables) == [0]
    assert not is_finished(folder, meta, tables)
    with pytest.raises(ValueError, match=r'shard_00000\.npy is missing or not whole; delete it'):
        finish_bank(folder, meta, tables)
    write_shard(folder, 0, SHARDS[0])
    finish_bank(folder, meta, tables)


def test_a_killed_run_is_gone_on_with(tables, begun):
    folder, meta = begun
    write_shard(folder, 1, SHARDS[1])
    (folder / '.shard_00000.npy.7.tmp').write_bytes(b'half')
    (folder / 'persons.npy').unlink()
    start_bank(folder, meta, tables)
    assert len(np.load(folder / 'persons.npy')) == 5
    assert missing_shards(folder, meta, tables) == [0]
    write_shard(folder, 0, SHARDS[0])
    finish_bank(folder, meta, tables)
    assert not list(folder.glob('.*'))


@pytest.mark.parametrize('key', sorted(set(SOURCES) - {'keyframes_per_shard'}))
def test_a_bank_of_something_else_stays(tables, begun, key):
    folder, meta = begun
    write_shard(folder, 0, SHARDS[0])
    other = {**meta, key: 1}
    with pytest.raises(FileExistsError, match=f'another {key}: .* pass --overwrite'):
        start_bank(folder, other, tables)
    assert missing_shards(folder, meta, tables) == [1]
    start_bank(folder, other, tables, overwrite=True)
    assert not (folder / 'shard_00000.npy').exists()


@pytest.mark.parametrize('table', ['keyframes', 'persons'])
def test_a_bank_of_other_persons_stays(tables, begun, table):
    folder, meta = begun
    changed = getattr(tables, table).copy()
    changed[0][1 if table == 'keyframes' else 0] = 0.5 if table == 'persons' else 4
    with pytest.raises(FileExistsError, match=rf'of other keyframes or persons \({table}\.npy\)'):
        start_bank(folder, meta, tables._replace(**{table: changed}))


def test_unknown_scores_are_the_same_ones(tmp_path):
    unknown = make_tables([('a', 1)], [np.full(2, np.nan)], [np.full((2, 4), np.nan)])
    meta = plan_bank(SOURCES, unknown)
    for _ in range(2):
        start_bank(tmp_path / 'bank', meta, unknown)


def test_a_folder_of_other_files_is_left_alone(tables, tmp_path):
    (tmp_path / 'thesis.txt').write_text('mine')
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match=r'holds thesis\.txt but no meta\.json'):
            start_bank(tmp_path, plan_bank(SOURCES, tables), tables, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.txt']


@pytest.mark.parametrize(
    ('keyframes', 'counts', 'message'),
    [
        ([], [], 'nobody is in it'),
        ([('b', 1), ('a', 1)], [1, 1], r"keyframe \('a', 1\) stands after \('b', 1\)"),
        ([('a', 10), ('a', 9)], [1, 1], 'not in ascending order'),
        ([('a', 1), ('a', 1)], [1, 1], 'not in ascending order'),
        ([('a', 1), ('a', 2)], [1, 0], r"keyframe \('a', 2\) has no person"),
    ],
)
def test_tables_that_make_no_bank(keyframes, counts, message):
    scores = [np.ones(count) for count in counts]
    with pytest.raises(ValueError, match=message):
        make_tables(keyframes, scores, [np.tile(BOX, (count, 1)) for count in counts])
