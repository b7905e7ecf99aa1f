"""A head of a co-finetuned model, alone in a plain model: the same scores, bit for bit."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from warm_python import PYTHON

import mmlt  # noqa: F401
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'convert' / 'cofinetune_checkpoint.py'
ENV = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('cofinetune_checkpoint_tool', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _test(root, config, checkpoint, out):
    """Metrics, and the predictions by sample."""
    command = [PYTHON, ROOT / 'tools' / 'test.py', config, checkpoint, '--work-dir', out]
    command += ['--dump', out / 'dump.pkl']
    subprocess.run(list(map(str, command)), cwd=root, env=ENV, check=True)
    log = next(path for path in out.glob('*/*.json') if path.stem == path.parent.name)
    return json.loads(log.read_text()), pickle.loads((out / 'dump.pkl').read_bytes())


@pytest.fixture(scope='module')
def tested(cofinetuned, tmp_path_factory):
    """The test of all three datasets."""
    out = tmp_path_factory.mktemp('tested')
    return _test(cofinetuned.root, cofinetuned.config, cofinetuned.checkpoint, out)


@pytest.mark.parametrize(
    ('name', 'model_type', 'prefix', 'num_samples'),
    [('ava', 'FastRCNN', 'ava', None), ('looks', 'Recognizer3D', 'acc', 3)],
)
def test_same_scores_bit_for_bit(
    tool, cofinetuned, tested, tmp_path, capsys, name, model_type, prefix, num_samples
):
    out = tmp_path / 'plain.pth'
    given = [str(cofinetuned.config), str(cofinetuned.checkpoint)]
    assert tool.main([*given, '--head', name, '--out', str(out)]) == 0
    config = tmp_path / 'plain.py'
    assert capsys.readouterr().out.split() == [str(out), str(config)]
    text = config.read_text()
    assert Config.fromfile(config).model.type == model_type
    assert 'SetDatasetName' not in text and 'PerDatasetBatchNorm' not in text
    metrics, samples = _test(cofinetuned.root, config, out, tmp_path / 'test')
    all_metrics, all_samples = tested
    own = {key: x for key, x in all_metrics.items() if key.startswith(f'{name}/')}
    renamed = {key.replace(f'{prefix}/', f'{name}/', 1): x for key, x in metrics.items()}
    assert own and {key: renamed[key] for key in own} == pytest.approx(
        own, rel=0, abs=0, nan_ok=True
    )
    expected = [sample for sample in all_samples if sample['dataset_name'] == name]
    assert len(samples) == len(expected) == (num_samples or len(expected)) > 0
    for sample, wanted in zip(samples, expected):
        for key in ('pred_score',) if prefix == 'acc' else ('bboxes', 'scores'):
            pair = [
                each if prefix == 'acc' else each['pred_instances'] for each in (sample, wanted)
            ]
            assert torch.equal(pair[0][key], pair[1][key])


def test_keys_are_those_of_the_plain_models(tool, cofinetuned, tmp_path):
    given = [str(cofinetuned.config), str(cofinetuned.checkpoint)]
    source = load_weights_only(cofinetuned.checkpoint)['state_dict']
    for name, new in (('ava', 'roi_head'), ('motion', 'cls_head')):
        out = tmp_path / f'{name}.pth'
        assert tool.main([*given, '--head', name, '--out', str(out)]) == 0
        state = load_weights_only(out)['state_dict']
        assert {key.partition('.')[0] for key in state} == {'backbone', new}
        for key, value in state.items():
            old = source[key.replace(f'{new}.', f'heads.{name}.', 1)]
            row = ('ava', 'looks', 'motion').index(name)
            assert torch.equal(value, old if value.ndim == old.ndim else old[row]), key


def test_an_existing_file_stays(tool, cofinetuned, tmp_path, capsys):
    arguments = [str(cofinetuned.config), str(cofinetuned.checkpoint), '--head', 'ava']
    arguments += ['--out', str(tmp_path / 'plain.pth')]
    (tmp_path / 'plain.py').write_text('mine')
    assert tool.main(arguments) == 2
    assert 'plain.py: exists already; pass --overwrite' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['plain.py']
    assert (tmp_path / 'plain.py').read_text() == 'mine'
    assert tool.main([*arguments, '--overwrite']) == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            ['--head', 'ssv2'],
            "cofinetune.py: the model has no head 'ssv2', only ava, looks, motion",
        ),
        (
            ['--head', 'ava', '--dataset', 'looks'],
            "dataset 'looks' does not use head ava; ava does",
        ),
        (['--head', 'ava', '--out', 'x.py'], '--out x.py: the config goes there; name a .pth'),
        (
            ['--head', 'looks', '--cfg-options', 'model.heads.looks.num_classes=4'],
            'cofinetuned.pth: the weights do not fit the config: cls_head.fc_cls.weight, '
            'cls_head.fc_cls.bias of another shape',
        ),
    ],
)
def test_messages(tool, cofinetuned, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    given = [str(cofinetuned.config), str(cofinetuned.checkpoint), '--out', 'plain.pth']
    assert tool.main([*given, *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
