"""Annotations of a prepared folder as a whole: boxes, classes, splits, and what is said."""

from __future__ import annotations

import json

import pytest
import via3
from labelled_film import OPTIONS, labelled, prepared_film, write_project

from mmlt.datasets.own_data.import_annotations import gather, summary
from mmlt.datasets.own_data.import_files import write_import
from mmlt.fileio.annotation_formats.annotated_box import ReadOptions


@pytest.fixture
def folder(tmp_path):
    return prepared_film(tmp_path / 'mine')


def test_what_is_said(folder):
    found = gather([labelled(folder)], folder, OPTIONS)
    said = '\n'.join(found.remarks)
    assert 'labels.json: VIA 3 project, 3 boxes' in said
    assert "the action is 'action', the person 'person_id'" in said
    assert 'boxes in pixels' in said
    assert 'has no box of 1 class (not' in said
    assert summary(found).splitlines()[0] == 'class  train  val  test  group'


def test_proposals_that_are_missing_are_told(folder):
    def is_told():
        return f'{folder}: no proposals.pkl' in '\n'.join(
            gather([labelled(folder)], folder, OPTIONS).remarks
        )

    assert is_told()
    (folder / 'proposals.pkl').touch()
    assert not is_told()


def test_ids_stay_when_more_annotations_come(folder):
    write_import(folder, gather([labelled(folder)], folder, OPTIONS), OPTIONS)
    later = [via3.attribute('action', options=['crawl', 'walk'])]
    entries = [('film.avi', [t], [2, 1, 1, 9, 9], {'1': '0,1'}) for t in (3, 13, 23)]
    content = via3.project(['film.avi'], entries, later)
    (folder / 'more.json').write_text(json.dumps(content), encoding='utf-8')
    options = OPTIONS._replace(overwrite=True)
    found = gather([folder / 'more.json'], folder, options)
    assert found.names == {1: 'fly', 2: 'sit', 3: 'walk', 4: 'crawl'}
    label_map = folder / 'annotations' / 'label_map.pbtxt'
    assert (
        f'{label_map}: its class ids are kept; delete it to have classes numbered anew; without a '
        "box here: 'fly'; 'sit'"
    ) in found.remarks
    label_map.unlink()
    assert gather([folder / 'more.json'], folder, options).names == {1: 'crawl', 2: 'walk'}


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
    found = gather([labelled(folder)], folder, options)
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


def test_several_files_and_a_video_without_boxes(folder, tmp_path):
    labels = tmp_path / 'labels'
    labels.mkdir()
    for i in (1, 2):
        row = f'film_{i},90{i},0.1,0.1,0.5,0.5,5,{i}\n'
        (labels / f'{i}.csv').write_text(row, encoding='utf-8')
    found = gather([labels], folder, OPTIONS._replace(ratios=(0.5, 0.5, 0)))
    assert sorted(sum(found.splits.values(), [])) == ['film_1', 'film_2']
    assert "1 of 3 videos have no box, and are left out: 'film_3'" in found.remarks


def test_errors(folder):
    with pytest.raises(ValueError, match='labels.json: no box; nothing to train on'):
        gather([write_project(folder, [])], folder, OPTIONS)
    with pytest.raises(ValueError, match='labels.json: 1 box, none with a label; nothing to tr'):
        gather([write_project(folder, [(3, (1, 1, 2, 2), {'1': ''})])], folder, OPTIONS)
    one_video = write_project(folder, [(3, (1, 1, 2, 2), {'1': '0'})])
    with pytest.raises(ValueError, match='1 annotated video .film_1. cannot be split .*--segments'):
        gather([one_video], folder, OPTIONS)
    with pytest.raises(FileNotFoundError, match='annotations: no videos.json.*prepare_videos.py'):
        gather([one_video], folder / 'annotations', OPTIONS)
