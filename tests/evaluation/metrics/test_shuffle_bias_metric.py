"""The metric by itself, fed as the loop feeds it (with a model: tests/engine/loops)."""

from __future__ import annotations

import json
import math
import os

import pytest
import torch
from mmengine.evaluator import DumpResults
from mmengine.logging import MMLogger

from mmlt.evaluation.metrics import LongTailMetric, ShuffleBiasMetric


def _sample(shuffle, label, scores):
    return {
        'shuffle': shuffle,
        'gt_label': torch.tensor([label]),
        'pred_score': torch.tensor(scores),
    }


# Four videos in batches of 3 and 1; in order all are right, shuffled the second and the last.
BATCHES = [
    [(0, [0.9, 0.1], [0.2, 0.8]), (0, [0.8, 0.2], [0.7, 0.3]), (1, [0.1, 0.9], [0.6, 0.4])],
    [(1, [0.3, 0.7], [0.4, 0.6])],
]


def _metric(num_shuffles=1, others=(), **options):
    metric = ShuffleBiasMetric(**options)
    metric.compare_streams(list(others), num_shuffles=num_shuffles, seed=0)
    return metric


def _feed(metric, num_shuffles=1):
    for batch in BATCHES:
        for shuffle in range(num_shuffles + 1):
            samples = [_sample(shuffle, row[0], row[min(shuffle, 1) + 1]) for row in batch]
            metric.process({}, samples)
    return metric.evaluate(4)


def test_hand_computed(tmp_path):
    (tmp_path / 'labels.txt').write_text('walk\nsit\n')
    metric = _metric(label_file=str(tmp_path / 'labels.txt'), out_dir=str(tmp_path / 'run'))
    flat = _feed(metric)
    assert flat['shuffle_bias/accuracy/original'] == 1
    assert flat['shuffle_bias/accuracy/shuffled'] == 0.5
    found = json.loads((tmp_path / 'run' / 'shuffle_bias.json').read_text())
    assert found['num_samples'] == 4
    assert {name: row['shuffled'] for name, row in found['per_class'].items()} == {
        'walk': 0.5,
        'sit': 0.5,
    }


def test_evaluating_again_replaces_the_own_file_alone(tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    (folder / 'shuffle_bias.json').write_text('not ours')
    metric = _metric(out_dir=str(folder))
    for _ in range(2):
        _feed(metric)
    assert (folder / 'shuffle_bias.json').read_text() == 'not ours'
    assert sorted(os.listdir(tmp_path)) == ['run', 'run-2']


def test_without_a_runner_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MMLogger.get_current_instance(), '_log_file', None)
    _feed(_metric())
    assert os.listdir(tmp_path) == []


def test_dumped_predictions_of_the_streams_do_not_meet(tmp_path):
    dump = DumpResults(str(tmp_path / 'all.pkl'))
    _feed(_metric(2, [dump]), 2)
    assert sorted(os.listdir(tmp_path)) == ['all.pkl', 'all.shuffled_1.pkl', 'all.shuffled_2.pkl']


def test_multi_label_videos_have_no_accuracy(tmp_path):
    metric = _metric(out_dir=str(tmp_path))
    for shuffle in (0, 1):
        sample = {'shuffle': shuffle, 'gt_label': torch.tensor([1, 0, 1])}
        metric.process({}, [{**sample, 'pred_score': torch.rand(3)}])
    assert metric.evaluate(1) == {}
    assert json.loads((tmp_path / 'shuffle_bias.json').read_text())['metrics'] == {}


@pytest.mark.parametrize('scores', [[0.5, 0.5], [-torch.inf, -torch.inf]])
def test_a_constant_scorer_recognises_nothing(scores):
    metric = _metric()
    for shuffle in (0, 1):
        metric.process({}, [_sample(shuffle, label, scores) for label in (0, 1)])
    assert metric.evaluate(2)['shuffle_bias/accuracy/original'] == 0


def test_accuracy_equals_that_of_the_long_tail_metric():
    rng = torch.Generator().manual_seed(0)
    metric = _metric(others=[LongTailMetric()])
    scores = (torch.randint(4, (40, 3), generator=rng) / 4).tolist()  # many share the best
    for shuffle in (0, 1):
        samples = [_sample(shuffle, number % 3, row) for number, row in enumerate(scores)]
        metric.process({}, samples)
    flat = metric.evaluate(40)
    assert 0 < flat['longtail/acc/top1'] == flat['shuffle_bias/accuracy/original'] < 1


@pytest.mark.parametrize(
    ('label', 'scores', 'message'),
    [
        (0, [0.5, math.nan], r'pred_score\[1\] is nan'),
        (2, [0.5, 0.4], 'gt_label is 2, not a class from 0 to 1'),
        (2, [0.5, 0.4, 0.1], 'a video of class 2: 2 classes have names'),
    ],
)
def test_bad_samples_stop_the_first_batch(tmp_path, label, scores, message):
    (tmp_path / 'labels.txt').write_text('walk\nsit\n')
    with pytest.raises(ValueError, match=message):
        _metric(label_file=str(tmp_path / 'labels.txt')).process({}, [_sample(0, label, scores)])


def test_a_bad_label_file_is_refused_before_the_test(tmp_path):
    (tmp_path / 'labels.txt').write_text('walk\nwalk\n')
    with pytest.raises(ValueError, match=r"labels\.txt, line 2: name 'walk' repeated"):
        _metric(label_file=str(tmp_path / 'labels.txt'))


def test_another_loop_is_an_error():
    sample = _sample(0, 0, [1.0, 0.0])
    with pytest.raises(ValueError, match=r"needs test_cfg\.type='mmlt\.ShuffleBiasTestLoop'"):
        ShuffleBiasMetric().process({}, [sample])
    del sample['shuffle']
    with pytest.raises(ValueError, match='do not say which shuffle they belong to'):
        _metric().process({}, [sample])


def test_scores_of_single_windows_are_an_error():
    with pytest.raises(ValueError, match=r"shape \(2, 2\): average .*average_clips='prob'"):
        _metric().process({}, [_sample(0, 0, [[1.0, 0.0], [0.0, 1.0]])])
