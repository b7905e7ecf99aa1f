from __future__ import annotations

import json

import numpy as np
import pytest

from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.runs.intervals import (
    are_paired,
    compute_means,
    difference,
    gain_interval,
    make_intervals,
    read_intervals,
    write_intervals,
)
from mmlt.fileio.class_split import ClassSplit
from mmlt.functional import ava_boxes_from_arrays

LABEL_MAP = {1: 'sit', 2: 'fly', 4: 'no boxes'}
SPLIT = ClassSplit(groups={'head': [1], 'medium': [], 'tail': [2, 4]}, source='by hand')
NUM_VIDEOS = 12


def _world(skill, seed=0):
    """Two persons on each of three keyframes a video; one sits, and one flies now and then."""
    rng = np.random.default_rng(seed)
    boxes, truth, detections = ((0.1, 0.1, 0.4, 0.9), (0.5, 0.1, 0.9, 0.9)), [], []
    for video in range(NUM_VIDEOS):
        for timestamp in (1, 2, 3):
            for person, box in enumerate(boxes):
                label = 1 if person == 0 or (video + timestamp) % 3 else 2
                truth.append((f'v{video}', timestamp, box, label, 1.0))
                for known in (1, 2):
                    score = rng.random() + skill * (known == label)
                    detections.append((f'v{video}', timestamp, box, known, score))
    return [ava_boxes_from_arrays(*zip(*rows)) for rows in (detections, truth)]


def _evaluate(skill, seed=0, excluded=frozenset(), **options):
    detections, truth = _world(skill, seed)
    metrics = evaluate_ava(
        detections, truth, LABEL_MAP, excluded=excluded, split=SPLIT, num_trials=1, **options
    )
    return metrics, detections, truth


@pytest.mark.parametrize(
    'options',
    [{}, dict(protocol='official', capacity=None), dict(protocol='official'),
     dict(pool='detections'), dict(excluded=frozenset({('v1', 2)}))],
)  # fmt: skip
def test_means_are_those_of_the_evaluation(options):
    metrics, detections, truth = _evaluate(0.3, **options)
    values = compute_means(metrics, detections, truth, options.get('excluded', frozenset()))
    assert difference(values, metrics) is None
    assert values['all/mSAP'] == pytest.approx(metrics['mSAP'], abs=1e-12)
    assert values['tail/frame_mAP'] == pytest.approx(metrics['groups']['tail']['frame_mAP'])
    assert np.isnan(values['medium/mSAP'])


def test_intervals_hold_the_values_and_leave_out_the_undefined():
    made = make_intervals(*_evaluate(0.3), num_resamples=40)
    assert list(made['means']) == [
        f'{group}/{key}' for group in ('all', 'head', 'tail') for key in
        ('mSAP', 'frame_mAP', 'mAUC')
    ]  # fmt: skip
    for interval in made['means'].values():
        assert interval['low'] <= interval['value'] <= interval['high']
        assert interval['low'] < interval['high']
    assert made['videos'] == sorted(f'v{i}' for i in range(NUM_VIDEOS))
    assert {len(draws) for draws in made['draws'].values()} == {40}


@pytest.mark.parametrize('protocol', ['mmaction2', 'official'])
def test_a_resample_without_an_evaluated_box_has_no_means(protocol):
    """Class 1 is on one video of three; of three draws, 8 in 27 miss it."""
    box = (0.1, 0.1, 0.4, 0.9)
    truth = [('v', 1, box, 1, 1.0), ('v', 2, box, 2, 1.0), ('w', 1, box, 2, 1.0)]
    truth.append(('x', 1, box, 2, 1.0))
    found = [(video, timestamp, box, 1, 0.5) for video, timestamp, *_ in truth]
    truth, found = (ava_boxes_from_arrays(*zip(*rows)) for rows in (truth, found))
    metrics = evaluate_ava(found, truth, {1: 'sit'}, protocol=protocol, num_trials=1)
    made = make_intervals(metrics, found, truth, num_resamples=200)
    for name in ('all/mSAP', 'all/frame_mAP', 'all/mAUC'):
        undefined = sum(value is None for value in made['draws'][name])
        assert 30 < undefined < 100  # 59 are expected, with a standard deviation of 6.5
    with pytest.raises(ValueError, match='no box of|nan here and'):  # in all videos
        make_intervals(metrics, found, truth._replace(labels=truth.labels + 1), num_resamples=2)


def test_another_evaluation_is_refused():
    metrics, detections, truth = _evaluate(0.3)
    with pytest.raises(ValueError, match=r'all/mSAP is 0\.\d+ here and 0\.\d+ in metrics\.json; '):
        make_intervals(metrics, detections, truth, frozenset({('v1', 2)}), num_resamples=2)


def test_one_video_is_no_sample_of_videos():
    metrics, detections, truth = _evaluate(0.3)
    rows = truth.video_index == 0
    one = truth._replace(
        **{key: getattr(truth, key)[rows] for key in truth._fields if key != 'video_names'}
    )
    with pytest.raises(ValueError, match='needs two at least, got 1'):
        make_intervals(metrics, detections, one)


def test_a_gain_is_paired_draw_by_draw():
    """A run that is better by the same amount in every draw has a gain without any doubt."""
    first = make_intervals(*_evaluate(0.3), num_resamples=30)
    second = json.loads(json.dumps(first))
    second['draws']['all/mSAP'] = [value - 0.125 for value in first['draws']['all/mSAP']]
    gain = gain_interval(first, second, 'all/mSAP')
    assert gain['low'] == pytest.approx(-0.125) and gain['high'] == pytest.approx(-0.125)
    unpaired = first['means']['all/mSAP']
    assert unpaired['high'] - unpaired['low'] > 0.01
    assert gain_interval(first, second, 'medium/mSAP') is None


def test_other_draws_are_not_paired():
    first = make_intervals(*_evaluate(0.3), num_resamples=4)
    for key, value in (('seed', 1), ('num_resamples', 5), ('videos', ['v0'])):
        assert not are_paired(first, {**first, key: value})
    assert are_paired(first, first) and not are_paired(first, None)
    assert gain_interval(first, {**first, 'seed': 1}, 'all/mSAP') is None


def test_draws_that_are_undefined_in_a_run_do_not_count():
    base = {'num_resamples': 4, 'seed': 0, 'videos': ['a', 'b']}
    first = {**base, 'draws': {'all/mSAP': [0.0, None, 0.5, 0.5]}}
    second = {**base, 'draws': {'all/mSAP': [0.5, 0.5, 1.0, None]}}
    assert gain_interval(first, second, 'all/mSAP') == {'se': 0, 'low': 0.5, 'high': 0.5}
    second['draws']['all/mSAP'] = [0.5, 0.5, None, None]
    assert gain_interval(first, second, 'all/mSAP') is None


def test_what_is_written_is_read(tmp_path):
    assert read_intervals(tmp_path) is None
    made = make_intervals(*_evaluate(0.3), num_resamples=4)
    write_intervals(made, tmp_path)
    assert read_intervals(tmp_path) == made
    with pytest.raises(FileExistsError):
        write_intervals(made, tmp_path)


def _set(values, path, value):
    *parents, key = path
    for parent in parents:
        values = values[parent]
    values[key] = value


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    [
        (['videos'], ['v', 3], "'videos' must be a list of texts, got"),
        (['num_resamples'], 3, "'draws', 'all/mSAP' must be a list of 3 values, got"),
        (['draws', 'all/mSAP'], None, "'draws', 'all/mSAP' must be a list of 4 values, got None"),
        (['draws', 'all/mSAP'], [0.5, 2, 0.5, 0.5], r"'all/mSAP' must be fraction in \[0, 1\]"),
        (['means', 'all/mSAP'], 0.5, "'means', 'all/mSAP' must be an object, got 0.5"),
        (['means', 'all/mSAP', 'low'], None, "'all/mSAP': key 'low' must be fraction"),
    ],
)
def test_refuses_a_wrong_value(tmp_path, path, value, message):
    made = make_intervals(*_evaluate(0.3), num_resamples=4)
    _set(made, path, value)
    file = write_intervals(made, tmp_path)
    with pytest.raises(ValueError, match=message) as error:
        read_intervals(tmp_path)
    assert str(error.value).startswith(str(file))
