"""The files that an import writes: what is in them, and when none is written."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from labelled_film import ATTRIBUTES, HEIGHT, OPTIONS, WIDTH, labelled, prepared_film, write_project

from mmlt.datasets.own_data.import_annotations import gather
from mmlt.datasets.own_data.import_files import refuse_overwriting, target_files, write_import
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.person_tracks import DetectorRecord, write_detector_record
from mmlt.functional import read_ava_csv
from mmlt.functional.detection.ava_csv import person_ids


@pytest.fixture
def folder(tmp_path):
    return prepared_film(tmp_path / 'mine')


def test_by_hand(folder):
    found = gather([labelled(folder)], folder, OPTIONS)
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
    project, options = write_project(folder, rows), OPTIONS._replace(overwrite=True)
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


def test_a_split_that_is_no_more_leaves_no_file(folder):
    write_import(folder, gather([labelled(folder)], folder, OPTIONS), OPTIONS)
    options = OPTIONS._replace(overwrite=True, ratios=(0.6, 0.4, 0))
    write_import(folder, gather([labelled(folder)], folder, options), options)
    assert not (folder / 'annotations' / 'test.csv').exists()


def test_nothing_is_replaced_unasked(folder):
    refuse_overwriting(folder)
    write_import(folder, gather([labelled(folder)], folder, OPTIONS), OPTIONS)
    with pytest.raises(FileExistsError, match='train.csv: exists already; pass --overwrite'):
        refuse_overwriting(folder)
    for file in target_files(folder, ['train', 'val', 'test'])[:-1]:
        file.unlink()
    found = gather([labelled(folder)], folder, OPTIONS)
    with pytest.raises(FileExistsError, match='config.py: exists already'):
        write_import(folder, found, OPTIONS)
    assert list((folder / 'annotations').iterdir()) == []


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'base.py: no such config'),
        ('model = dict()', 'base.py: train_dataloader: .*take one of configs/own_data'),
        ('train_dataloader = dict(dataset=dict(video_table="x"))', 'base.py: train_dataloader: .*'),
        ('train_dataloader = dict(batch_size=2, dataset=dict())', 'base.py: train_dataloader: .*'),
    ],
)
def test_nothing_is_written_over_a_wrong_base(folder, tmp_path, content, message):
    base = tmp_path / 'base.py'
    if content is not None:
        base.write_text(f'{content}\n', encoding='utf-8')
    found = gather([labelled(folder)], folder, OPTIONS)
    with pytest.raises((OSError, ValueError), match=message):
        write_import(folder, found, OPTIONS._replace(base=base))
    assert not (folder / 'annotations').exists()


def _threshold(folder):
    options = OPTIONS._replace(overwrite=True)
    write_import(folder, gather([labelled(folder)], folder, options), options)
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
    found = gather([labelled(folder)], folder, OPTIONS)
    with pytest.raises(ValueError, match="persons.json: key 'person_det_score_thr' must be number"):
        write_import(folder, found, OPTIONS)
    assert not (folder / 'annotations').exists()


def test_folder_that_mmengine_cannot_name_in_a_config(tmp_path):
    folder = prepared_film(tmp_path / 'my "set"')
    found = gather([labelled(folder)], folder, OPTIONS)
    with pytest.raises(ValueError, match='no config in a folder with " or'):
        write_import(folder, found, OPTIONS)
    assert not (folder / 'annotations').exists()
