from __future__ import annotations

import pytest

from mmlt.evaluation.runs.schema import CLASSIFICATION, DETECTION, get_task


def test_a_file_of_detectors_names_no_task(make_metrics, make_classifier_metrics):
    assert get_task(make_metrics()) is DETECTION
    assert get_task(make_classifier_metrics()) is CLASSIFICATION
    with pytest.raises(ValueError, match=r"'task' must be 'classification', .*, got \['x'\]"):
        get_task({'task': ['x']})


def test_one_name_for_each_measure():
    """That of the terminal's table, on the page too."""
    assert DETECTION.means == {'mSAP': 'mSAP', 'frame_mAP': 'frame-mAP', 'mAUC': 'mAUC'}
    assert DETECTION.scores == {'SAP': 'SAP', 'AP': 'frame-AP', 'AUC': 'ROC-AUC'}


def test_what_is_shown_is_checked():
    for task in (DETECTION, CLASSIFICATION):
        assert task.means.keys() <= task.overall.keys() <= task.run_keys.keys()
        assert task.means.keys() < task.group_keys.keys()
        assert {*task.gains} <= {*task.scores} <= task.class_keys.keys()
        assert task.count_key in task.class_keys
        assert {*task.conditions} <= task.run_keys.keys()


def test_all_that_a_classifier_writes_is_checked(make_classifier_metrics):
    metrics = make_classifier_metrics()
    assert {'task', *CLASSIFICATION.run_keys} == metrics.keys()
    assert CLASSIFICATION.group_keys.keys() == metrics['groups']['tail'].keys()
    assert CLASSIFICATION.class_keys.keys() == metrics['per_class']['action 0'].keys()
