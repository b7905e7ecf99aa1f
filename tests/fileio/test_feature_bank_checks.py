"""Each way in which a bank can be bad has a message of its own, which names the file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from feature_bank_world import NUM_PERSONS, WIDTH, make_bank

from mmlt.fileio.feature_bank_reader import open_feature_bank

ADVICE = r'; delete it and run the command that made the bank again \(tools/features/build_feature'


@pytest.fixture
def bank(tmp_path):
    return make_bank(tmp_path / 'bank')


def _refused(bank, error, message):
    with pytest.raises(error, match=message):
        open_feature_bank(bank)


def test_another_width(bank):
    assert open_feature_bank(bank, WIDTH).meta['feature_dim'] == WIDTH
    with pytest.raises(ValueError, match=r'meta\.json: features are 3 wide, not 2304: a bank of'):
        open_feature_bank(bank, 2304)


@pytest.mark.parametrize('name', ['meta.json', 'keyframes.npy', 'persons.npy', 'index.json'])
def test_a_bank_that_was_not_finished(bank, name):
    (bank / name).unlink()
    _refused(bank, FileNotFoundError, f'{name} does not exist: .* bank was not finished')


def test_a_folder_of_folders(bank):
    _refused(bank.parent, FileNotFoundError, 'this is not the folder of one split')


@pytest.mark.parametrize('name', ['keyframes', 'persons', 'shard_00003'])
def test_a_half_written_file(bank, name):
    path = bank / f'{name}.npy'
    path.write_bytes(path.read_bytes()[:-1])
    _refused(bank, ValueError, rf'{name}\.npy is truncated: .*{ADVICE}')


def test_a_missing_shard(bank):
    (bank / 'shard_00002.npy').unlink()
    _refused(bank, FileNotFoundError, rf'shard_00002\.npy is missing{ADVICE}')


def test_a_shard_that_needs_unpickling(bank):
    np.save(bank / 'shard_00002.npy', np.array([[{}]], object), allow_pickle=True)
    _refused(bank, ValueError, rf'shard_00002\.npy is truncated or no \.npy file.*{ADVICE}')


@pytest.mark.parametrize(
    'change',
    [lambda a: a[1:], lambda a: a[:, 1:], lambda a: a.astype(np.float16), lambda a: a[None]],
    ids=['fewer rows', 'narrower', 'another type', 'more dimensions'],
)
def test_a_shard_of_another_shape(bank, change):
    shard = np.load(bank / 'shard_00001.npy')
    np.save(bank / 'shard_00001.npy', change(shard))
    shape = rf'say \({len(shard)}, 3\), float32'
    _refused(bank, ValueError, rf'shard_00001\.npy: shape .*{shape}{ADVICE}')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(format='mmlt box features, version 1'), "format is 'mmlt box f.*, not 'mmlt feature"),
        (dict(feature_dim=0), 'feature_dim is 0, not a whole number >= 1'),
        (dict(feature_dim=True), 'feature_dim is True, not a whole number'),
        (dict(num_persons='9'), "num_persons is '9', not a whole number"),
        (dict(num_keyframes=None), 'num_keyframes is None, not a whole number'),
        (dict(num_keyframes=2**40), 'num_keyframes is 1099511627776, not a whole number'),
        (dict(keyframes_per_shard=3), 'num_shards is 7; 45 keyframes make 15'),
        (dict(dtype='int8'), "dtype is 'int8', none of float32, float16"),
        (dict(checkpoint_sha256=None), 'checkpoint_sha256 is None, not 64 hex digits'),
        (dict(checkpoint_sha256='C' * 64), "checkpoint_sha256 is 'CCC.*, not 64 hex digits"),
    ],
)
def test_meta_that_says_something_else(bank, changes, message):
    meta = json.loads((bank / 'meta.json').read_text())
    (bank / 'meta.json').write_text(json.dumps({**meta, **changes}))
    _refused(bank, ValueError, rf'meta\.json: {message}')


def test_meta_that_is_no_json(bank):
    (bank / 'meta.json').write_text('{')
    _refused(bank, ValueError, r'meta\.json, line 1: not JSON')


def test_keyframes_of_another_number(bank):
    np.save(bank / 'keyframes.npy', np.load(bank / 'keyframes.npy')[:-1])
    _refused(bank, ValueError, rf'keyframes\.npy: shape \(44,\).* says \(45,\).*{ADVICE}')


@pytest.mark.parametrize(
    'dtype',
    [
        [('video_id', '<U3'), ('timestamp', '<i4')],
        [('video_id', '<U3'), ('timestamp', '<i8'), ('first_row', '<i8')],
        [('video_id', '<i8'), ('timestamp', '<i4'), ('first_row', '<i8')],
        [('name', '<U3'), ('timestamp', '<i4'), ('first_row', '<i8')],
        '<i8',
    ],
)
def test_keyframes_of_another_type(bank, dtype):
    np.save(bank / 'keyframes.npy', np.zeros(45, dtype))
    _refused(bank, ValueError, rf'keyframes\.npy: .*of video_id, timestamp and first_row{ADVICE}')


@pytest.mark.parametrize(
    ('place', 'field', 'value', 'told'),
    [
        (0, 'first_row', 1, 0),
        (4, 'first_row', 0, 4),
        (44, 'first_row', NUM_PERSONS, 44),
        (3, 'timestamp', 100, 4),
        (4, 'timestamp', 4, 4),  # as the one before it
        (3, 'video_id', 'two', 4),
    ],
)
def test_keyframes_that_do_not_ascend(bank, place, field, value, told):
    keyframes = np.load(bank / 'keyframes.npy')
    keyframes[field][place] = value
    np.save(bank / 'keyframes.npy', keyframes)
    _refused(bank, ValueError, rf'keyframes\.npy, keyframe {told}: .* must ascend{ADVICE}')


def test_a_video_id_that_is_no_unicode(bank):
    keyframes = np.load(bank / 'keyframes.npy')
    raw = bytearray(keyframes.tobytes())
    raw[:4] = (0xD800).to_bytes(4, 'little')
    np.save(bank / 'keyframes.npy', np.frombuffer(bytes(raw), keyframes.dtype))
    _refused(bank, ValueError, rf'keyframes\.npy: a text in it is no Unicode{ADVICE}')


def test_persons_of_another_number_or_type(bank):
    persons = np.load(bank / 'persons.npy')
    np.save(bank / 'persons.npy', persons[1:])
    _refused(bank, ValueError, rf'persons\.npy: shape \({NUM_PERSONS - 1},\).*{ADVICE}')
    np.save(bank / 'persons.npy', persons['score'])
    _refused(bank, ValueError, rf'persons\.npy: shape .*dtype float32; .*{ADVICE}')


def test_persons_in_another_order(bank):
    """Row 1 and 2 are the first keyframe's second and the second keyframe's first."""
    persons = np.load(bank / 'persons.npy')
    persons['score'][2] = 2
    np.save(bank / 'persons.npy', persons)
    open_feature_bank(bank)
    persons['score'][3] = 3
    np.save(bank / 'persons.npy', persons)
    _refused(bank, ValueError, rf'persons\.npy, row 3: score 3.0 after 2.0: the best.*{ADVICE}')


@pytest.mark.parametrize(
    'change',
    [
        lambda shards: shards.pop(),
        lambda shards: shards[2].update(num_rows=1),
        lambda shards: shards[0].update(name='shard_00001.npy'),
        lambda shards: shards.reverse(),
    ],
    ids=['one fewer', 'other rows', 'another name', 'another order'],
)
def test_an_index_of_other_shards(bank, change):
    index = json.loads((bank / 'index.json').read_text())
    change(index['shards'])
    (bank / 'index.json').write_text(json.dumps(index))
    _refused(bank, ValueError, rf'index\.json does not list the 7 shards of meta.*{ADVICE}')


@pytest.mark.parametrize('content', ['{}', '{"shards": 7}', '{"shards": [null]}'])
def test_an_index_without_shards(bank, content):
    (bank / 'index.json').write_text(content)
    _refused(bank, ValueError, r'index\.json does not list the 7 shards')
