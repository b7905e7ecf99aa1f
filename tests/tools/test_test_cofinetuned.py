"""``tools/test.py`` judges one checkpoint on three datasets by one command."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path

import pytest
import torch
from cofinetune_world import LABELS, VIDEOS
from warm_python import PYTHON

TOOLS = Path(__file__).parents[2] / 'tools'
ENV = {**os.environ, 'PYTHON': PYTHON, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}


def _test(world, out, *options, ranks=1):
    """The logged metrics, those of AVA in its own file, and the dumped samples."""
    where = [world.config, world.checkpoint]
    command = [PYTHON, TOOLS / 'test.py', *where]
    if ranks > 1:
        command = [TOOLS / 'dist_test.sh', *where, ranks]
    command += ['--work-dir', out, '--dump', out / 'dump.pkl', *options]
    subprocess.run(list(map(str, command)), cwd=world.root, env=ENV, check=True)
    log = next(path for path in out.glob('*/*.json') if path.stem == path.parent.name)
    ava = json.loads((log.parent / 'ava' / 'metrics.json').read_text())
    return json.loads(log.read_text()), ava, pickle.loads((out / 'dump.pkl').read_bytes())


@pytest.fixture(scope='module')
def tested(cofinetuned, tmp_path_factory):
    return _test(cofinetuned, tmp_path_factory.mktemp('tested'))


def _by_dataset(samples):
    found = {}
    for sample in samples:
        found.setdefault(sample['dataset_name'], []).append(sample)
    return found


def _check(metrics, ava, samples, split):
    by_dataset = _by_dataset(samples)
    assert list(by_dataset) == ['ava', *LABELS]
    for name, labels in LABELS.items():
        own = by_dataset[name]
        assert [sample['gt_label'].item() for sample in own] == list(labels)
        assert {Path(sample['frame_dir']).name for sample in own} == {VIDEOS[split]}
        right = [sample['pred_score'].argmax() == sample['gt_label'].item() for sample in own]
        assert metrics[f'{name}/top1'] == pytest.approx(sum(map(float, right)) / len(labels))
    assert {sample['video_id'][:-3] for sample in by_dataset['ava']} == {VIDEOS[split][:-3]}
    assert metrics['ava/mSAP'] == ava['mSAP'] > 0
    assert {key.partition('/')[0] for key in metrics} - {'time', 'data_time'} == set(by_dataset)


def test_three_datasets_by_one_command(tested):
    _check(*tested, 'test')


@pytest.mark.parametrize('split', ['val', 'train'])
def test_on_another_split(cofinetuned, tested, tmp_path, split):
    metrics, ava, samples = _test(cofinetuned, tmp_path, '--data-split', split)
    _check(metrics, ava, samples, split)
    assert metrics['ava/mSAP'] != tested[0]['ava/mSAP']


def _name(sample):
    if sample['dataset_name'] == 'ava':
        return sample['img_key']
    return f'{sample["dataset_name"]} {sample["gt_label"].item()}'


def _scores(sample):
    is_ava = sample['dataset_name'] == 'ava'
    return sample['pred_instances']['scores'] if is_ava else sample['pred_score']


@pytest.mark.dist
def test_two_ranks_equal_one(cofinetuned, tested, tmp_path):
    metrics, ava, samples = _test(cofinetuned, tmp_path, ranks=2)
    times = ('time', 'data_time')
    wanted = {key: value for key, value in tested[0].items() if key not in times}
    found = {key: value for key, value in metrics.items() if key not in times}
    assert found == pytest.approx(wanted, rel=0, abs=0, nan_ok=True)
    assert ava == tested[1]
    expected = {_name(sample): sample for sample in tested[2]}
    assert len(expected) == len(tested[2]) and sorted(map(_name, samples)) == sorted(expected)
    for sample in samples:
        scores = [_scores(each) for each in (sample, expected[_name(sample)])]
        torch.testing.assert_close(*scores)  # other clips stood beside it in the batch
