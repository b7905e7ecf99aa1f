from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from warm_python import PYTHON

from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[3]
ENV = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}


def _load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def tool():
    return _load(ROOT / 'tools' / 'convert' / 'write_classifier_back.py')


@pytest.fixture
def detector():
    """A detector of one other weight, and its classifier of 3 classes on 2 channels."""
    state = {
        'backbone.weight': torch.arange(4.0),
        'roi_head.bbox_head.fc_cls.weight': torch.ones(3, 2),
        'roi_head.bbox_head.fc_cls.bias': torch.ones(3),
    }
    return {'meta': {'epoch': 6}, 'state_dict': state, 'optimizer': {'state': {}}}


@pytest.fixture
def classifier():
    state = {
        'bbox_head.fc_cls.weight': torch.tensor([[1.0, 2], [3, 4], [5, 6]]),
        'bbox_head.fc_cls.bias': torch.tensor([7.0, 8, 9]),
        'bbox_head.loss_cls.positive_gradients': torch.zeros(3),  # a loss may keep buffers
    }
    return {'meta': {'epoch': 1}, 'state_dict': state}


@pytest.fixture
def run(tool, tmp_path):
    def run(detector, classifier, *options):
        torch.save(detector, tmp_path / 'detector.pth')
        torch.save(classifier, tmp_path / 'classifier.pth')
        files = [str(tmp_path / name) for name in ('detector.pth', 'classifier.pth')]
        return tool.main([*files, '--out', str(tmp_path / 'new' / 'full.pth'), *options])

    return run


def test_by_hand(run, detector, classifier, tmp_path):
    assert run(detector, classifier) == 0
    full = load_weights_only(tmp_path / 'new' / 'full.pth')
    assert full.keys() == {'meta', 'state_dict'} and full['meta'] == {'epoch': 6}
    assert list(full['state_dict']) == list(detector['state_dict'])
    state = {name: value.tolist() for name, value in full['state_dict'].items()}
    assert state['backbone.weight'] == [0, 1, 2, 3]
    assert state['roi_head.bbox_head.fc_cls.weight'] == [[1, 2], [3, 4], [5, 6]]
    assert state['roi_head.bbox_head.fc_cls.bias'] == [7, 8, 9]


def test_learned_scales_are_merged(run, detector, tmp_path):
    state = {
        'bbox_head.fc_cls.linear.weight': torch.tensor([[1.0, 2], [3, 4], [5, 6]]),
        'bbox_head.fc_cls.linear.bias': torch.tensor([7.0, 8, 9]),
        'bbox_head.fc_cls.scale': torch.tensor([1.0, 2, 0.5]),
    }
    assert run(detector, {'state_dict': state}) == 0
    full = load_weights_only(tmp_path / 'new' / 'full.pth')['state_dict']
    assert list(full) == list(detector['state_dict'])
    assert full['roi_head.bbox_head.fc_cls.weight'].tolist() == [[1, 2], [6, 8], [2.5, 3]]
    assert full['roi_head.bbox_head.fc_cls.bias'].tolist() == [7, 16, 4.5]


def _change(checkpoint, key, value):
    state = dict(checkpoint['state_dict'])
    del state[key]
    if value is not None:
        state[key] = value
    return {**checkpoint, 'state_dict': state}


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('bbox_head.fc_cls.bias', None, 'classifier.pth: no bbox_head.fc_cls.bias'),
        (
            'bbox_head.fc_cls.weight',
            torch.zeros(4, 2),
            'fc_cls.weight has shape (4, 2), but roi_head.bbox_head.fc_cls.weight of',
        ),
        ('bbox_head.fc_cls.bias', torch.tensor([1, 2, float('nan')]), 'values that are not finite'),
    ],
)
def test_bad_classifier(run, detector, classifier, tmp_path, capsys, key, value, message):
    assert run(detector, _change(classifier, key, value)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'new' / 'full.pth').exists()


def test_bad_detector(run, detector, classifier, capsys):
    bad = _change(detector, 'roi_head.bbox_head.fc_cls.weight', None)
    assert run(bad, classifier) == 2
    assert 'detector.pth: no roi_head.bbox_head.fc_cls.weight' in capsys.readouterr().err
    assert run({'weights': {}}, classifier) == 2
    assert 'detector.pth: no state_dict in it' in capsys.readouterr().err


def test_classifier_of_another_model(run, detector, classifier, capsys):
    classifier['state_dict']['backbone.weight'] = torch.zeros(4)
    assert run(detector, classifier) == 2
    assert 'backbone.weight is not of a BoxFeatureClassifier' in capsys.readouterr().err


def test_nothing_is_overwritten_unasked(run, detector, classifier, tmp_path, capsys):
    out = tmp_path / 'new' / 'full.pth'
    out.parent.mkdir()
    out.write_text('mine')
    assert run(detector, classifier) == 2
    assert 'exists already' in capsys.readouterr().err and out.read_text() == 'mine'
    assert run(detector, classifier, '--overwrite') == 0
    assert load_weights_only(out)['meta'] == {'epoch': 6}


def test_features_of_another_detector(run, detector, classifier, tmp_path, capsys):
    (tmp_path / 'meta.json').write_text(json.dumps({'checkpoint_sha256': 'abc'}))
    assert run(detector, classifier, '--features', str(tmp_path)) == 2
    assert 'features of another detector' in capsys.readouterr().err
    assert run(detector, classifier, '--features', str(tmp_path / 'new')) == 2
    assert 'new has no meta.json: --features is the folder of one split' in capsys.readouterr().err


def test_a_file_that_is_no_checkpoint(run, tool, detector, tmp_path, capsys):
    (tmp_path / 'text.pth').write_text('hello')
    torch.save(detector, tmp_path / 'd.pth')
    arguments = [tmp_path / 'd.pth', tmp_path / 'text.pth', '--out', tmp_path / 'o.pth']
    assert tool.main([str(x) for x in arguments]) == 2
    assert 'text.pth: not a checkpoint that is safe to load' in capsys.readouterr().err


def _test(folder, config, checkpoint, out):
    """Metrics of tools/test.py, as users start it."""
    options = ['--work-dir', out, '--cfg-options', f'test_evaluator.out_dir={out}']
    command = [PYTHON, ROOT / 'tools' / 'test.py', config, checkpoint, *options]
    subprocess.run([str(x) for x in command], cwd=folder, env=ENV, check=True)
    return json.loads((out / 'metrics.json').read_text())


@pytest.mark.train
def test_the_detector_scores_as_the_cached_features_do(toy_detector, tool, tmp_path, monkeypatch):
    monkeypatch.chdir(toy_detector.root)
    config, checkpoint = toy_detector.config, toy_detector.checkpoint
    extract = _load(ROOT / 'tools' / 'features' / 'extract_box_features.py').main
    arguments = [config, checkpoint, '--out', tmp_path, '--split', 'test', '--num-workers', '0']
    assert extract([str(x) for x in arguments]) == 0
    generator = torch.Generator().manual_seed(0)
    state = {
        'bbox_head.fc_cls.weight': torch.randn(31, 64, generator=generator),
        'bbox_head.fc_cls.bias': torch.randn(31, generator=generator),
    }
    torch.save({'state_dict': state}, tmp_path / 'classifier.pth')
    files = [checkpoint, tmp_path / 'classifier.pth', '--out', tmp_path / 'full.pth']
    assert tool.main([str(x) for x in (*files, '--features', tmp_path / 'test')]) == 0
    cached = Config.fromfile(config)
    cached.model = dict(type='mmlt.BoxFeatureClassifier', in_channels=64, num_classes=31)
    cached.test_dataloader.batch_size = 4
    cached.test_dataloader.dataset = dict(
        type='mmlt.BoxFeatureDataset',
        feature_dir=str(tmp_path / 'test'),
        kinds=('proposal',),
        per='keyframe',
    )
    cached.dump(tmp_path / 'cached.py')
    of_features = _test(
        toy_detector.root, tmp_path / 'cached.py', tmp_path / 'classifier.pth', tmp_path / 'a'
    )
    of_detector = _test(toy_detector.root, config, tmp_path / 'full.pth', tmp_path / 'b')
    for metrics in (of_features, of_detector):
        # shares of equal scores: rounding of the features' last bit may part two of them
        metrics.pop('tied_score_ratio')
    _assert_close(of_features, of_detector)
    assert of_features['num_keyframes_detected'] > 5 and of_features['mSAP'] > 0


def _assert_close(found, expected):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            _assert_close(found[key], value)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found == expected
