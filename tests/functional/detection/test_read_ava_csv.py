from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from mmlt.functional import AVABoxes, read_ava_csv
from mmlt.functional.detection import ava_roads
from mmlt.functional.detection import read_ava_csv as reader
from mmlt.functional.detection.ava_csv import check_labels, line_of_row, num_columns, person_ids
from mmlt.functional.detection.ava_roads import read_exactly

ROW = 'clip,0902,0.1,0.2,0.3,0.4,5,0.5'


def _reference_csv_module(path):
    """Read with the standard library, a row at a time: names, timestamps, boxes, labels, scores."""
    with open(path, encoding='utf-8', newline='') as file:
        rows = [row for row in csv.reader(file) if row]
    return (
        [row[0] for row in rows],
        [int(float(row[1])) for row in rows],
        [[float(number) for number in row[2:6]] for row in rows],
        [int(row[6]) for row in rows],
        [float(row[7]) if len(row) == 8 else 1.0 for row in rows],
    )


def _assert_equals_csv_module(boxes, path):
    names, timestamps, corners, labels, scores = _reference_csv_module(path)
    assert boxes.video_names[boxes.video_index].tolist() == names
    assert boxes.timestamps.tolist() == timestamps
    assert boxes.boxes_xyxy_norm.tolist() == corners
    assert boxes.labels.tolist() == labels
    assert boxes.scores.tolist() == scores
    dtypes = [np.asarray(field).dtype for field in boxes._replace(video_names=0)]
    assert [dtypes[i] for i in (0, 2, 3, 4, 5)] == ['i4', 'i4', 'f8', 'i4', 'f8']


def test_reads_what_the_file_says(tmp_path):
    path = tmp_path / 'detections.csv'
    path.write_text(
        'b,0902,0.1,0.2,0.3,0.4,5,0.25\na,1000,0,0,1,1,80,1e-3\nb,903,.5,.5,.5,.6,1,1\n'
    )
    boxes = read_ava_csv(path)
    assert isinstance(boxes, AVABoxes)
    assert boxes.video_names.tolist() == ['b', 'a']
    assert boxes.video_index.tolist() == [0, 1, 0]
    assert boxes.timestamps.tolist() == [902, 1000, 903]
    assert boxes.boxes_xyxy_norm.tolist() == [
        [0.1, 0.2, 0.3, 0.4],
        [0.0, 0.0, 1.0, 1.0],
        [0.5, 0.5, 0.5, 0.6],
    ]
    assert boxes.labels.tolist() == [5, 80, 1]
    assert boxes.scores.tolist() == [0.25, 0.001, 1.0]


@pytest.mark.parametrize(
    'text',
    [
        'clip,902,0.1,0.2,0.3,0.4,5',
        'clip,902,0.1,0.2,0.3,0.4,5\nclip,904,0.1,0.2,0.3,0.4,5\n',
        'clip,902.0,0.1,0.2,0.3,0.4,5,17\n',
        ROW.replace('0.5', '1.0000') + '\r\n' + ROW + '\r\n',
        '\n' + ROW + '\n\n' + ROW + '\n\n',
        '"a, b",902,0.1,0.2,0.3,0.4,5,0.5\n',
        'ünï 漢,902,-0.01,0.2,1.02,0.4,5,-3.5\n',
        'NA,902,0.1,0.2,0.3,0.4,5,0.5\nnull,902,0.1,0.2,0.3,0.4,5,0.5\n',
    ],
    ids=['seven', 'newline', 'float-time', 'crlf', 'blank', 'quoted', 'unicode', 'null-names'],
)
def test_variants_equal_csv_module(tmp_path, text):
    path = tmp_path / 'boxes.csv'
    path.write_bytes(text.encode())
    _assert_equals_csv_module(read_ava_csv(str(path)), path)


def _long_file(path):
    """Write more than one block of the reader, with videos that only appear late."""
    rng = np.random.default_rng(20)
    with open(path, 'w', encoding='utf-8') as file:
        for i in range(50_000):
            x, y = rng.random(2).tolist()
            file.write(f'v{i // 9000},{900 + i % 7},{x!r},{y!r},{x + 1!r},{y + 1!r},{i % 80},{x}\n')


def test_long_file_equals_csv_module(tmp_path):
    path = tmp_path / 'long.csv'
    _long_file(path)
    _assert_equals_csv_module(read_ava_csv(path), path)


def test_fault_far_into_a_long_file_is_found(tmp_path):
    path = tmp_path / 'long.csv'
    _long_file(path)
    with open(path, 'a', encoding='utf-8') as file:
        file.write('v9,902,0.1,0.2,0.3,nan,5,0.5\n')
    with pytest.raises(ValueError, match="long.csv: line 50001: y2 is 'nan': it must be finite"):
        read_ava_csv(path)


@pytest.mark.parametrize('row', [ROW, '"cl,ip"' + ROW[4:], ROW[:-4]])
def test_a_byte_order_mark_changes_nothing(tmp_path, row):
    plain, marked = tmp_path / 'plain.csv', tmp_path / 'marked.csv'
    plain.write_text(f'{row}\n{row}\n', encoding='utf-8')
    marked.write_text(f'{row}\n{row}\n', encoding='utf-8-sig')
    for ours, theirs in zip(read_ava_csv(marked), read_ava_csv(plain)):
        assert ours.tolist() == theirs.tolist()
    assert num_columns(marked) == num_columns(plain) == (7 if row == ROW[:-4] else 8)
    marked.write_text(f'{row}\n{row.replace("0902", "x")}\n', encoding='utf-8-sig')
    with pytest.raises(ValueError, match="marked.csv: line 2: timestamp is 'x'"):
        read_ava_csv(marked)
    marked.write_text('\n', encoding='utf-8-sig')
    with pytest.raises(ValueError, match='marked.csv is empty'):
        read_ava_csv(marked)


@pytest.mark.parametrize('opener', [open, gzip.open])
def test_check_labels_names_the_line(tmp_path, opener):
    path = tmp_path / ('boxes.csv.gz' if opener is gzip.open else 'boxes.csv')
    with opener(path, 'wt') as file:
        file.write(f'{ROW}\n\n{ROW.replace(",5,", ",81,")}\n')
    boxes = read_ava_csv(path)
    check_labels(path, boxes, [5, 81], 'is odd')
    with pytest.raises(ValueError, match=r'boxes\.csv.*, line 3: class id 81 is odd'):
        check_labels(path, boxes, range(1, 81), 'is odd')
    with pytest.raises(ValueError, match=r'boxes\.csv.*, line 1: class id 5 does not fit'):
        check_labels(path, boxes, [], 'does not fit')


def test_compressed_file(tmp_path):
    path = tmp_path / 'boxes.csv.gz'
    with gzip.open(path, 'wt') as file:
        file.write(ROW)
    assert read_ava_csv(path).scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        ('clip,902,0.1,0.2,0.3,0.4,5', 'line 3 has 7 columns where 8 columns are due'),
        (ROW + ',1', 'line 3 has 9 columns where 8 columns are due'),
        (ROW.replace('clip', ''), "line 3: video_id is '': it must not be empty"),
        (ROW.replace('0902', 'x'), "line 3: timestamp is 'x': it must be a number"),
        (ROW.replace('0902', '902.5'), "line 3: timestamp is '902.5': it must be a whole number"),
        (ROW.replace('0902', '9' * 12), 'line 3: timestamp is .*: it must be a whole number'),
        (ROW.replace('0902', 'nan'), "line 3: timestamp is 'nan': it must be finite"),
        (ROW.replace('0.1', 'inf'), "line 3: x1 is 'inf': it must be finite"),
        (ROW.replace('0.1', ''), "line 3: x1 is '': it must be a number"),
        (ROW.replace('0.1', '0_1'), "line 3: x1 is '0_1': it must be a number"),
        (ROW.replace('0.1', '0.31'), "line 3: x1 is '0.31': it must not exceed x2, 0.3"),
        (ROW.replace('0.2', '0.41'), "line 3: y1 is '0.41': it must not exceed y2, 0.4"),
        (ROW.replace('5,', '5.0,'), "line 3: label is '5.0': it must be written as a whole number"),
        (ROW.replace('5,', 'walk,'), "line 3: label is 'walk': it must be a number"),
        (ROW.replace('5,', '9876543210,'), "line 3: label is '9876543210'"),
        (ROW.replace('5,0.5', '5,NaN'), "line 3: score is 'NaN': it must be finite"),
        (ROW.replace('5,0.5', '5,-inf'), "line 3: score is '-inf': it must be finite"),
        (ROW.replace('5,0.5', '5,'), "line 3: score is '': it must be a number"),
    ],
)
def test_errors_name_file_line_field_and_value(tmp_path, row, message):
    path = tmp_path / 'bad.csv'
    path.write_text(f'{ROW}\n{ROW}\n{row}\n{ROW}\n')
    with pytest.raises(ValueError, match=f'bad.csv: {message}'):
        read_ava_csv(path)


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        (ROW.replace('5,', '0x1012,'), "line 3: label is '0x1012': it must be a number"),
        (ROW.replace('5,', '-2147483648,'), "line 3: label is '-2147483648'"),
        (ROW.replace('5,', '1e1,'), "line 3: label is '1e1': it must be written as a whole"),
        (ROW.replace('0.1', '1e400'), "line 3: x1 is '1e400': it must be finite"),
        (ROW.replace('0902', '9' * 5000), 'line 3: timestamp is .*: it must be finite'),
        (ROW.replace('0902', '\uff19\uff10\uff12'), 'line 3: timestamp is .*: it must be a number'),
        (ROW.replace('0902', '902\xa0'), 'line 3: timestamp is .*: it must be a number'),
        (ROW.replace('clip', 'clip\0'), 'line 3: .* control character'),
        (ROW.replace('clip', '\ufeffclip'), 'line 3: video_id is .* control character'),
        (ROW.replace('clip', '"cl"ip'), "line 3: ',' expected after '\"'"),
        (ROW.replace('clip', '"clip'), 'line 3: unexpected end of data; is a quote not closed'),
    ],
)
def test_what_another_reader_would_take_for_something_else(tmp_path, row, message):
    path = tmp_path / 'bad.csv'
    path.write_text(f'{ROW}\n{ROW}\n{row}\n{ROW}\n', encoding='utf-8')
    with pytest.raises(ValueError, match=f'bad.csv: {message}'):
        read_ava_csv(path)


@pytest.mark.parametrize(
    'number', ['+0.1', ' 0.1\t', '.1', '1e-1', '1E-1', '0.1000000000000000055']
)
def test_other_ways_to_write_a_number(tmp_path, number):
    path = tmp_path / 'boxes.csv'
    path.write_text(ROW.replace('0.1', number) + '\n' + ROW.replace('0.1', '1e-400'))
    assert read_ava_csv(path).boxes_xyxy_norm[:, 0].tolist() == [0.1, 0.0]


def test_the_quick_and_the_exact_road_give_the_same(tmp_path, monkeypatch):
    path = tmp_path / 'boxes.csv'
    rows = [
        ROW,
        ROW.replace('clip', '"clip"'),
        ROW.replace('clip', '0x10'),
        ROW.replace('0.2', '.2'),
    ]
    path.write_text('\n'.join(rows * 30))
    exact = []
    monkeypatch.setattr(
        reader, 'read_exactly', lambda *args: exact.append(args) or read_exactly(*args)
    )
    quick = read_ava_csv(path)
    assert not exact  # names in quotes do not need it
    monkeypatch.setattr(reader, 'read_quickly', lambda *args: None)
    for one, other in zip(quick, read_ava_csv(path)):
        np.testing.assert_array_equal(one, other)
    assert len(exact) == 1
    assert quick.video_names.tolist() == ['clip', '0x10']


@pytest.mark.parametrize('size', [10, -1])
def test_a_compressed_file_that_is_cut_off(tmp_path, size):
    path = tmp_path / 'boxes.csv.gz'
    path.write_bytes(gzip.compress(ROW.encode() * 2)[:size])
    with pytest.raises(ValueError, match=r'boxes\.csv\.gz: cannot be unpacked'):
        read_ava_csv(path)


def test_person_ids(tmp_path):
    path = tmp_path / 'boxes.csv'
    path.write_text(f'{ROW[:-3]}17\n\n{ROW[:-3]}2.0\n', encoding='utf-8-sig')
    assert person_ids(path, read_ava_csv(path)).tolist() == [17, 2]
    path.write_text(f'{ROW[:-3]}4294967296\n')  # a hash of 64 bits would not fit a float64
    assert person_ids(path, read_ava_csv(path)).tolist() == [2**32]
    for wrong, shown in (('0.5', '0.5'), ('1e17', r'1e\+17')):
        path.write_text(f'{ROW[:-3]}17\n\n{ROW[:-3]}{wrong}\n')
        with pytest.raises(
            ValueError, match=f'boxes.csv, line 3: person id {shown} is not a whole'
        ):
            person_ids(path, read_ava_csv(path))
    path.write_text(ROW[:-4])
    with pytest.raises(ValueError, match=r'boxes\.csv: 7 columns; annotations need 8'):
        person_ids(path, read_ava_csv(path))


def test_the_line_of_a_row(tmp_path):
    path = tmp_path / 'boxes.csv'
    path.write_text(f'\n{ROW}\r\n  \n{ROW}')
    assert [line_of_row(path, row) for row in (0, 1)] == [2, 4]
    with pytest.raises(IndexError, match='has no row 2'):
        line_of_row(path, 2)


def test_line_numbers_count_blank_lines(tmp_path):
    path = tmp_path / 'bad.csv'
    path.write_text(f'\n{ROW}\n\n{ROW[:-3]}x\n')
    with pytest.raises(ValueError, match="bad.csv: line 4: score is 'x'"):
        read_ava_csv(path)


def test_other_unreadable_files(tmp_path):
    path = tmp_path / 'bad.csv'
    path.write_text('\n  \n')
    with pytest.raises(ValueError, match='bad.csv is empty'):
        read_ava_csv(path)
    path.write_text('clip,902\n')
    with pytest.raises(ValueError, match='line 1 has 2 columns where 7 or 8 columns are due'):
        read_ava_csv(path)
    path.write_text('video_id,timestamp,x1,y1,x2,y2,label,score\n' + ROW)
    with pytest.raises(ValueError, match="line 1: timestamp is 'timestamp'"):
        read_ava_csv(path)
    path.write_bytes(b'\xff' + ROW.encode())
    with pytest.raises(ValueError, match='line 1: video_id is .* it must be UTF-8 text'):
        read_ava_csv(path)
    path.write_text(ROW + '\n"' + ROW * 5000)
    with pytest.raises(ValueError, match='bad.csv: '):
        read_ava_csv(path)
    with pytest.raises(FileNotFoundError):
        read_ava_csv(tmp_path / 'absent.csv')


@pytest.mark.parametrize('score', ['', ',score'])
def test_a_header_is_named_as_the_cause(tmp_path, score):
    path = tmp_path / 'boxes.csv'
    header = f'video_id,timestamp,x1,y1,x2,y2,label{score}\n'
    path.write_text(header + 'v,1,0,0,1,1,1' + (',0.5' if score else '') + '\n')
    with pytest.raises(ValueError) as error:
        read_ava_csv(path)
    assert str(error.value) == (
        f"{path}: line 1: timestamp is 'timestamp': it must be a number; is line 1 a header? "
        'remove it'
    )


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        read_ava_csv(tmp_path / 'gone.csv')
    assert str(error.value) == f'{tmp_path / "gone.csv"}: no such file'


_ROW = 'v,902,0.1,0.2,0.3,0.4,5,0.5\n'


@pytest.mark.parametrize(
    ('row', 'is_quick'),
    [
        (_ROW, True),
        (_ROW.replace('v', '"v"'), True),
        ('\n', True),
        (_ROW.replace(',0.1', ', +1e-1').replace('902', '0902.0').replace(',5', ', 05'), True),
        ('  \n', False),
        ('\t\n', False),
        (_ROW.replace('902', '"902"'), False),
        (_ROW.replace('v', '"v, w"'), False),
        (_ROW.replace('v', '"v""w"'), False),
        (_ROW.replace('v', 'v"w'), False),
    ],
)
def test_which_rows_make_a_file_slow(tmp_path, monkeypatch, row, is_quick):
    """As the docstring of read_ava_csv has them."""
    slow = []
    monkeypatch.setattr(
        reader, 'read_exactly', lambda *args: slow.append(args) or read_exactly(*args)
    )
    path = tmp_path / 'boxes.csv'
    path.write_text(_ROW + row + _ROW)
    assert set(read_ava_csv(path).scores.tolist()) == {0.5}
    assert bool(slow) is not is_quick


def test_a_disk_that_fails_is_not_taken_for_an_odd_file(tmp_path, monkeypatch):
    path = tmp_path / 'boxes.csv'
    path.write_text(_ROW)

    def fail(*args):
        raise OSError(5, 'Input/output error', args[0])

    monkeypatch.setattr(ava_roads, '_open_batches', fail)
    with pytest.raises(OSError, match='Input/output error'):
        read_ava_csv(path)


@pytest.mark.parametrize('size', [5, 30, -8, -1])
def test_an_archive_that_is_cut_off_is_told(tmp_path, size):
    path = tmp_path / 'boxes.csv.gz'
    path.write_bytes(gzip.compress(_ROW.encode() * 5000)[:size])
    with pytest.raises(ValueError, match=r'boxes\.csv\.gz: cannot be unpacked'):
        read_ava_csv(path)
