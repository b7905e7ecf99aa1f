from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from mmlt.experiments.sap_trials import draw_trials, study_trials
from mmlt.functional import (
    MatchedScores,
    expected_sampled_average_precision,
    sampled_average_precision,
)

LABEL_MAP = {7: 'wave', 2: 'sit', 5: 'cut'}


def _matched(scores, targets) -> MatchedScores:
    scores, targets = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=bool)
    return MatchedScores(scores, targets, np.ones_like(targets))


@pytest.fixture
def matched():
    rng = np.random.default_rng(0)
    targets = rng.random((80, 3)) < [0.1, 0.6, 0.0]
    return _matched(rng.normal(size=targets.shape) + targets, targets)


def test_variance_by_hand():
    # A trial's AP is 1 or 1/2: of N trials with a share p of ones, SAP = (1 + p) / 2 and the
    # variance is p (1 - p) / 4. The other class draws all there is: always 1/2.
    study = study_trials(
        _matched([[9, 9], [8, 8], [7, -1]], [[0, 0], [1, 1], [0, 1]]), {1: 'a', 2: 'b'}
    )
    assert study['num_trials'] == list(range(5, 41))
    random, fixed = study['per_class']['a'], study['per_class']['b']
    share = 2 * np.array(random['SAP']) - 1
    assert np.ptp(share) > 0
    ones = share * study['num_trials']
    np.testing.assert_allclose(ones, ones.round(), atol=1e-9)
    np.testing.assert_allclose(random['variance'], share * (1 - share) / 4, atol=1e-12)
    assert random['SAP_exact'] == pytest.approx(0.75, abs=1e-12)
    assert fixed['SAP'] == pytest.approx([7 / 12] * 36, abs=1e-12)
    assert fixed['variance'] == pytest.approx([0] * 36, abs=1e-30)
    assert study['mSAP'] == pytest.approx((np.array(random['SAP']) + 7 / 12) / 2, abs=1e-12)
    mean = np.array(random['variance']) / 2
    assert study['variance'] == pytest.approx(mean, abs=1e-12)
    assert study['variance_of_mean'] == pytest.approx(mean / study['num_trials'], abs=1e-12)
    assert study['mSAP_exact'] == pytest.approx((0.75 + 7 / 12) / 2, abs=1e-12)


def test_each_number_of_trials_is_the_sampled_estimator(matched):
    study = study_trials(matched, LABEL_MAP, min_trials=2, max_trials=9, seed=4)
    assert study['num_trials'] == [2, 3, 4, 5, 6, 7, 8, 9]
    exact = expected_sampled_average_precision(*matched)
    for index, number in enumerate(study['num_trials']):
        mean, std = sampled_average_precision(*matched, num_trials=number, seed=4)
        for column, name in enumerate(('sit', 'cut')):
            row = study['per_class'][name]
            assert row['SAP'][index] == pytest.approx(mean[column], abs=1e-15)
            assert row['variance'][index] == pytest.approx(std[column] ** 2, abs=1e-15)
            assert row['SAP_exact'] == exact[column]


def test_a_class_without_ground_truth_is_null_and_in_no_mean(matched):
    study = study_trials(matched, LABEL_MAP, max_trials=6)
    wave = {'id': 7, 'num_boxes': 0, 'SAP': None, 'SAP_exact': None, 'variance': None}
    assert study['per_class']['wave'] == wave
    rows = [study['per_class'][name] for name in ('sit', 'cut')]
    assert study['mSAP'][1] == pytest.approx(np.mean([row['SAP'][1] for row in rows]))
    json.dumps(study, allow_nan=False)


def test_errors(matched):
    with pytest.raises(ValueError, match='1 <= 7 <= 6'):
        study_trials(matched, LABEL_MAP, min_trials=7, max_trials=6)
    with pytest.raises(ValueError, match='no annotated box'):
        study_trials(matched._replace(targets=np.zeros_like(matched.targets)), LABEL_MAP)
    with pytest.raises(ValueError, match='no detection matches an annotated box'):
        study_trials(matched._replace(scores=np.full((80, 3), -np.inf)), LABEL_MAP)


def test_picture_has_a_line_for_each_class(matched, tmp_path):
    study = study_trials(matched, LABEL_MAP, max_trials=8)
    draw_trials(study, tmp_path / 'trials.svg')
    svg = (tmp_path / 'trials.svg').read_text(encoding='utf-8')
    for text in ('each of 2 classes', 'mSAP, exact', 'mean over classes', 'number of trials'):
        assert f'>{text}<' in svg
    # 2 lines and 1 legend entry in both panels, in the classes' colour
    assert svg.count('stroke: #b4bac2') == 6
    draw_trials(study, tmp_path / 'trials.png')
    assert (tmp_path / 'trials.png').read_bytes().startswith(b'\x89PNG')
    with pytest.raises(FileExistsError, match=r'trials\.png'):
        draw_trials(study, tmp_path / 'trials.png')


def test_picture_where_all_trials_agree(tmp_path):
    study = study_trials(_matched([[1.0], [0.0]], [[1], [0]]), {1: 'a'}, max_trials=6)
    assert study['variance'] == [0.0, 0.0]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        draw_trials(study, tmp_path / 'trials.png')
