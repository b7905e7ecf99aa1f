from __future__ import annotations

import numpy as np
import pytest

from mmlt.experiments.seed_table import (
    bootstrap_methods,
    group_sap,
    match_by_video,
    mean_and_error,
    replace_between,
)
from mmlt.functional import AVABoxes, expected_sampled_average_precision, match_scores

GROUPS = {'all': [0, 1, 2], 'tail': [2]}


def _boxes(rows):
    """AVABoxes of (video, second, x, label, score): boxes of one size at different places."""
    names = np.array(sorted({row[0] for row in rows}))
    return AVABoxes(
        np.array([names.tolist().index(row[0]) for row in rows], dtype=np.int32),
        names,
        np.array([row[1] for row in rows], dtype=np.int32),
        np.array([[row[2], 0.0, row[2] + 0.1, 1.0] for row in rows]),
        np.array([row[3] for row in rows], dtype=np.int32),
        np.array([row[4] for row in rows], dtype=np.float64),
    )


TRUTH = _boxes([('b', 1, 0.0, 1, 1), ('a', 1, 0.0, 1, 1), ('a', 1, 0.5, 2, 1), ('a', 2, 0.0, 2, 1)])
FOUND = _boxes(
    [('a', 1, 0.0, 1, 0.9), ('a', 1, 0.5, 1, 0.2), ('b', 1, 0.0, 2, 0.3), ('c', 1, 0.0, 1, 0.8)]
)


def test_matches_by_hand():
    first, second = match_by_video(FOUND, TRUTH, [1, 2])
    no = -np.inf  # never found
    np.testing.assert_array_equal(first[0], [[0.9, no], [0.2, no], [no, no]])  # video a
    np.testing.assert_array_equal(first[1], [[1, 0], [0, 1], [0, 1]])
    np.testing.assert_array_equal(second[0], [[no, 0.3]])  # video b; c is not annotated
    np.testing.assert_array_equal(second[1], [[1, 0]])


def test_excluded_keyframes_are_left_out():
    first, second = match_by_video(FOUND, TRUTH, [1, 2], frozenset([('a', 1)]))
    assert (len(first[0]), len(second[0])) == (1, 1)
    first, second = match_by_video(FOUND, TRUTH, [1, 2], frozenset([('b', 1)]))
    assert (len(first[0]), len(second[0])) == (3, 0)


def _random_boxes(rng, num, names):
    videos = rng.choice(names, num)
    columns = (rng.integers(1, 4, num), rng.integers(0, 9, num) / 10, rng.integers(1, 4, num))
    return _boxes(list(zip(videos, *columns, rng.random(num))))


def test_videos_together_are_the_whole():
    rng = np.random.default_rng(0)
    truth, found = (_random_boxes(rng, num, ['u', 'v', 'w']) for num in (60, 200))
    whole = match_scores(found, truth, class_ids=[1, 2, 3])
    matched = match_by_video(found, truth, [1, 2, 3])
    assert sum(len(scores) for scores, _ in matched) == len(whole.scores)
    expected = expected_sampled_average_precision(whole.scores, whole.targets)
    result = group_sap(matched, {'each': [1], 'all': [0, 1, 2]})
    assert result['each'] == pytest.approx(expected[1], abs=1e-12)
    assert result['all'] == pytest.approx(expected.mean(), abs=1e-12)


def test_group_sap_by_hand():
    # class 0: its positive first of all, SAP 1; class 1: below its one negative, SAP 1/2;
    # class 2 has no positive and counts in no mean
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.6, 0.5]])
    targets = np.array([[1, 1, 0], [0, 0, 0]])
    videos = [(scores[:1], targets[:1]), (scores[1:], targets[1:])]
    assert group_sap(videos, {'all': [0, 1, 2], 'tail': [1, 2]}) == {'all': 0.75, 'tail': 0.5}


def _videos(rng, num=4, quality=1.0):
    """Videos of some boxes; every video holds every class."""
    videos = []
    for _ in range(num):
        targets = rng.random((6, 3)) < 0.4
        targets[:3] |= np.eye(3, dtype=bool)
        videos.append((rng.normal(size=(6, 3)) + quality * targets, targets.astype(np.int64)))
    return videos


@pytest.fixture
def matched():
    rng = np.random.default_rng(0)
    return {name: [_videos(rng), _videos(rng)] for name in ('base', 'ours')}


def _reference_bootstrap(matched, groups, baseline, num_resamples, seed):
    """One draw after another, every number on its own."""
    rng = np.random.default_rng(seed)
    num_videos = len(matched[baseline][0])
    means = {(method, group): [] for method in matched for group in groups}
    for _ in range(num_resamples):
        drawn = rng.integers(0, num_videos, num_videos)
        for method, runs in matched.items():
            for group, columns in groups.items():
                values = []
                for videos in runs:
                    scores = np.concatenate([videos[i][0] for i in drawn])
                    targets = np.concatenate([videos[i][1] for i in drawn])
                    sap = expected_sampled_average_precision(scores, targets)
                    values.append(np.nanmean(sap[columns]))
                means[method, group].append(np.mean(values))
    result = {method: {group: {} for group in groups} for method in matched}
    for (method, group), values in means.items():
        gains = np.subtract(values, means[baseline, group])
        result[method][group] = {'se': np.std(values, ddof=1), 'gain_se': np.std(gains, ddof=1)}
    return result


def test_bootstrap_equals_the_reference(matched):
    found = bootstrap_methods(matched, GROUPS, 'base', num_resamples=9, seed=3)
    expected = _reference_bootstrap(matched, GROUPS, 'base', 9, 3)
    assert found.keys() == expected.keys()
    for method in expected:
        for group in GROUPS:
            assert found[method][group] == pytest.approx(expected[method][group], abs=1e-12)
            assert found[method][group]['se'] > 0


def test_the_baseline_gains_nothing_over_itself(matched):
    matched = {**matched, 'again': matched['base']}
    found = bootstrap_methods(matched, GROUPS, 'base', num_resamples=5)
    for group in GROUPS:
        assert found['base'][group]['gain_se'] == found['again'][group]['gain_se'] == 0
        assert found['again'][group]['se'] == found['base'][group]['se'] > 0
        assert found['ours'][group]['gain_se'] > 0


def test_one_video_never_moves(matched):
    one = {name: [videos[:1] for videos in runs] for name, runs in matched.items()}
    found = bootstrap_methods(one, GROUPS, 'base', num_resamples=3)
    assert found['ours'] == {group: {'se': 0.0, 'gain_se': 0.0} for group in GROUPS}


def test_bootstrap_errors(matched):
    with pytest.raises(ValueError, match=r"baseline 'best' is not among base, ours"):
        bootstrap_methods(matched, GROUPS, 'best')
    matched['ours'][1] = matched['ours'][1][:3]
    with pytest.raises(ValueError, match=r'on \[3, 4\] videos: not the same test set'):
        bootstrap_methods(matched, GROUPS, 'base')


def test_mean_and_error_by_hand():
    # deviations -1, 0, 1: standard deviation 1 over sqrt 3
    assert mean_and_error([1.0, 2.0, 3.0]) == pytest.approx((2.0, 3**-0.5))
    mean, error = mean_and_error([0.4])
    assert mean == 0.4 and np.isnan(error)


def test_replace_between_by_hand():
    text = 'before <!-- a -->old\nlines<!-- b --> after'
    new = replace_between(text, '<!-- a -->', '<!-- b -->', '\n| table |\n\n')
    assert new == 'before <!-- a -->\n\n| table |\n\n<!-- b --> after'
    assert replace_between(new, '<!-- a -->', '<!-- b -->', '| table |') == new


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('[ text', r"marker '\]' occurs 0 times, not once"),
        ('[ [ ]', r"marker '\[' occurs 2 times, not once"),
        ('] text [', r"marker '\]' comes before '\['"),
    ],
)
def test_replace_between_errors(text, message):
    with pytest.raises(ValueError, match=message):
        replace_between(text, '[', ']', 'new')
