"""A co-finetuning config of two sets, not of files that exist, and a training that runs."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

CLIPS = {'type': 'VideoDataset', 'ann_file': 'k400_train.txt', 'pipeline': [{'type': 'Pack'}]}
CONFIG = {
    'runner_type': 'mmlt.CoFinetuneRunner',
    'datasets': {
        'ava': {
            'train': {'type': 'mmlt.AVADataset', 'num_classes': 81, 'pipeline': [{'type': 'Pack'}]},
            'val': {'type': 'mmlt.AVADataset', 'num_classes': 81, 'pipeline': [{'type': 'Pack'}]},
            'val_evaluator': {'type': 'mmlt.AVALongTailMetric'},
            'batch_size': 8,
        },
        'k400': {
            'train': dict(CLIPS),
            'val': {**CLIPS, 'ann_file': 'k400_val.txt'},
            'test': {**CLIPS, 'ann_file': 'k400_test.txt'},
            'val_evaluator': {'type': 'AccMetric'},
            'test_evaluator': {'type': 'AccMetric'},
            'batch_size': 16,
            'test_batch_size': 4,
            'loss_weight': 0.5,
        },
    },
    'model': {
        'type': 'mmlt.CoFinetuneModel',
        'heads': {'ava': {'type': 'mmdet.AVARoIHead'}, 'k400': {'type': 'I3DHead'}},
    },
    'train_dataloader': {'num_workers': 2},
    'val_dataloader': {'num_workers': 1, 'k400': {'num_workers': 3}},
    'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': 2},
    'val_cfg': {'type': 'ValLoop'},
}


@pytest.fixture
def config():
    return Config(copy.deepcopy(CONFIG))


@pytest.fixture(scope='session')
def training():
    """The module cofinetune_training, a script too."""
    name = 'mmlt_tests_cofinetune_training'
    if name not in sys.modules:
        path = Path(__file__).with_name('cofinetune_training.py')
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
