from __future__ import annotations

import pytest

from mmlt.evaluation.runs.tasks import CLASSIFICATION, DETECTION

NAN = pytest.approx(float('nan'), nan_ok=True)


def test_one_name_for_each_measure():
    """That of the terminal's table, on the page too."""
    assert DETECTION.means == {'mSAP': 'mSAP', 'frame_mAP': 'frame-mAP', 'mAUC': 'mAUC'}
    assert DETECTION.scores == {'SAP': 'SAP', 'AP': 'frame-AP', 'AUC': 'ROC-AUC'}


def test_what_is_shown_is_checked():
    for task in (DETECTION, CLASSIFICATION):
        assert task.means.keys() <= task.overall.keys() <= task.run_keys.keys()
        assert task.means.keys() < task.group_keys.keys()
        assert task.as_zero.keys() <= task.means.keys()
        assert {*task.gains} <= {*task.scores} <= task.class_keys.keys()
        assert task.count_key in task.class_keys
        assert {*task.conditions} <= task.run_keys.keys()


def test_all_that_a_classifier_writes_is_checked(make_classifier_metrics):
    metrics = make_classifier_metrics()
    assert {'task', *CLASSIFICATION.run_keys} == metrics.keys()
    assert CLASSIFICATION.group_keys.keys() == metrics['groups']['tail'].keys()
    assert CLASSIFICATION.class_keys.keys() == metrics['per_class']['action 0'].keys()


@pytest.mark.parametrize('per_class_keys', [False, True])
def test_values_of_a_detector(per_class_keys):
    means = {'frame_mAP': 0.25, 'mSAP': None, 'mAUC': 0.75}
    row = {'AP': 0.25, 'SAP': None, 'SAP_std': 0.5, 'SAP_sampled': 0.125, 'AUC': 1.0}
    metrics = {
        **means,
        'mSAP_sampled': 0.5,
        'frame_mAP_undetected_as_zero': None,
        'undetected_classes': ['fly', 'run'],
        'groups': {'tail': {'num_classes': 1, **means, 'mSAP': 0.0}},
        'per_class': {'sit': {'id': 1, 'group': 'tail', **row}},
    }
    classes = {'AP/sit': 0.25, 'SAP/sit': NAN, 'SAP_std/sit': 0.5, 'AUC/sit': 1.0}
    assert DETECTION.log_values(metrics, per_class_keys) == {
        'frame_mAP': 0.25,
        'mSAP': NAN,
        'mAUC': 0.75,
        'mSAP_sampled': 0.5,
        'frame_mAP_undetected_as_zero': NAN,
        'num_undetected_classes': 2.0,
        'tail/frame_mAP': 0.25,
        'tail/mSAP': 0.0,
        'tail/mAUC': 0.75,
        **(classes if per_class_keys else {}),
    }


@pytest.mark.parametrize('per_class_keys', [False, True])
def test_values_of_a_classifier(per_class_keys):
    means = {'mAP': 0.25, 'mean_recall@1': None, 'mean_recall@5': 1.0}
    metrics = {
        **means,
        'acc@1': 0.5,
        'acc@5': None,
        'groups': {'head': {'num_classes': 1, **means}},
        'per_class': {'sit': {'AP': None, 'recall@1': 0.5, 'recall@5': 1.0}},
    }
    classes = {'AP/sit': NAN, 'recall1/sit': 0.5}
    assert CLASSIFICATION.log_values(metrics, per_class_keys) == {
        'mAP': 0.25,
        'acc/top1': 0.5,
        'acc/top5': NAN,
        'acc/mean1': NAN,
        'head/mAP': 0.25,
        'head/mean1': NAN,
        **(classes if per_class_keys else {}),
    }
