from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import METRICS, DefaultScope

from mmlt.evaluation.metrics import AverageErrorMetric
from mmlt.functional import average_top_k_error


def _world(num_samples=40, num_classes=9):
    rng = np.random.default_rng(0)
    return rng.random((num_samples, num_classes)), rng.integers(num_classes, size=num_samples)


def _samples(scores, targets, keyed=True):
    rows = zip(np.asarray(scores).tolist(), np.asarray(targets, int).tolist())
    return [
        dict(pred_score=score, gt_label=target, **(dict(sample_idx=i) if keyed else {}))
        for i, (score, target) in enumerate(rows)
    ]


def _evaluate(metric, samples, size=None):
    for sample in samples:
        tensors = {key: torch.tensor(sample[key]) for key in ('pred_score', 'gt_label')}
        metric.process({}, [{**sample, **tensors}])
    return metric.evaluate(size or len(samples))


def _mmaction_samples(scores, labels):
    samples = [ActionDataSample() for _ in scores]
    for sample, score, label in zip(samples, scores, labels):
        sample.set_gt_label(int(label)).set_pred_score(torch.from_numpy(score))
    return samples


def test_hand_made_world():
    # The class of the first sample is first, that of the second second, that of the third last.
    scores = [[0.9, 0.1, 0.0], [0.5, 0.4, 0.1], [0.3, 0.2, 0.1]]
    targets = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    result = _evaluate(AverageErrorMetric(ks=(1, 2)), _samples(scores, targets))
    expected = {'error/average': (2 / 3 + 1 / 3) / 2, 'error/top1': 2 / 3, 'error/top2': 1 / 3}
    assert list(result) == list(expected)
    assert result == pytest.approx(expected)


def test_takes_the_data_samples_of_mmaction2_beside_its_own_metric():
    scores, labels = _world()
    metrics = [dict(type='AccMetric'), dict(type='mmlt.AverageErrorMetric')]
    with DefaultScope.overwrite_default_scope('mmaction'):
        evaluator = Evaluator([METRICS.build(metric) for metric in metrics])
    evaluator.process(_mmaction_samples(scores.astype(np.float32), labels))
    result = evaluator.evaluate(40)
    assert result['error/top1'] == pytest.approx(1 - result['acc/top1'], abs=1e-12)
    assert result['error/top5'] == pytest.approx(1 - result['acc/top5'], abs=1e-12)
    mean = (result['error/top1'] + result['error/top5']) / 2
    assert result['error/average'] == pytest.approx(mean, abs=1e-12)
    assert 0 < result['error/top5'] < result['error/top1']


def test_equals_the_functional():
    scores, labels = _world()
    targets = np.eye(9)[labels]
    result = _evaluate(AverageErrorMetric(), _samples(scores, targets))
    # the metric's tensors are float32, the order of these scores is the same in both
    assert result['error/average'] == average_top_k_error(scores, targets)


def test_evaluations_do_not_add_up():
    scores, labels = _world()
    metric, samples = AverageErrorMetric(), _samples(scores, np.eye(9)[labels])
    first = _evaluate(metric, samples)
    assert _evaluate(metric, samples[:10])['error/top1'] != first['error/top1']
    assert _evaluate(metric, samples) == first


#: Of two ranks, and whether the samples have a name: padded as DefaultSampler does, or uneven.
SHARDS = [
    ([[0, 2, 4], [1, 3, 0]], True),
    ([[0, 2, 4], [1, 3, 0]], False),
    ([[0, 1, 2, 3, 4], []], False),
    ([[], [3, 3, 0, 2, 1, 4]], True),
]


@pytest.mark.dist
def test_two_ranks_equal_one(tmp_path, two_ranks):
    scores, labels = _world(5)
    job = [(shards, _samples(scores, np.eye(9)[labels], keyed)) for shards, keyed in SHARDS]
    (tmp_path / 'job').write_text(json.dumps(job))
    two_ranks.run(Path(__file__).with_name('two_rank_average_error.py'), tmp_path / 'job')
    expected = [_evaluate(AverageErrorMetric(), samples) for _, samples in job]
    for rank in range(2):
        assert json.loads((tmp_path / f'job.rank{rank}').read_text()) == expected


def test_what_is_wrong():
    with pytest.raises(ValueError, match='no sample was evaluated'):
        AverageErrorMetric().evaluate(3)
    with pytest.raises(ValueError, match='k must be an integer of at least 1, got 0'):
        AverageErrorMetric(ks=(0,))
    with pytest.raises(ValueError, match='ks must name at least one k'):
        AverageErrorMetric(ks=())
    sample = dict(pred_score=torch.tensor([0.1, float('nan')]), gt_label=torch.tensor([0]))
    with pytest.raises(ValueError, match=r'pred_score\[1\] is nan'):
        AverageErrorMetric().process({}, [sample])


def test_missing_samples_are_reported(tmp_path, monkeypatch):
    logger = MMLogger('missing_errors', log_file=str(tmp_path / 'a.log'))
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    _evaluate(AverageErrorMetric(), _samples([[0.1, 0.2]] * 4, [[0, 1]] * 4), size=6)
    assert '4 samples of a dataset of 6' in (tmp_path / 'a.log').read_text()
