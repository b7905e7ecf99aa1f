from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset

from mmlt.datasets.samplers.sample_labels import class_names, read_labelled_boxes

# sample, box, labels of the keyframes in conftest.py
AVA_BOXES = [
    (0, 0, [1, 5]),
    (0, 1, [2]),
    (1, 0, [1]),
    (2, 0, [1, 3]),
    (2, 1, [1, 5]),
    (2, 2, [1, 2, 5]),
    (2, 3, [4]),
]


def _listed(labelled):
    boxes = [None] * len(labelled.samples) if labelled.boxes is None else labelled.boxes.tolist()
    labels = [
        sorted(labelled.labels[labelled.label_boxes == k].tolist())
        for k in range(len(labelled.samples))
    ]
    return list(zip(labelled.samples.tolist(), boxes, labels))


@pytest.mark.parametrize('serialize', [True, False])
def test_keyframes(ava, serialize):
    labelled = read_labelled_boxes(ava(serialize_data=serialize))
    assert _listed(labelled) == AVA_BOXES
    assert labelled.class_ids == range(1, 6)


def test_keyframes_with_custom_classes(ava):
    # mmaction2 numbers them anew, and leaves out the boxes of the others
    labelled = read_labelled_boxes(ava(custom_classes=[2, 5], num_classes=3))
    assert _listed(labelled) == [(0, 0, [2]), (0, 1, [1]), (1, 0, [2]), (1, 1, [1, 2])]
    assert labelled.class_ids == range(1, 3)


def test_wrapped_keyframes(ava):
    repeated = _listed(read_labelled_boxes(RepeatDataset(ava(), times=2)))
    joined = _listed(read_labelled_boxes(ConcatDataset([ava(), ava()])))
    expected = AVA_BOXES + [(sample + 3, box, labels) for sample, box, labels in AVA_BOXES]
    assert repeated == joined == expected


def test_clips(clips):
    labelled = read_labelled_boxes(clips())
    assert _listed(labelled) == [
        (index, None, [label]) for index, label in enumerate([0, 0, 0, 0, 0, 1, 1, 2])
    ]
    assert labelled.class_ids == range(3)
    assert read_labelled_boxes(clips(num_classes=5)).class_ids == range(5)


def test_multi_label_clips(clips):
    labelled = read_labelled_boxes(clips(['0 3', '1', '3'], multi_class=True, num_classes=5))
    assert _listed(labelled) == [(0, None, [0, 3]), (1, None, [1]), (2, None, [3])]
    assert labelled.class_ids == range(5)


@pytest.mark.parametrize(
    ('key', 'values', 'expected', 'class_ids'),
    [
        ('gt_label', [2, np.int64(0), torch.tensor(1)], [[2], [0], [1]], range(3)),
        ('gt_label', [[2, 0], [], [1]], [[0, 2], [], [1]], range(3)),
        ('label', [[2, 2], (0,), np.array([1])], [[2], [0], [1]], range(3)),
        ('label', [-1, 1], [[], [1]], range(2)),  # mmaction2's -1 for a clip without a label
        ('gt_label', [[0, 1, 1, 0], [0, 0, 0, 0]], [[1, 2], []], range(4)),
        ('gt_label', [np.array([False, True]), [True, False]], [[1], [0]], range(2)),
        ('gt_labels', [np.array([1.0, 0, 1]), torch.tensor([0, 1.0, 0])], [[2], [1]], range(1, 3)),
    ],
)
def test_layouts_of_a_samples_own_labels(rows, key, values, expected, class_ids):
    labelled = read_labelled_boxes(rows([{key: value} for value in values]))
    assert _listed(labelled) == [(index, None, ids) for index, ids in enumerate(expected)]
    assert labelled.class_ids == class_ids


def test_boxes_with_lists_of_ids(rows):
    boxes = np.zeros((2, 4))
    infos = [{'gt_bboxes': boxes, 'gt_labels': [[1, 4], [2]]}, {'gt_bboxes': [], 'gt_labels': []}]
    labelled = read_labelled_boxes(rows(infos))
    assert _listed(labelled) == [(0, 0, [1, 4]), (0, 1, [2])]


@pytest.mark.parametrize('dtype', [np.uint8, np.float32, bool])
def test_all_rows_in_one_array(rows, dtype):
    targets = np.array([[0, 1, 1], [0, 0, 0], [1, 0, 1]])
    infos = [{'gt_labels': row.astype(np.float32)} for row in targets]
    one_by_one = read_labelled_boxes(rows(infos))
    dataset = rows(infos)
    dataset.targets = targets.astype(dtype)
    reads = []
    dataset.get_data_info = lambda index: reads.append(index) or infos[index]
    at_once = read_labelled_boxes(dataset)
    assert set(reads) == {0}
    assert (
        _listed(at_once)
        == _listed(one_by_one)
        == [
            (0, None, [1, 2]),
            (1, None, []),
            (2, None, [2]),
        ]
    )
    assert at_once.class_ids == one_by_one.class_ids == range(1, 3)


def test_targets_of_something_else(rows):
    dataset = rows([{'label': 1}, {'label': 0}])
    dataset.targets = np.ones((2, 3))  # not what a sample's label looks like
    assert _listed(read_labelled_boxes(dataset)) == [(0, None, [1]), (1, None, [0])]


def test_nothing_is_decoded(ava):
    def pipeline(results):
        raise AssertionError('the pipeline ran')

    assert len(read_labelled_boxes(ava(pipeline=[pipeline])).samples) == len(AVA_BOXES)


def test_names(ava, rows):
    names = {1: 'run', 2: 'jump', 3: 'swim', 4: 'sit', 5: 'stand'}
    assert class_names(RepeatDataset(ava(), times=2)) == names
    assert class_names(ava(custom_classes=[2, 5], num_classes=3)) == {1: 'jump', 2: 'stand'}
    assert class_names(rows([{'label': 0}], metainfo={'classes': ['a', 'b']})) == {0: 'a', 1: 'b'}
    assert class_names(rows([{'label': 0}])) == {}


@pytest.mark.parametrize(
    ('infos', 'options', 'message'),
    [
        (
            [{'label': 1}, {'filename': 'a.mp4'}],
            {},
            'Rows: sample 1 has none of gt_labels, gt_label, label but filename',
        ),
        (
            [{'label': 1}, {'gt_label': 1}],
            {},
            r"sample 1 has .*key='gt_label', of_boxes=False\), sample 0 has .*key='label'",
        ),
        ([{'label': 'run'}], {}, "sample 0: label is array.*'run'.*neither class ids nor"),
        ([{'label': np.array([0.5, 1.0])}], {}, 'sample 0: label is .*holds 0 and 1 only'),
        ([{'label': 3}], {'num_classes': 3}, 'sample 0: label is 3: the dataset has num_classes=3'),
        (
            [{'label': np.zeros(4)}],
            {'metainfo': {'classes': ['a', 'b', 'c']}},
            'sample 0: label is .*: the dataset has num_classes=3',
        ),
        (
            [{'gt_bboxes': np.zeros((2, 4)), 'gt_labels': np.zeros((1, 3))}],
            {},
            'sample 0: gt_labels has 1 rows for 2 gt_bboxes',
        ),
    ],
)
def test_errors(rows, infos, options, message):
    with pytest.raises(ValueError, match=message):
        read_labelled_boxes(rows(infos, **options))


def test_errors_of_whole_datasets(rows):
    with pytest.raises(ValueError, match='list is empty: nothing to draw from'):
        read_labelled_boxes([])
    keyframes = [{'gt_labels': np.zeros((1, 4))}]  # boxes' labels without the boxes
    with pytest.raises(ValueError, match='sample 0: gt_labels is .*neither class ids nor'):
        read_labelled_boxes(rows(keyframes))
    with pytest.raises(ValueError, match='list has no get_data_info'):
        read_labelled_boxes([1, 2])
