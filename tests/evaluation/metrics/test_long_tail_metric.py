from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.registry import METRICS, DefaultScope
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from warm_python import PYTHON

from mmlt.evaluation.metrics import LongTailMetric

NAMES = ['walk', 'run', 'fly']
# The numbers are derived in tests/evaluation/test_classification.py.
SCORES = [[0.9, 0.8, 0.1], [0.2, 0.6, 0.3], [0.5, 0.7, 0.4], [0.1, 0.3, 0.2]]
TARGETS = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]]
LIMITS = {'head_min': 5, 'tail_max': 1}


def _samples(scores=SCORES, targets=TARGETS, keyed=True):
    rows = zip(np.asarray(scores).tolist(), np.asarray(targets).tolist())
    return [
        {'pred_score': score, 'gt_label': target, **({'sample_idx': i} if keyed else {})}
        for i, (score, target) in enumerate(rows)
    ]


def _evaluate(metric, samples=None, size=None):
    samples = _samples() if samples is None else samples
    tensors = ('pred_score', 'gt_label')
    for sample in samples:
        metric.process({}, [{**sample, **{key: torch.tensor(sample[key]) for key in tensors}}])
    return metric.evaluate(size or len(samples))


def _write_counts(folder, *classes):
    path = folder / 'counts.json'
    entries = [{'id': i, 'name': name, 'count': count} for i, name, count in classes]
    path.write_text(json.dumps({'source': 'by hand', 'unit': 'videos', 'classes': entries}))
    return str(path)


@pytest.fixture
def counts_file(tmp_path):
    return _write_counts(tmp_path, (0, 'walk', 9), (1, 'run', 2), (2, 'fly', 0))


@pytest.fixture
def label_file(tmp_path):
    path = tmp_path / 'labels.txt'
    path.write_text('\n'.join(NAMES) + '\n')
    return str(path)


def test_hand_made_world(counts_file):
    result = _evaluate(LongTailMetric(class_counts=counts_file, **LIMITS, per_class_keys=True))
    expected = {
        'longtail/mAP': 19 / 24,
        'longtail/acc/top1': 1.0,
        'longtail/acc/top5': 1.0,
        'longtail/acc/mean1': 0.75,
        'longtail/head/mAP': 1.0,
        'longtail/head/mean1': 0.5,
        'longtail/medium/mAP': 7 / 12,
        'longtail/medium/mean1': 1.0,
        'longtail/tail/mAP': math.nan,
        'longtail/tail/mean1': math.nan,
        'longtail/AP/walk': 1.0,
        'longtail/AP/run': 7 / 12,
        'longtail/AP/fly': math.nan,
        'longtail/recall1/walk': 0.5,
        'longtail/recall1/run': 1.0,
        'longtail/recall1/fly': math.nan,
    }
    assert list(result) == list(expected)
    assert result == pytest.approx(expected, nan_ok=True)


def _mmaction_samples(scores, labels, multi_class):
    from mmaction.structures import ActionDataSample

    samples = []
    for score, label in zip(scores, labels):
        sample = ActionDataSample()
        sample.set_gt_label(torch.eye(len(score))[label] if multi_class else int(label))
        sample.set_pred_score(torch.from_numpy(score))
        samples.append(sample)
    return samples


def _reference_mmaction_acc_metric(samples):
    from mmaction.evaluation import AccMetric

    evaluator = Evaluator(AccMetric())
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def test_takes_the_data_samples_of_mmaction2():
    rng = np.random.default_rng(0)
    scores, labels = rng.random((200, 7)).astype(np.float32), rng.integers(7, size=200)
    reference = _reference_mmaction_acc_metric(_mmaction_samples(scores, labels, False))
    for multi_class in (False, True):
        evaluator = Evaluator(LongTailMetric(per_class_keys=True))
        evaluator.dataset_meta = {}
        evaluator.process(_mmaction_samples(scores, labels, multi_class))
        result = evaluator.evaluate(200)
        for key in ('top1', 'top5', 'mean1'):
            expected = pytest.approx(reference[f'acc/{key}'], abs=1e-12)
            assert result[f'longtail/acc/{key}'] == expected
        assert 'longtail/AP/6' in result  # no names: the columns are


def test_names_of_the_dataset_and_of_a_label_file(label_file):
    metric = LongTailMetric(label_file, per_class_keys=True)
    metric.dataset_meta = {'classes': ['x', 'y', 'z']}
    assert 'longtail/AP/walk' in _evaluate(metric)
    metric = LongTailMetric(per_class_keys=True)
    metric.dataset_meta = {'classes': ('x', 'y', 'z')}
    assert 'longtail/AP/x' in _evaluate(metric)


def test_names_of_the_dataset_must_be_those_of_the_counts(counts_file):
    metric = LongTailMetric(class_counts=counts_file, **LIMITS)
    with pytest.raises(ValueError, match=r"class 1 is called 'run' here and 'jog' in the label"):
        metric.dataset_meta = {'classes': ['walk', 'jog', 'fly']}


def test_groups_of_a_split_file(tmp_path, label_file):
    split_file = tmp_path / 'split.json'
    split_file.write_text(json.dumps({'source': 'by eye', 'head': [1], 'tail': [0, 2]}))
    result = _evaluate(LongTailMetric(label_file, split_file=str(split_file)))
    assert result['longtail/head/mAP'] == pytest.approx(7 / 12)
    assert result['longtail/tail/mAP'] == 1.0
    assert 'longtail/medium/mAP' not in result


def test_without_the_keys_of_single_classes():
    result = _evaluate(LongTailMetric())
    assert list(result) == [
        'longtail/mAP',
        'longtail/acc/top1',
        'longtail/acc/top5',
        'longtail/acc/mean1',
    ]


def test_files(tmp_path, counts_file):
    metric = LongTailMetric(class_counts=counts_file, **LIMITS, out_dir=str(tmp_path / 'run'))
    for _ in range(2):
        result = _evaluate(metric)
    written = json.loads((tmp_path / 'run' / 'metrics.json').read_text())
    assert written['task'] == 'classification'
    assert written['mAP'] == result['longtail/mAP']
    assert written['groups']['tail'] == {
        'num_classes': 1,
        'mAP': None,
        'mean_recall@1': None,
        'mean_recall@5': None,
    }
    assert sorted(os.listdir(tmp_path / 'run')) == ['metrics.json', 'per_class.csv']
    assert not (tmp_path / 'run-2').exists()


class _Clips(torch.utils.data.Dataset):
    metainfo = {'classes': NAMES}

    def __len__(self):
        return len(SCORES)

    def __getitem__(self, index):
        sample = BaseDataElement(
            pred_score=torch.tensor(SCORES[index]), gt_label=torch.tensor(TARGETS[index])
        )
        return {'inputs': torch.ones(1), 'data_samples': sample}


class _Recognizer(BaseModel):
    def forward(self, inputs, data_samples=None, mode='tensor'):
        return data_samples


def test_in_a_runner(tmp_path, counts_file, request):
    loader = {
        'dataset': _Clips(),
        'batch_size': 3,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'collate_fn': {'type': 'pseudo_collate'},
    }
    runner = Runner(
        model=_Recognizer(),
        work_dir=str(tmp_path / 'work_dir'),
        test_dataloader=loader,
        test_cfg={},
        test_evaluator={'type': 'mmlt.LongTailMetric', 'class_counts': counts_file, **LIMITS},
        default_scope='mmaction',
        experiment_name=request.node.name,
        log_level='WARNING',
    )
    assert runner.test()['longtail/head/mAP'] == 1.0
    written = json.loads((Path(runner.log_dir) / 'metrics.json').read_text())
    assert list(written['per_class']) == NAMES
    # What mmengine's visualisers get.
    logged = json.loads((Path(runner.log_dir) / f'{runner.timestamp}.json').read_text())
    assert logged['longtail/medium/mAP'] == pytest.approx(7 / 12)


def test_missing_samples_are_reported(tmp_path, monkeypatch):
    logger = MMLogger('missing', log_file=str(tmp_path / 'a.log'))
    monkeypatch.setattr(MMLogger, 'get_current_instance', lambda: logger)
    _evaluate(LongTailMetric(), size=6)
    assert '4 samples from a dataset of 6' in (tmp_path / 'a.log').read_text()
    assert 'Acc@1 100.0, Acc@5 100.0, 4 samples' in (tmp_path / 'a.log').read_text()


def test_built_by_name_in_the_scope_of_mmaction():
    config = Config({'val_evaluator': {'type': 'mmlt.LongTailMetric'}})
    with DefaultScope.overwrite_default_scope('mmaction'):
        assert isinstance(METRICS.build(config.val_evaluator), LongTailMetric)


SHARDS = [
    ([[0, 2], [1, 3]], True),
    ([[0, 2, 4], [1, 3, 0]], True),  # DefaultSampler on five samples, named or not
    ([[0, 2, 4], [1, 3, 0]], False),
    ([[0, 1, 2, 3], []], False),
    ([[], [0, 1, 2, 3]], False),
    ([[3, 3, 0], [2, 1]], True),
]


@pytest.mark.dist
def test_two_ranks_equal_one(tmp_path, counts_file):
    rng = np.random.default_rng(1)
    scores, targets = rng.random((5, 3)), rng.random((5, 3)) < 0.5
    options = {'class_counts': counts_file, **LIMITS}
    cases, expected = [], []
    for number, (shards, keyed) in enumerate(SHARDS):
        samples = _samples(scores, targets, keyed)[: max(map(max, filter(None, shards))) + 1]
        folder = tmp_path / f'one{number}'
        one = _evaluate(LongTailMetric(**options, out_dir=str(folder)), samples)
        expected.append({key: float(value).hex() for key, value in one.items()})
        cases.append(
            {
                'metric': {**options, 'out_dir': str(tmp_path / f'two{number}')},
                'shards': [[samples[i] for i in shard] for shard in shards],
                'size': len(samples),
                'out': str(tmp_path / f'result{number}'),
            }
        )
    job_file = tmp_path / 'job.json'
    job_file.write_text(json.dumps({'rendezvous': f'{job_file}.rendezvous', 'cases': cases}))
    _run_two_ranks(job_file)
    for number in range(len(SHARDS)):
        for rank in range(2):
            result = json.loads((tmp_path / f'result{number}.rank{rank}').read_text())
            assert result == expected[number], SHARDS[number]
        for name in ('metrics.json', 'per_class.csv'):
            ours = (tmp_path / f'two{number}' / name).read_bytes()
            assert ours == (tmp_path / f'one{number}' / name).read_bytes(), SHARDS[number]
        assert len(os.listdir(tmp_path / f'two{number}')) == 2
    assert not (tmp_path / '.dist_test').exists()


def _run_two_ranks(job_file):
    environment = {
        **os.environ,
        'PYTHONPATH': str(Path(__file__).parents[3]),
        'OMP_NUM_THREADS': '1',
    }
    worker = Path(__file__).with_name('two_rank_classifier.py')
    ranks = [
        subprocess.Popen(
            [PYTHON, worker, str(rank), '2', job_file],
            cwd=job_file.parent,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors


def test_nothing_evaluated():
    with pytest.raises(ValueError, match='no sample was evaluated'):
        LongTailMetric().evaluate(3)


def test_models_with_other_classes(label_file):
    with pytest.raises(ValueError, match=r'pred_score has 2 classes, .*labels\.txt names 3'):
        _evaluate(LongTailMetric(label_file), _samples([[0.1, 0.2]], [[1, 0]]))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'class_counts': 'COUNTS'}, 'class_counts needs head_min and tail_max'),
        ({'class_counts': 'COUNTS', 'head_min': 5}, 'class_counts needs head_min and tail_max'),
        (LIMITS, 'head_min makes groups of class_counts, where no split_file does'),
        ({'class_counts': 'COUNTS', 'head_min': 1, 'tail_max': 5}, 'tail_max is 5: it must not'),
        ({'class_counts': 'LABELS', **LIMITS}, r'labels\.txt, line 1: not JSON'),
        ({'label_file': 'LABELS', 'split_file': 'LABELS'}, r'labels\.txt, line 1: not JSON'),
        ({'label_file': 'COUNTS', 'class_counts': 'COUNTS', **LIMITS}, 'is called'),
    ],
)
def test_bad_arguments_stop_the_job_before_it_starts(arguments, message, counts_file, label_file):
    files = {'COUNTS': counts_file, 'LABELS': label_file}
    arguments = {key: files.get(value, value) for key, value in arguments.items()}
    with pytest.raises(ValueError, match=message):
        LongTailMetric(**arguments)


def test_counts_whose_ids_start_at_one(tmp_path):
    counts = _write_counts(tmp_path, (1, 'walk', 9), (2, 'run', 2))
    with pytest.raises(ValueError, match=r'counts\.json: no class 0; ids run from 0'):
        LongTailMetric(class_counts=counts, **LIMITS)
