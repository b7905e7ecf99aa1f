"""VIA's CSV export: the same boxes as the project that it was exported from."""

from __future__ import annotations

import json

import pytest
import via3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmlt.fileio.annotation_formats import via3_csv, via3_project
from mmlt.fileio.annotation_formats.annotated_box import ReadOptions

ACTION = via3.attribute('action', options=['walk', 'say "hello", then go', 'größer'])
NAMES = ['street.mp4', 'a, b "c".mp4', 'street/img_00030.jpg']

numbers = st.floats(0, 4000, allow_nan=False).map(lambda value: round(value, 5))
entries = st.tuples(
    st.sampled_from(NAMES),
    st.lists(st.integers(0, 90), max_size=1),
    st.tuples(st.just(2), *[numbers] * 4).map(list),
    st.fixed_dictionaries({'1': st.sampled_from(['', '0', '1,2', '0,1,2'])}),
)


def _read(tmp_path, text):
    file = tmp_path / 'export.csv'
    file.write_text(text, encoding='utf-8')
    return via3_csv.read(file, ReadOptions())


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(st.lists(entries, min_size=1, max_size=6))
def test_the_same_boxes_as_in_the_project(tmp_path, rows):
    content = via3.project(NAMES, rows, [ACTION])
    (tmp_path / 'p.json').write_text(json.dumps(content), encoding='utf-8')
    of_project = via3_project.read(tmp_path / 'p.json', ReadOptions()).boxes
    of_export = _read(tmp_path, via3.to_csv(content)).boxes
    without_place = [[box._replace(where='') for box in each] for each in (of_project, of_export)]
    assert without_place[0] == without_place[1]


def test_place_is_the_line(tmp_path):
    content = via3.project(NAMES, [('street.mp4', [1], [2, 1, 1, 2, 2], {'1': '0'})], [ACTION])
    assert _read(tmp_path, via3.to_csv(content)).boxes[0].where.endswith('export.csv, line 8')


ROW = '"1_a","[""a.mp4""]",0,"[1]","[2,1,2,3,4]","{""1"":""0""}"'


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        (ROW.replace(',0,', ','), 'export.csv, line 3 has 5 columns where 6 are due'),
        (ROW.replace('"[1]"', '[1'), r"line 3: temporal_coordinates is no JSON: '\[1'"),
        (ROW.replace('"[""a.mp4""]"', '"[""a.mp4"",""b.mp4""]"'), 'file_list must name one file'),
        (ROW.replace('"[""a.mp4""]"', 'a.mp4'), 'line 3: file_list is no JSON'),
        (ROW.replace('"[1]"', '"[1'), 'line 3: .*quote'),
        (ROW.replace(',', ';'), 'line 3: .*export it again'),
    ],
)
def test_wrong_rows(tmp_path, row, message):
    head = f'# ATTRIBUTE = {json.dumps({"1": ACTION})}\n# CSV_HEADER = metadata_id,file_list\n'
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, head + row)


def test_attributes_are_needed(tmp_path):
    header = '# CSV_HEADER = metadata_id,file_list\n'
    with pytest.raises(ValueError, match='export.csv: no line "# ATTRIBUTE = ..."'):
        _read(tmp_path, header + ROW)
    with pytest.raises(ValueError, match='line 1: ATTRIBUTE is no JSON.*no spreadsheet'):
        _read(tmp_path, '# ATTRIBUTE = {""1"":{""aname"":\n' + header + ROW)
