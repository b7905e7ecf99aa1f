"""Stage 2 through the frozen trunk and from cached features: one result."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[1]
SAMPLER = dict(type='mmlt.ClassBalancedSampler', mode='uniform', seed=3, num_samples=200)
SAMPLER['empty_classes'] = 'ignore'  # a toy world of 2% lacks some
CLASSIFIER = 'roi_head.bbox_head.fc_cls'


@pytest.fixture(scope='module')
def features(toy_detector, tmp_path_factory):
    """Folder of the training split's features."""
    path = ROOT / 'tools' / 'features' / 'extract_box_features.py'
    spec = importlib.util.spec_from_file_location('extract', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    out = tmp_path_factory.mktemp('features')
    arguments = [toy_detector.config, toy_detector.checkpoint, '--out', out, '--split', 'train']
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(toy_detector.root)
        assert tool.main([*map(str, arguments), '--num-workers', '0']) == 0
    return out / 'train'


def _config(toy_detector, work_dir):
    config = Config.fromfile(toy_detector.config)
    for kind in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config.pop(f'{kind}_{part}')
    config.work_dir = str(work_dir)
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    config.optim_wrapper = dict(optimizer=dict(type='SGD', lr=1.0, momentum=0.9))
    config.param_scheduler = dict(type='LinearLR', start_factor=1, end_factor=0.1, end=10)
    config.param_scheduler['by_epoch'] = False
    config.experiment_name = work_dir.name
    config.train_dataloader.update(num_workers=0, persistent_workers=False, batch_size=20)
    config.train_dataloader.sampler = SAMPLER
    return config


def _train_online(toy_detector, work_dir, loss):
    config = _config(toy_detector, work_dir)
    config.model.roi_head.bbox_head.update(
        type='mmlt.LongTailBBoxHead', dropout_ratio=0.0, loss_cls=loss
    )
    config.train_dataloader.dataset.pipeline.insert(0, dict(type='mmlt.KeepDrawnBox'))
    config.custom_hooks = [
        dict(type='mmlt.FreezeHook', frozen='*', trained=CLASSIFIER),
        dict(
            type='mmlt.LoadTrunkHook',
            checkpoint=str(toy_detector.checkpoint),
            remade=CLASSIFIER,
            remade_init='zero',
        ),
    ]
    return Runner.from_cfg(config).train().state_dict()


def _train_cached(toy_detector, features, work_dir, loss):
    config = _config(toy_detector, work_dir)
    config.model = dict(
        type='mmlt.BoxFeatureClassifier',
        in_channels=64,
        num_classes=31,
        dropout_ratio=0.0,
        loss_cls=loss,
    )
    dataset = dict(type='mmlt.BoxFeatureDataset', feature_dir=str(features))
    config.train_dataloader.dataset = dataset
    return Runner.from_cfg(config).train().state_dict()


@pytest.mark.train
@pytest.mark.parametrize('loss', [None, dict(type='mmlt.FocalLoss')], ids=['bce', 'focal'])
def test_cached_and_online_stage_two_give_the_same_classifier(
    toy_detector, features, tmp_path, monkeypatch, loss
):
    monkeypatch.chdir(toy_detector.root)
    online = _train_online(toy_detector, tmp_path / 'online', loss)
    cached = _train_cached(toy_detector, features, tmp_path / 'cached', loss)
    for part in ('weight', 'bias'):
        expected = online[f'{CLASSIFIER}.{part}']
        assert expected.abs().max() > 0.1, 'nothing was learnt'
        found = cached[f'bbox_head.fc_cls.{part}']
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    # and the trunk is as it was
    before = load_weights_only(toy_detector.checkpoint)['state_dict']
    assert all(torch.equal(online[k], v) for k, v in before.items() if CLASSIFIER not in k)
