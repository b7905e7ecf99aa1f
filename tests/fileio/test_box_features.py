from __future__ import annotations

import json

import numpy as np
import pytest

from mmlt.fileio.box_features import (
    finish_folder,
    is_finished,
    missing_shards,
    start_folder,
    write_shard,
)


def test_what_is_written_is_plain_numpy_and_json(feature_dir, feature_rows, feature_meta):
    features, labels, rows = feature_rows
    for name, expected in (('features', features), ('labels', labels), ('rows', rows)):
        parts = [np.load(feature_dir / f'shard_0000{i}' / f'{name}.npy') for i in range(2)]
        assert len(parts[0]) == 4 and len(parts[1]) == 3
        np.testing.assert_array_equal(np.concatenate(parts), expected)
    keyframes = np.load(feature_dir / 'keyframes.npy')
    assert keyframes.tolist() == [('one', 902), ('one', 903), ('another', 902)]
    meta = json.loads((feature_dir / 'meta.json').read_text())
    assert feature_meta.items() <= meta.items()
    assert json.loads((feature_dir / 'index.json').read_text()) == {
        'num_rows': 7,
        'shards': [
            {'name': 'shard_00000', 'num_rows': 4, 'annotated': 3, 'proposal': 1},
            {'name': 'shard_00001', 'num_rows': 3, 'annotated': 1, 'proposal': 2},
        ],
    }


def test_the_same_extraction_goes_on_where_it_was(feature_dir, feature_meta, keyframe_table):
    assert is_finished(feature_dir) and missing_shards(feature_dir, 2) == []
    for path in (feature_dir / 'shard_00001').iterdir():
        path.unlink()
    (feature_dir / 'shard_00001').rmdir()
    start_folder(feature_dir, feature_meta, keyframe_table)
    assert not is_finished(feature_dir) and missing_shards(feature_dir, 2) == [1]


def test_killed_between_the_first_two_files(tmp_path, feature_dir, feature_meta, keyframe_table):
    (feature_dir / 'keyframes.npy').unlink()
    start_folder(feature_dir, feature_meta, keyframe_table)
    np.testing.assert_array_equal(np.load(feature_dir / 'keyframes.npy'), keyframe_table)


def test_leftovers_of_a_killed_process_vanish(feature_dir):
    (feature_dir / '.shard_00007.123.tmp').mkdir()
    (feature_dir / '.meta.json.123.abc.tmp').write_text('half')
    finish_folder(feature_dir)
    assert not list(feature_dir.glob('.*'))


@pytest.mark.parametrize('overwrite', [False, True])
def test_other_features_stay_unless_overwritten(
    feature_dir, feature_meta, keyframe_table, overwrite
):
    other = {**feature_meta, 'checkpoint_sha256': 'd' * 64}
    if overwrite:
        start_folder(feature_dir, other, keyframe_table, overwrite=True)
        assert missing_shards(feature_dir, 2) == [0, 1]
        return
    with pytest.raises(
        FileExistsError,
        match='train: holds features with another checkpoint_sha256: cccccccccccccccc in '
        'meta.json, dddddddddddddddd now; pass --overwrite',
    ):
        start_folder(feature_dir, other, keyframe_table)
    assert is_finished(feature_dir)


def test_other_keyframes(feature_dir, feature_meta, keyframe_table):
    with pytest.raises(FileExistsError, match='other keyframes'):
        start_folder(feature_dir, feature_meta, keyframe_table[::-1])


@pytest.mark.parametrize('overwrite', [False, True])
def test_a_folder_of_something_else_is_never_removed(
    tmp_path, feature_meta, keyframe_table, overwrite
):
    (tmp_path / 'thesis.tex').write_text('mine')
    with pytest.raises(FileExistsError, match='holds thesis.tex but no meta.json'):
        start_folder(tmp_path, feature_meta, keyframe_table, overwrite=overwrite)
    assert (tmp_path / 'thesis.tex').read_text() == 'mine'


def test_an_unfinished_folder_is_not_given_an_index(tmp_path, feature_meta, keyframe_table):
    start_folder(tmp_path / 'new', feature_meta, keyframe_table)
    with pytest.raises(ValueError, match='shard_00000 is missing'):
        finish_folder(tmp_path / 'new')


def test_a_shard_is_whole_or_absent(tmp_path, feature_meta, feature_rows, keyframe_table):
    start_folder(tmp_path / 'new', feature_meta, keyframe_table)
    features, labels, _ = feature_rows
    unwritable = np.array([object()])  # would need a pickle
    with pytest.raises(ValueError, match='[Oo]bject'):
        write_shard(tmp_path / 'new', 0, features, labels, unwritable)
    assert missing_shards(tmp_path / 'new', 2) == [0, 1]
