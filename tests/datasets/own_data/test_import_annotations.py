"""From annotations of a prepared folder to the files that a training reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import via3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmlt.datasets.own_data.import_annotations import (
    ImportOptions,
    gather,
    refuse_overwriting,
    summary,
    target_files,
    write_import,
)
from mmlt.fileio.annotation_formats.annotated_box import ReadOptions
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.person_tracks import DetectorRecord, write_detector_record
from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table
from mmlt.functional import read_ava_csv
from mmlt.functional.detection.ava_csv import person_ids

BASE = Path(__file__).parents[3] / 'configs' / 'own_data' / 'slowonly_r50.py'
OPTIONS = ImportOptions(BASE)
ATTRIBUTES = [
    via3.attribute('action', options=['walk', 'sit', 'fly']),
    via3.attribute('person_id', via3.TEXT),
]
WIDTH, HEIGHT = 768, 576


@pytest.fixture
def folder(tmp_path):
    videos = {f'film_{i + 1}': VideoEntry('film.avi', 10 * i, 100, WIDTH, HEIGHT) for i in range(3)}
    (tmp_path / 'mine').mkdir()
    write_video_table(VideoTable(tmp_path / 'mine', 10, 900, None, videos))
    return tmp_path / 'mine'


def _write_project(folder, rows):
    entries = [('film.avi', [t], [2, *box], av) for t, box, av in rows]
    content = via3.project(['film.avi'], entries, ATTRIBUTES)
    (folder / 'labels.json').write_text(json.dumps(content), encoding='utf-8')
    return folder / 'labels.json'


def _labelled(folder):
    """Second 3 of each part; sit in the first two, fly in the last."""
    rows = [
        (t, (77, 58, 100, 200), {'1': '0,1' if t < 20 else '0,2', '2': '4'}) for t in (3, 13, 23)
    ]
    return _write_project(folder, rows)


def test_by_hand(folder):
    found = gather([_labelled(folder)], folder, OPTIONS)
    files = write_import(folder, found, OPTIONS)
    assert files == target_files(folder, ['train', 'val', 'test'])
    assert all(file.is_file() for file in files)
    assert read_label_map(folder / 'annotations' / 'label_map.pbtxt') == {
        1: 'fly',
        2: 'sit',
        3: 'walk',
    }
    corners = '0.10026042,0.10069444,0.23046875,0.44791667'
    expected = {f'film_{i}': [f'film_{i},903,{corners},{c},4' for c in (2, 3)] for i in (1, 2)}
    expected['film_3'] = [f'film_3,903,{corners},{c},4' for c in (1, 3)]
    splits = json.loads((folder / 'annotations' / 'splits.json').read_text(encoding='utf-8'))
    assert sorted(sum(splits.values(), [])) == sorted(expected)
    for split, (video,) in splits.items():
        rows = (folder / 'annotations' / f'{split}.csv').read_text(encoding='utf-8')
        assert rows.splitlines() == expected[video]
    counts = read_class_counts(folder / 'annotations' / 'counts.json').counts
    (video,) = splits['train']
    assert counts == ({1: 1, 2: 0, 3: 1} if video == 'film_3' else {1: 0, 2: 1, 3: 1})


def test_what_is_said(folder):
    found = gather([_labelled(folder)], folder, OPTIONS)
    said = '\n'.join(found.remarks)
    assert 'labels.json: VIA 3 project, 3 boxes' in said
    assert "the action is attribute 'action', the person 'person_id'" in said
    assert 'boxes in pixels' in said
    assert 'has no box of 1 classes' in said
    assert summary(found).splitlines()[0] == 'class  train  val  test  group'


boxes = st.tuples(
    st.floats(0, WIDTH / 2),
    st.floats(0, HEIGHT / 2),
    st.floats(1, WIDTH / 2),
    st.floats(1, HEIGHT / 2),
)
values = st.fixed_dictionaries({'1': st.sampled_from(['0', '1', '0,2', '0,1,2'])})
one_in_each_part = [(t, (1, 1, 2, 2), {'1': '0'}) for t in (0, 10, 20)]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
)
@given(st.dictionaries(st.integers(0, 29), st.tuples(boxes, values), max_size=12))
def test_boxes_arrive_where_they_were_drawn(folder, drawn):
    rows = [*one_in_each_part, *((t + 0.0, *each) for t, each in drawn.items() if t % 10)]
    project, options = _write_project(folder, rows), OPTIONS._replace(overwrite=True)
    write_import(folder, gather([project], folder, options), options)
    names = ATTRIBUTES[0]['options']
    expected = [
        [t, names[key], x, y, x + width, y + height]
        for t, (x, y, width, height), av in rows
        for key in av['1'].split(',')
    ]
    arrived = sorted(_rows_of_the_film(folder), key=lambda row: row[:2])
    expected.sort(key=lambda row: row[:2])
    assert [row[:2] for row in arrived] == [row[:2] for row in expected]
    corners = [[row[2:] for row in rows] for rows in (arrived, expected)]
    np.testing.assert_allclose(*corners, rtol=0, atol=1e-5)


def _rows_of_the_film(folder):
    """Second of the film, label and corners in pixels of all rows that were written."""
    names = read_label_map(folder / 'annotations' / 'label_map.pbtxt')
    rows = []
    for split in ('train', 'val', 'test'):
        path = folder / 'annotations' / f'{split}.csv'
        found = read_ava_csv(path)
        assert len(person_ids(path, found)) == len(found.labels)
        for i, corners in enumerate(found.boxes_xyxy_norm * [WIDTH, HEIGHT, WIDTH, HEIGHT]):
            part = int(found.video_names[found.video_index[i]].rpartition('_')[2])
            second = int(found.timestamps[i]) - 900 + 10 * (part - 1)
            rows.append([second, names[found.labels[i]], *corners])
    return rows


def test_ids_stay_when_more_annotations_come(folder):
    write_import(folder, gather([_labelled(folder)], folder, OPTIONS), OPTIONS)
    later = [via3.attribute('action', options=['crawl', 'walk'])]
    entries = [('film.avi', [t], [2, 1, 1, 9, 9], {'1': '0,1'}) for t in (3, 13, 23)]
    content = via3.project(['film.avi'], entries, later)
    (folder / 'more.json').write_text(json.dumps(content), encoding='utf-8')
    options = OPTIONS._replace(overwrite=True)
    found = gather([folder / 'more.json'], folder, options)
    assert found.names == {1: 'fly', 2: 'sit', 3: 'walk', 4: 'crawl'}


def _write_ava(folder, class_id=5):
    rows = (f'film_{i},90{i},0.1,0.1,0.5,0.5,{class_id},{i}\n' for i in (1, 2, 3))
    (folder / 'boxes.csv').write_text(''.join(rows), encoding='utf-8')
    return folder / 'boxes.csv'


def test_ava_keeps_its_ids(folder):
    found = gather([_write_ava(folder)], folder, OPTIONS)
    assert found.names == {5: '5'}
    write_import(folder, found, OPTIONS)
    assert ',5,1\n' in ''.join(
        (folder / 'annotations' / f'{split}.csv').read_text(encoding='utf-8')
        for split in ('train', 'val', 'test')
    )
    assert gather([_write_ava(folder, 2)], folder, OPTIONS).names == {2: '2', 5: '5'}


def test_ids_of_ava_mean_those_of_the_label_map(folder):
    names = {3: 'sit', 5: 'walk'}
    options = OPTIONS._replace(read=ReadOptions(class_names=names))
    found = gather([_write_ava(folder)], folder, options)
    assert found.names == names
    assert {box.labels for box in found.boxes} == {('walk',)}
    write_import(folder, found, options)
    again = gather([_write_ava(folder, 3)], folder, OPTIONS)  # now from the earlier import
    assert {box.labels for box in again.boxes} == {('sit',)}
    with pytest.raises(ValueError, match='boxes.csv, line 1: class id 4 is not in the label map'):
        gather([_write_ava(folder, 4)], folder, OPTIONS)


def test_classes_and_splits_of_files(folder, tmp_path):
    (tmp_path / 'classes.txt').write_text('walk\nrun\nsit\nfly\n', encoding='utf-8')
    splits = {'train': ['film_2', 'film_3'], 'val': ['film_1']}
    (tmp_path / 's.json').write_text(json.dumps(splits), encoding='utf-8')
    options = OPTIONS._replace(classes=tmp_path / 'classes.txt', splits=tmp_path / 's.json')
    found = gather([_labelled(folder)], folder, options)
    assert found.names == {1: 'walk', 2: 'run', 3: 'sit', 4: 'fly'}
    assert found.splits == splits
    assert found.counts['train'].tolist() == [2, 0, 1, 1]
    files = write_import(folder, found, options)
    assert 'test.csv' not in {file.name for file in files}


def test_lines_of_a_class_file_are_the_ids_of_ava(folder, tmp_path):
    (tmp_path / 'classes.txt').write_text('a\nb\nc\nd\nwalk\n', encoding='utf-8')
    options = OPTIONS._replace(classes=tmp_path / 'classes.txt')
    assert {box.labels for box in gather([_write_ava(folder)], folder, options).boxes} == {
        ('walk',)
    }


def test_a_split_that_is_no_more_leaves_no_file(folder):
    write_import(folder, gather([_labelled(folder)], folder, OPTIONS), OPTIONS)
    options = OPTIONS._replace(overwrite=True, ratios=(0.6, 0.4, 0))
    write_import(folder, gather([_labelled(folder)], folder, options), options)
    assert not (folder / 'annotations' / 'test.csv').exists()


def test_several_files_and_a_video_without_boxes(folder, tmp_path):
    labels = tmp_path / 'labels'
    labels.mkdir()
    for i in (1, 2):
        row = f'film_{i},90{i},0.1,0.1,0.5,0.5,5,{i}\n'
        (labels / f'{i}.csv').write_text(row, encoding='utf-8')
    found = gather([labels], folder, OPTIONS._replace(ratios=(0.5, 0.5, 0)))
    assert sorted(sum(found.splits.values(), [])) == ['film_1', 'film_2']
    assert "1 of 3 videos have no box, and are left out: 'film_3'" in found.remarks


def test_nothing_is_replaced_unasked(folder):
    refuse_overwriting(folder)
    write_import(folder, gather([_labelled(folder)], folder, OPTIONS), OPTIONS)
    with pytest.raises(FileExistsError, match='train.csv: exists already; pass --overwrite'):
        refuse_overwriting(folder)
    for file in target_files(folder, ['train', 'val', 'test'])[:-1]:
        file.unlink()
    with pytest.raises(FileExistsError, match='config.py: exists already'):
        refuse_overwriting(folder)


@pytest.mark.parametrize('base', ['no.py', 'half.py'])
def test_nothing_is_written_over_a_wrong_base(folder, tmp_path, base):
    (tmp_path / 'half.py').write_text('model = dict()\n', encoding='utf-8')
    found = gather([_labelled(folder)], folder, OPTIONS)
    with pytest.raises((OSError, ValueError), match=f'{base}: '):
        write_import(folder, found, OPTIONS._replace(base=tmp_path / base))
    assert not (folder / 'annotations').exists()


def _threshold(folder):
    options = OPTIONS._replace(overwrite=True)
    write_import(folder, gather([_labelled(folder)], folder, options), options)
    text = (folder / 'config.py').read_text(encoding='utf-8')
    return re.search(r'person_det_score_thr=(.*?),  # (.*)', text).groups()


def test_score_of_a_person_is_that_of_the_detector(folder):
    assert _threshold(folder) == ('0.9', "mmaction2's default: set it to your detector's scores")
    write_detector_record(folder, DetectorRecord('hog', 0.5, 0.7))
    assert _threshold(folder) == (
        '0.7',
        'from this score on a box of the detector (hog) is a person',
    )


def test_a_wrong_record_of_the_detector_writes_nothing(folder):
    write_detector_record(folder, DetectorRecord('hog', 0.5, None))
    found = gather([_labelled(folder)], folder, OPTIONS)
    with pytest.raises(ValueError, match="persons.json: key 'person_det_score_thr' must be number"):
        write_import(folder, found, OPTIONS)
    assert not (folder / 'annotations').exists()


def test_errors(folder):
    with pytest.raises(ValueError, match='labels.json: no box; nothing to train on'):
        gather([_write_project(folder, [])], folder, OPTIONS)
    with pytest.raises(ValueError, match='labels.json: of 1 boxes none has a label; nothing to'):
        gather([_write_project(folder, [(3, (1, 1, 2, 2), {'1': ''})])], folder, OPTIONS)
    one_video = _write_project(folder, [(3, (1, 1, 2, 2), {'1': '0'})])
    with pytest.raises(ValueError, match='1 annotated video .film_1. cannot be split .*--segments'):
        gather([one_video], folder, OPTIONS)
    with pytest.raises(FileNotFoundError, match='annotations: no videos.json.*prepare_videos.py'):
        gather([one_video], folder / 'annotations', OPTIONS)
