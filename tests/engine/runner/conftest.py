"""A co-finetuning config of two small sets, not of files that exist."""

from __future__ import annotations

import copy

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
