from __future__ import annotations

import numpy as np
import pytest

from mmlt.evaluation.score_ratios import changed_scores_warning, score_ratios

NONE = -np.inf


def test_by_hand():
    # Box 0 was not found, box 2 lost a class; .5 is tied for class 0 but not across the classes.
    ratios = score_ratios(np.array([[NONE, NONE], [0.5, 0.5], [0.5, NONE], [0.2, 0.1]]))
    assert ratios == {
        'no_score_ratio': 3 / 8,
        'missing_score_ratio': 1 / 6,
        'tied_score_ratio': 2 / 5,
    }


@pytest.mark.parametrize('shape', [(0, 3), (4, 3)])
def test_nothing_found(shape):
    ratios = score_ratios(np.full(shape, NONE))
    expected = 1.0 if shape[0] else 0.0
    assert list(ratios.values()) == [expected, 0.0, 0.0]


def test_only_what_a_detector_does_not_do_is_told():
    rng = np.random.default_rng(40)
    dense = rng.random((2000, 8)).astype(np.float32).astype(np.float64)
    dense[:300] = NONE  # boxes that were not found
    assert changed_scores_warning(score_ratios(dense), 'd.csv') is None
    cut = np.where(dense < 0.25, NONE, dense)
    share = round(100 * (dense[300:] < 0.25).mean())
    assert changed_scores_warning(score_ratios(cut), 'd.csv') == (
        f'd.csv: {share}% of the scores of detected boxes are absent; if the file was thresholded '
        'or rounded, SAP and ROC-AUC do not stand, nor frame-AP where a class lost all of its '
        'detections'
    )
    rounded = changed_scores_warning(score_ratios(dense.round(2)), 'd.csv')
    assert rounded.startswith('d.csv: 100% of the scores are tied; if')


def test_older_metrics_tell_nothing():
    assert changed_scores_warning({'num_keyframes': 9}, 'run') is None
