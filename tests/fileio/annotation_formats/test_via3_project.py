"""Projects of VIA 3: whose files and views boxes are of; the entries: see test_via3_metadata."""

from __future__ import annotations

import json

import numpy as np
import pytest
import via3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmlt.fileio.annotation_formats import via3_project
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox, ReadOptions
from mmlt.fileio.via_project import ViaBox, ViaFile, write_via_project

ATTRIBUTES = [
    via3.attribute('action', options=['walk', 'sit', 'talk to (a person, a group)']),
    via3.attribute('person_id', via3.TEXT),
]


def _project(**changes):
    entries = [
        ('street.mp4', [12], [2, 10, 20, 50.5, 80], {'1': '0,2', '2': 'p7'}),
        ('street/img_00030.jpg', [], [2, 1, 2, 3, 4], {'1': '1', '2': ''}),
    ]
    content = via3.project(['street.mp4', 'street/img_00030.jpg'], entries, ATTRIBUTES)
    content.update(changes)
    return content


def _read(tmp_path, content):
    file = tmp_path / 'p.json'
    file.write_text(json.dumps(content), encoding='utf-8')
    return via3_project.read(file, ReadOptions())


def test_boxes_by_hand(tmp_path):
    found = _read(tmp_path, _project())
    file = tmp_path / 'p.json'
    assert found.boxes == [
        AnnotatedBox(
            where=f"{file}: metadata '1_00000000'",
            media='street.mp4',
            time_sec=12.0,
            timestamp=None,
            corners=(10.0, 20.0, 60.5, 100.0),
            unit='pixels',
            labels=('walk', 'talk to (a person, a group)'),
            person='p7',
        ),
        AnnotatedBox(
            where=f"{file}: metadata '2_00000001'",
            media='street/img_00030.jpg',
            time_sec=None,
            timestamp=None,
            corners=(1.0, 2.0, 4.0, 6.0),
            unit='pixels',
            labels=('sit',),
            person=None,
        ),
    ]


@pytest.mark.parametrize(
    ('changes', 'media'),
    [
        ({'src': 'film/street.mp4', 'loc': 2}, 'film/street.mp4'),
        ({'src': 'file:///d/street.mp4', 'loc': 3}, 'file:///d/street.mp4'),
        ({'src': 'data:video/mp4;base64,AAAA', 'loc': 4}, 'street.mp4'),
        ({'src': ' '}, 'street.mp4'),
    ],
)
def test_file_is_where_it_is_from(tmp_path, changes, media):
    content = _project()
    content['file']['1'].update(changes)
    assert _read(tmp_path, content).boxes[0].media == media


def test_view_and_file_have_ids_of_their_own(tmp_path):
    content = _project()
    content['view'] = {'1': {'fid_list': [2]}, '2': {'fid_list': ['1']}}
    media = [box.media for box in _read(tmp_path, content).boxes]
    assert media == ['street/img_00030.jpg', 'street.mp4']


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'metadata': {'m': {'vid': '9', 'xy': [2, 1, 1, 1, 1]}}},
            "'m': key 'vid': there is no",
        ),
        ({'metadata': {'m': 3}}, "p.json: metadata 'm' must be an object, got 3"),
        ({'view': {'1': {'fid_list': ['1', '2']}, '2': {}}}, "view '1' shows .'1', '2'., not one"),
        ({'file': {}}, "there is no file '1'"),
        ({'file': {'1': {'fname': ''}, '2': {}}}, "file '1': key 'fname' must be text, got ''"),
        ({'attribute': []}, "key 'attribute' must be an object"),
    ],
)
def test_errors(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, _project(**changes))


corner_pairs = st.tuples(*[st.floats(0, 900, allow_subnormal=False)] * 4).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.builds(
            ViaBox,
            source=st.just('in/street.mp4'),
            time_sec=st.floats(0, 90),
            corners=corner_pairs,
            person=st.sampled_from(['0', '12']),
            actions=st.sets(st.sampled_from(['walk', 'sit', 'a, b'])).map(sorted),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_mmlt_writes_for_the_annotator(tmp_path, boxes):
    file = tmp_path / 'persons_via.json'
    files = [ViaFile('in/street.mp4', is_video=True)]
    write_via_project(file, files, boxes, ['walk', 'sit', 'a, b'], overwrite=True)
    found = via3_project.read(file, ReadOptions()).boxes
    assert [(b.media, b.person) for b in found] == [(b.source, b.person) for b in boxes]
    assert [b.time_sec for b in found] == pytest.approx([b.time_sec for b in boxes], abs=0.0006)
    assert [sorted(b.labels) for b in found] == [list(b.actions) for b in boxes]
    corners = [b.corners for b in found], [b.corners for b in boxes]
    np.testing.assert_allclose(*corners, rtol=0, atol=0.011)  # written to a hundredth of a pixel


def test_broken_json_names_the_line(tmp_path):
    file = tmp_path / 'p.json'
    file.write_text('{"attribute": {},\n "file": {} "metadata"', encoding='utf-8')
    with pytest.raises(ValueError, match='p.json, line 2: not JSON'):
        via3_project.read(file, ReadOptions())
