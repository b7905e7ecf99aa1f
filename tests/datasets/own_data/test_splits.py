"""Splits by video: dealt, or read from a file; the table that is printed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox
from mmlt.datasets.own_data.splits import (
    changed_splits,
    count_splits,
    count_videos,
    deal_videos,
    lacking_classes,
    read_splits,
    split_table,
)

CORNERS = (0.1, 0.1, 0.2, 0.2)


def test_count_videos():
    boxes = [
        KeyframeBox('f', video, second, CORNERS, labels, None)
        for video, second, labels in [
            ('b', 1, ('walk', 'sit')),
            ('a', 1, ('walk',)),
            ('b', 2, ('walk',)),
        ]
    ]
    videos, counts = count_videos(boxes, ['sit', 'walk', 'fly'])
    assert videos == ['a', 'b']
    assert counts.tolist() == [[0, 1, 0], [1, 2, 0]]


def test_three_videos_are_one_each():
    splits = deal_videos(['a', 'b', 'c'], np.array([[5], [90], [4]]), (0.7, 0.15, 0.15), 0)
    assert list(splits) == ['train', 'val', 'test']
    assert splits['train'] == ['b']
    assert sorted(splits['val'] + splits['test']) == ['a', 'c']


def test_a_share_of_nothing_is_no_split():
    splits = deal_videos(['a', 'b'], np.array([[1], [9]]), (0.8, 0.2, 0), 0)
    assert splits == {'train': ['b'], 'val': ['a']}


@pytest.mark.parametrize(('videos', 'word'), [(['a'], '1 annotated video '), (['a', 'b'], '2 an')])
def test_too_few_videos(videos, word):
    with pytest.raises(ValueError, match=f'{word}.*val, test.*--segments.*--split 0.8 0.2 0'):
        deal_videos(videos, np.ones((len(videos), 1), int), (0.7, 0.15, 0.15), 0)


def _read(tmp_path, content, videos=('a', 'b', 'c')):
    (tmp_path / 's.json').write_text(json.dumps(content), encoding='utf-8')
    return read_splits(tmp_path / 's.json', videos)


def test_splits_of_a_file(tmp_path):
    content = {'test': ['c'], 'train': ['b', 'a', 'unannotated'], 'val': ['d']}
    found = _read(tmp_path, content, ('a', 'b', 'c', 'd'))
    assert found == {'train': ['a', 'b'], 'val': ['d'], 'test': ['c']}
    assert _read(tmp_path, {'train': ['a', 'c'], 'val': ['b']}) == {
        'train': ['a', 'c'],
        'val': ['b'],
    }


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'train': ['a', 'b', 'c']}, "s.json: key 'val' is missing"),
        ({'train': ['a', 'b'], 'val': ['a']}, "video 'a' stands twice, in train and in val"),
        ({'train': ['a', 'a'], 'val': ['b']}, "video 'a' stands twice, in train and in train"),
        ({'train': ['a'], 'val': ['b']}, "annotated videos that are in no split: 'c'"),
        ({'train': ['a', 'b', 'c'], 'val': ['d']}, 'no video of val is annotated'),
        ({'train': ['a'], 'val': ['b'], 'dev': ['c']}, "key 'dev': the splits are train, val, te"),
        ({'train': 'a', 'val': ['b']}, "key 'train' must be a list of texts"),
    ],
)
def test_wrong_split_files(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        _read(tmp_path, content)


def test_table():
    of_split = count_splits(
        {'train': ['a', 'c'], 'val': ['b']}, ['a', 'b', 'c'], np.array([[1, 9], [0, 3], [1, 8]])
    )
    assert split_table(['sit', 'walk'], ['tail', 'head'], of_split).splitlines() == [
        'class  train  val  group',
        'walk      17    3   head',
        'sit        2    0   tail',
        'all       19    3',
    ]
    assert lacking_classes(['sit', 'walk'], of_split) == [
        "val has no box of 1 class (not measured there): 'sit'"
    ]


def test_videos_that_leave_train_are_told(tmp_path):
    path = tmp_path / 'splits.json'
    assert changed_splits(path, {'train': ['a'], 'val': ['b']}) == []
    path.write_text(json.dumps({'train': ['a', 'c'], 'val': ['b']}))
    assert changed_splits(path, {'train': ['b', 'a', 'c'], 'val': ['d']}) == []
    (told,) = changed_splits(path, {'train': ['a'], 'val': ['b'], 'test': ['c']})
    assert told.startswith(f'{path}: 1 video of its train are in val or test now')
    assert told.endswith("'c'")
