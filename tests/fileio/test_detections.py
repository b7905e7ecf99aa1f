from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmlt.fileio.detections import read_detections, write_detections
from mmlt.functional import AVABoxes, read_ava_csv

WORLD = Path(__file__).parents[1] / 'data' / 'hand_world'


def _detections(scores) -> AVABoxes:
    return AVABoxes(
        video_index=np.array([1, 0, 1], np.int32),
        video_names=('b', 'a'),
        timestamps=np.array([904, 905, 906], np.int32),
        boxes_xyxy_norm=np.array([[0.1, 0.2, 1 / 3, 0.4], [0, 0, 0, 1], [0.5, 0.5, 1, 1.01]]),
        labels=np.array([80, 1, 1], np.int32),
        scores=np.asarray(scores, dtype=np.float64),
    )


def _videos(boxes: AVABoxes) -> list[str]:
    return [boxes.video_names[index] for index in boxes.video_index]


def _columns() -> dict:
    return {
        'video_id': pa.array(['a', 'b']),
        'timestamp': pa.array([1, 2]),
        **{name: pa.array([0.0, 0.0]) for name in ('x1', 'y1')},
        **{name: pa.array([1.0, 1.0]) for name in ('x2', 'y2')},
        'label': pa.array([1, 2]),
        'score': pa.array([0.5, 0.5]),
    }


@pytest.mark.parametrize(
    ('scores', 'stored'),
    [
        ([0.5, 0.25, 0.0], pa.float32()),
        (np.float32([1e-7, 0.1, 0.9]), pa.float32()),
        ([0.1, 0.25, 0.0], pa.float64()),
        ([-np.inf, 0.25, 0.0], pa.float32()),
    ],
)
def test_round_trip_loses_nothing(tmp_path, scores, stored):
    path = tmp_path / 'detections.parquet'
    written = _detections(scores)
    write_detections(path, written)
    read = read_detections(path)
    assert _videos(read) == ['a', 'b', 'a']
    for field in ('timestamps', 'boxes_xyxy_norm', 'labels', 'scores'):
        assert getattr(read, field).dtype == getattr(written, field).dtype
        np.testing.assert_array_equal(getattr(read, field), getattr(written, field))
    schema = pq.read_schema(path)
    assert schema.names == ['video_id', 'timestamp', 'x1', 'y1', 'x2', 'y2', 'label', 'score']
    assert schema.field('score').type == stored


def test_no_detection_at_all(tmp_path):
    path = tmp_path / 'detections.parquet'
    write_detections(path, AVABoxes(*(part[:0] for part in _detections([0, 0, 0]))))
    read = read_detections(path)
    assert read.boxes_xyxy_norm.shape == (0, 4)
    assert len(read.scores) == 0


def test_csv_is_read_as_ava_csv():
    path = WORLD / 'detections.csv'
    read, expected = read_detections(path), read_ava_csv(path)
    np.testing.assert_array_equal(read.scores, expected.scores)
    assert len(read.scores) == 16


@pytest.mark.parametrize(
    ('rows', 'message'),
    [
        ('v,1,0,0,1,1,1\n', 'd.csv: a detections file needs 8 columns, the last one the score'),
        ('v,1,0,0,1,1,1,1.0\nv,2,0,0,1,1,1,1\n', 'd.csv: every score is 1; it looks like ground'),
    ],
)
def test_ground_truth_is_not_taken_for_detections(tmp_path, rows, message):
    path = tmp_path / 'd.csv'
    path.write_text(rows)
    with pytest.raises(ValueError, match=message):
        read_detections(path)
    path.write_text('v,1,0,0,1,1,1,1.0\nv,2,0,0,1,1,1,0.5\n')
    assert read_detections(path).scores.tolist() == [1.0, 0.5]


@pytest.mark.parametrize('name', ['gone.csv', 'gone.parquet'])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError) as error:
        read_detections(tmp_path / name)
    assert str(error.value) == f'{tmp_path / name}: no such file'


def test_parquet_of_other_hands(tmp_path):
    path = tmp_path / 'detections.parquet'
    pq.write_table(pa.table(_columns()), path, row_group_size=1)  # plain strings, int64
    read = read_detections(path)
    assert _videos(read) == ['a', 'b']
    assert read.labels.dtype == np.int32


def test_a_dictionary_in_another_order_and_with_unused_names(tmp_path):
    path = tmp_path / 'd.parquet'
    videos = pa.DictionaryArray.from_arrays(
        pa.array([3, 1, 3], pa.int8()), pa.array(['', 'b', 'c', 'a'])
    )
    columns = {name: column.take([0, 1, 0]) for name, column in _columns().items()}
    pq.write_table(pa.table({**columns, 'video_id': videos}), path)
    read = read_detections(path)
    assert read.video_names.tolist() == ['a', 'b']
    assert read.video_index.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'score': pa.array([0.5, 0.5, None])}, 'row 2: no value for score'),
        ({'label': pa.array([1, 1, -(2**63)])}, 'row 2: label -9223372036854775808 does not fit'),
    ],
)
def test_rows_are_counted_through_all_batches(tmp_path, monkeypatch, change, message):
    from mmlt.fileio import detections as module

    path = tmp_path / 'd.parquet'
    columns = {name: column.take([0, 1, 0]) for name, column in _columns().items()}
    monkeypatch.setattr(module, '_BATCH', 2)
    pq.write_table(pa.table(columns), path)
    assert _videos(read_detections(path)) == ['a', 'b', 'a']
    pq.write_table(pa.table({**columns, **change}), path)
    with pytest.raises(ValueError, match=message):
        read_detections(path)


def test_existing_file_stays(tmp_path):
    path = tmp_path / 'detections.parquet'
    path.write_bytes(b'mine')
    with pytest.raises(FileExistsError, match='detections.parquet'):
        write_detections(path, _detections([0, 0, 0]))
    assert path.read_bytes() == b'mine'
    write_detections(path, _detections([0, 0, 0]), overwrite=True)
    assert len(read_detections(path).scores) == 3


def test_other_endings(tmp_path):
    with pytest.raises(ValueError, match=r'd\.pkl: the name .* must end in \.parquet'):
        write_detections(tmp_path / 'd.pkl', _detections([0, 0, 0]))
    with pytest.raises(ValueError, match=r"d\.pkl: detections are read from .*, not '\.pkl'"):
        read_detections(tmp_path / 'd.pkl')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'score': None}, r'd\.parquet: column score is missing; found'),
        ({'label': pa.array(['1', '2'])}, r'd\.parquet: column label has type string'),
        ({'video_id': pa.array([1, 2])}, r'column video_id has type int64'),
        ({'score': pa.array([1, 0])}, r'column score has type int64'),
        ({'score': pa.array([1.0, None])}, r'd\.parquet, row 1: no value for score'),
        ({'score': pa.array([0.1, float('nan')])}, r'd\.parquet, row 1: score nan'),
        ({'x1': pa.array([0.0, 1.5])}, r'row 1: x1 > x2 or y1 > y2 in box \[1\.5, 0\.0, 1\.0, 1'),
        ({'y2': pa.array([-0.5, 1.0])}, r'row 0: x1 > x2 or y1 > y2 in box \[0\.0, 0\.0, 1\.0, -'),
        ({'y2': pa.array([1.0, float('inf')])}, r'row 1: box \[0\.0, 0\.0, 1\.0, inf\]'),
    ],
)
def test_parquet_errors(tmp_path, change, message):
    columns = {**_columns(), **change}
    columns = {name: column for name, column in columns.items() if column is not None}
    path = tmp_path / 'd.parquet'
    pq.write_table(pa.table(columns), path)
    with pytest.raises(ValueError, match=message):
        read_detections(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'label': pa.array([1, 2**40])}, r'd\.parquet, row 1: label 1099511627776 does not fit'),
        ({'timestamp': pa.array([-(2**40), 2])}, r'row 0: timestamp -1099511627776 does not fit'),
        ({'label': pa.array([1, 2**63], pa.uint64())}, 'row 1: label 9223372036854775808 does not'),
        ({'label': pa.array([2**32, 1], pa.uint64())}, 'row 0: label 4294967296 does not fit'),
        ({'video_id': pa.array(['a', 'a\0'])}, r"video_id 'a\\x00': .*control character"),
        ({'video_id': pa.array(['', 'a'])}, r"video_id '': it must not be empty"),
    ],
)
def test_what_would_become_something_else(tmp_path, change, message):
    path = tmp_path / 'd.parquet'
    pq.write_table(pa.table({**_columns(), **change}), path)
    with pytest.raises(ValueError, match=message):
        read_detections(path)


def test_a_changed_value_is_noticed(tmp_path):
    path = tmp_path / 'd.parquet'
    write_detections(path, _detections([0.5, 0.25, 0.125]))
    content, value = path.read_bytes(), np.float64(1.01).tobytes()
    assert value in content
    path.write_bytes(content.replace(value, np.float64(1.02).tobytes()))
    assert pq.read_table(path)['y2'][2].as_py() == 1.02  # pyarrow reads it
    with pytest.raises(
        ValueError, match=r'd\.parquet: damaged; its values are not those that were'
    ):
        read_detections(path)


def test_videos_numbered_in_another_way_are_the_same_rows(tmp_path):
    path = tmp_path / 'd.parquet'
    boxes = _detections([0.5, 0.25, 0.0])._replace(video_names=('b', 'unused', 'b', 'a'))
    boxes = boxes._replace(video_index=np.array([3, 0, 2]))
    write_detections(path, boxes)
    assert _videos(read_detections(path)) == ['a', 'b', 'b']


def test_not_a_parquet_file(tmp_path):
    path = tmp_path / 'd.parquet'
    path.write_text('v,1,0,0,1,1,1,0.5\n')
    with pytest.raises(ValueError, match=r'd\.parquet: not a Parquet file'):
        read_detections(path)
