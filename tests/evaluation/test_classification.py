from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mmlt.evaluation.classification import evaluate_classification
from mmlt.evaluation.runs.folder import write_results
from mmlt.fileio.class_counts import ClassCounts
from mmlt.fileio.class_split import ClassSplit

DATA = Path(__file__).parents[1] / 'data'
SCORES = [[0.9, 0.8, 0.1], [0.2, 0.6, 0.3], [0.5, 0.7, 0.4], [0.1, 0.3, 0.2]]
TARGETS = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
NAMES = ['walk', 'run', 'fly']


def _counts(*counts):
    return ClassCounts('by hand', 'videos', dict(enumerate(NAMES)), dict(enumerate(counts)))


def test_hand_computed():
    metrics = evaluate_classification(
        SCORES, TARGETS, NAMES, train_counts=_counts(9, 2, 0), head_min=5, tail_max=1
    )
    # walk: positives ranked 1 and 2. run: .7 and .6 behind the .8 of the first sample: 1/2, 2/3.
    # Each labelled sample's best class is a true one; in the third 'walk' comes second to 'run'.
    assert metrics['per_class'] == {
        'walk': _row(0, 'head', 9, 2, 1.0, 0.5),
        'run': _row(1, 'medium', 2, 2, pytest.approx(7 / 12), 1.0),
        'fly': {**_row(2, 'tail', 0, 0, None, None), 'recall@5': None},
    }
    assert metrics['mAP'] == pytest.approx(19 / 24)
    assert metrics['acc@1'] == metrics['acc@5'] == 1.0
    assert metrics['mean_recall@1'] == 0.75
    assert metrics['num_samples'] == 4
    assert metrics['groups']['head'] == {
        'num_classes': 1,
        'mAP': 1.0,
        'mean_recall@1': 0.5,
        'mean_recall@5': 1.0,
    }
    assert metrics['groups']['tail']['mAP'] is None
    assert metrics['train_counts_source'] == 'by hand'


def _row(index, group, num_train, num_samples, ap, recall):
    return {
        'id': index,
        'num_samples': num_samples,
        'num_train': num_train,
        'AP': ap,
        'recall@1': recall,
        'recall@5': 1.0,
        'group': group,
    }


def test_groups_of_a_split_and_none_without():
    split = ClassSplit('by eye', {'head': (1,), 'tail': (0, 2)})
    metrics = evaluate_classification(SCORES, TARGETS, NAMES, split=split)
    assert list(metrics['groups']) == ['head', 'tail']
    assert metrics['per_class']['walk']['group'] == 'tail'
    assert metrics['split_source'] == 'by eye'
    assert evaluate_classification(SCORES, TARGETS, NAMES)['groups'] == {}


def test_equals_videolt_long_tail_meter():
    recorded = np.load(DATA / 'videolt_ltmeter.npz')
    counts = np.load(DATA / 'videolt_class_counts.npz')['counts'].astype(int).tolist()
    names = [f'class {index}' for index in range(1004)]
    metrics = evaluate_classification(
        recorded['scores'],
        np.unpackbits(recorded['targets'], axis=1, count=1004),
        names,
        train_counts=ClassCounts('', '', dict(enumerate(names)), dict(enumerate(counts))),
        head_min=500,
        tail_max=100,
    )
    rows = list(metrics['per_class'].values())
    ap = np.array([row['AP'] or 0.0 for row in rows])
    np.testing.assert_allclose(ap, recorded['ap'], rtol=0, atol=1e-6)
    for group, size in (('head', 47), ('medium', 617), ('tail', 340)):
        assert metrics['groups'][group]['num_classes'] == size
        # The meter counts 0 for a class without a sample; ours leaves it out of the mean.
        known = [row['AP'] for row in rows if row['group'] == group and row['AP'] is not None]
        mean = metrics['groups'][group]['mAP'] * len(known) / size
        assert mean == pytest.approx(float(recorded[group]), abs=1e-6)
    assert 100 * metrics['acc@1'] == pytest.approx(float(recorded['acc1']), abs=1e-6)
    assert 100 * metrics['acc@5'] == pytest.approx(float(recorded['acc5']), abs=1e-6)


def test_files(tmp_path):
    metrics = evaluate_classification(SCORES, TARGETS, NAMES)
    paths = write_results(metrics, tmp_path / 'run')
    assert json.loads(paths[0].read_text()) == {'format_version': 1, **metrics}
    with open(paths[1], newline='') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        'name',
        'id',
        'group',
        'num_train',
        'num_samples',
        'AP',
        'recall@1',
        'recall@5',
    ]
    assert float(rows[1]['AP']) == metrics['per_class']['run']['AP']
    assert rows[2] == dict(rows[2], name='fly', AP='', num_train='', group='')
    with pytest.raises(FileExistsError, match='overwrite'):
        write_results(metrics, tmp_path / 'run')


def test_names_must_fit():
    with pytest.raises(ValueError, match='3 classes in targets, 2 names'):
        evaluate_classification(SCORES, TARGETS, NAMES[:2])
