"""A CSV read as far as it goes."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from mmlt.fileio.dataset_checks.annotation_rows import read_annotated_rows
from mmlt.functional import read_ava_csv

GOOD = 'a,902,0.1,0.2,0.5,0.9,1,0\nb,0903,0.1,0.2,0.5,0.9,2,1\na,904,0,0,1,1,80,7\n'


def _read(tmp_path, content, name='a.csv'):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_annotated_rows(path)


def _places(rows):
    return {f.kind: [(p.line, p.value) for p in f.places] for f in rows.findings}


def test_good_file_is_what_the_strict_reader_reads(tmp_path):
    rows = _read(tmp_path, GOOD)
    for own, other in zip(rows.boxes, read_ava_csv(tmp_path / 'a.csv')):
        assert np.array_equal(own, other)
    assert rows.findings == () and rows.has_persons
    assert rows.place(2) == (3, 'a,904,0,0,1,1,80')


def test_rows_around_a_bad_one_are_kept(tmp_path):
    lines = GOOD.splitlines()
    bad = ['a,902.5,0,0,1,1,1,0', 'a,902,x,0,1,1,one,0', 'a,902,0,0,1,1', ',902,0,0,1,1,1,0']
    rows = _read(tmp_path, '\n'.join([lines[0], *bad, *lines[1:]]))
    assert rows.boxes.labels.tolist() == [1, 2, 80]
    assert rows.lines.tolist() == [1, 6, 7]
    assert rows.place(1) == (6, 'b,903,0.1,0.2,0.5,0.9,2')
    values = [(f.what, p.line, p.value) for f in rows.findings for p in f.places]
    assert values == [
        ('timestamps between whole seconds', 2, "'902.5'"),
        ('values that are no x1', 3, "'x'"),
        ('values that are no label', 3, "'one'"),
        ('rows with another number of columns than 8', 4, "'a,902,0,0,1,1'"),
        ('values that are no video name', 5, "''"),
    ]


def test_headers_anywhere_are_headers(tmp_path):
    header = 'video_id,timestamp,x1,y1,x2,y2,label,person_id\n'
    rows = _read(tmp_path, header + GOOD + header + GOOD)
    assert [line for line, _ in _places(rows)['header']] == [1, 5]
    assert list(_places(rows)) == ['header']
    assert rows.lines.tolist() == [2, 3, 4, 6, 7, 8]


@pytest.mark.parametrize(
    ('content', 'kind', 'count'),
    [
        (GOOD.replace('\n', '\r\n'), 'windows_line_ends', 3),
        (b'\xef\xbb\xbf' + GOOD.encode(), 'byte_order_mark', 1),
        (GOOD.replace('b,', ' b,'), 'spaces', 1),
        (GOOD.replace('0903', '903.0'), 'whole_float_timestamp', 1),
        (GOOD.replace('902', '902.'), 'whole_float_timestamp', 1),
        (GOOD.replace('0.1,0.2,0.5', '0.6,0.2,0.5'), 'reversed_corners', 2),
        (GOOD.replace(',7\n', ',7.5\n'), 'bad_value', 1),
        (GOOD.replace(',80,', ',80.0,'), 'bad_value', 1),
        (GOOD.replace('0,0,1,1', '0,0,nan,1'), 'bad_value', 1),
    ],
)
def test_what_is_odd_is_found_and_counted(content, kind, count, tmp_path):
    rows = _read(tmp_path, content)
    assert [(f.kind, f.count) for f in rows.findings] == [(kind, count)]


def test_spaces_do_not_make_another_video(tmp_path):
    rows = _read(tmp_path, GOOD.replace('b,', ' a ,'))
    assert rows.boxes.video_names.tolist() == ['a']


def test_five_places_are_kept_and_all_are_counted(tmp_path):
    rows = _read(tmp_path, 'a,1.5,0,0,1,1,1,0\n' * 812)
    (finding,) = rows.findings
    assert (len(finding.places), finding.count) == (5, 812)
    assert finding.where.endswith("line 5: '1.5' and 807 more")


def test_seven_columns_are_read(tmp_path):
    rows = _read(tmp_path, 'a,902,0.1,0.2,0.5,0.9,1\n')
    assert not rows.has_persons and rows.findings == ()


@pytest.mark.parametrize('content', ['', '\n\n', 'words\n'])
def test_file_without_a_row_has_none(content, tmp_path):
    assert len(_read(tmp_path, content).boxes.labels) == 0


def test_packed_file_is_read(tmp_path):
    rows = _read(tmp_path, gzip.compress(GOOD.encode()), 'a.csv.gz')
    assert rows.boxes.labels.tolist() == [1, 2, 80] and rows.findings == ()


def test_excluded_rows_keep_their_lines(tmp_path):
    for content in (GOOD, GOOD.replace('0903', '903.0')):
        rows = _read(tmp_path, content).without(frozenset({('a', 902), ('c', 1)}))
        assert rows.boxes.labels.tolist() == [2, 80]
        assert [rows.place(i)[0] for i in (0, 1)] == [2, 3]
