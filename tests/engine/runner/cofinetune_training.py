"""A co-finetuning of three noisy sets in which everything is random; two of them share a head.

As a script it is one rank of a run that may kill itself:

    python -m torch.distributed.run --standalone --nproc_per_node 2 cofinetune_training.py \
        WORK_DIR [OPTIONS of build_runner as JSON] [--resume] [--kill-rank R --kill-at I]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import uuid

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor, BaseModule
from mmengine.registry import DATASETS, HOOKS, MODELS
from mmengine.structures import BaseDataElement
from torch import nn
from torch.utils.data import Dataset

import mmlt  # noqa: F401 (repairs mmengine's launcher and its loading of checkpoints)
from mmlt.engine.runner import CoFinetuneRunner

SIZES = {'ava': 11, 'k400': 18, 'kbox': 5}
HEADS = {'ava': 'ava', 'k400': 'k400', 'kbox': 'ava'}
NUM_STEPS = 10  # of an epoch on one rank, batches of 4: 3 + 5 + 2; on two ranks 2 + 3 + 1 = 6


@DATASETS.register_module(force=True)
class NoisyClips(Dataset):
    """Vectors with noise from all three libraries, as clips of a dataset that is named."""

    metainfo = {}

    def __init__(self, size, pipeline):
        self.size, self.name = size, pipeline[-1]['name']  # what the runner has put there

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        noise = random.gauss(0, 1) + np.random.randn() + torch.randn(6)  # noqa: NPY002
        row = torch.linspace(-1, 1, 6) * (index + 1) / self.size
        sample = BaseDataElement(metainfo={'dataset_name': self.name, 'label': index % 3})
        return {'inputs': row + 0.1 * noise, 'data_samples': sample}


@MODELS.register_module(force=True)
class NoisyTrunk(BaseModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 8)
        )

    def forward(self, inputs):
        return self.layers(inputs)


@MODELS.register_module(force=True)
class NoisyHead(BaseModule):
    """A linear layer, and a loss with noise from two libraries."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 3)

    def forward(self, features):
        return self.fc(features)

    def loss(self, features, data_samples):
        labels = torch.tensor([sample.label for sample in data_samples])
        loss = nn.functional.cross_entropy(self(features), labels)
        return {'loss_cls': loss * (1 + 0.1 * random.random() + 0.1 * np.random.rand())}  # noqa: NPY002

    def predict(self, features, data_samples):
        for sample, scores in zip(data_samples, self(features)):
            sample.pred_score = scores
        return data_samples


@MODELS.register_module(force=True)
class StackVectors(BaseDataPreprocessor):
    def forward(self, data, training=False):
        data = self.cast_data(data)
        return {**data, 'inputs': torch.stack(list(data['inputs']))}


class Killed(Exception):
    """What a run that shares the test's process raises instead of dying."""


@HOOKS.register_module(force=True)
class KillCoFinetuneHook(Hook):
    """Ends the run before an iteration: by SIGKILL on one rank, or by an exception."""

    def __init__(self, at, rank=None):
        self.at, self.rank = at, rank

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter != self.at or self.rank not in (None, get_rank()):
            return
        if self.rank is None:
            raise Killed
        os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module(force=True)
class NoteDatasetsHook(Hook):
    """Keeps the dataset of each step."""

    def __init__(self):
        self.datasets = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.datasets.append(data_batch['data_samples'][0].dataset_name)


def make_config(work_dir, **options):
    given = {
        'epochs': 2,
        'train_cfg': None,
        'schedule': {'strategy': 'weighted'},
        'num_workers': 0,
        'interval': 1,
        'sizes': SIZES,
        'batch_size': 4,
        'seed': 7,
        'optimizer': {'type': 'SGD', 'lr': 0.05, 'momentum': 0.9, 'weight_decay': 0.1},
        'accumulative_counts': 1,
        'hooks': [],
        'optim_wrapper': {},
        'diff_rank_seed': False,
        **options,
    }
    datasets = {
        name: {
            'train': {'type': 'NoisyClips', 'size': size, 'pipeline': [{'type': 'Pack'}]},
            'batch_size': given['batch_size'],
            'head': HEADS[name],
        }
        for name, size in given['sizes'].items()
    }
    return Config(
        {
            'default_scope': 'mmengine',
            'runner_type': 'mmlt.CoFinetuneRunner',
            'datasets': datasets,
            'dataset_schedule': given['schedule'],
            'model': {
                'type': 'mmlt.CoFinetuneModel',
                'backbone': {'type': 'NoisyTrunk'},
                'heads': {HEADS[name]: {'type': 'NoisyHead'} for name in given['sizes']},
                'data_preprocessor': {'type': 'StackVectors'},
            },
            'train_dataloader': {
                'num_workers': given['num_workers'],
                'persistent_workers': given['num_workers'] > 0,
            },
            'train_cfg': given['train_cfg']
            or {'type': 'EpochBasedTrainLoop', 'max_epochs': given['epochs']},
            'optim_wrapper': {
                'optimizer': given['optimizer'],
                'accumulative_counts': given['accumulative_counts'],
                **given['optim_wrapper'],
            },
            'param_scheduler': {
                'type': 'LinearLR',
                'start_factor': 0.1,
                'by_epoch': False,
                'end': 15,
            },
            'default_hooks': {
                'checkpoint': {
                    'type': 'CheckpointHook',
                    'interval': given['interval'],
                    'by_epoch': False,
                    'max_keep_ckpts': 1,
                },
                'resume_state': {'type': 'mmlt.ResumeStateHook'},
            },
            'custom_hooks': given['hooks'],
            'randomness': {'seed': given['seed'], 'diff_rank_seed': given['diff_rank_seed']},
            'env_cfg': {'dist_cfg': {'backend': 'gloo'}},
            'work_dir': str(work_dir),
            'log_level': 'WARNING',
            'experiment_name': uuid.uuid4().hex,
        }
    )


def build_runner(work_dir, *, kill=None, resume=False, launcher='none', **options):
    config = make_config(work_dir, **options)
    if kill is not None:
        config.custom_hooks = [*config.custom_hooks, {'type': 'KillCoFinetuneHook', **kill}]
    config.resume, config.launcher = resume, launcher
    return CoFinetuneRunner.from_cfg(config)


def weights_of(runner):
    model = getattr(runner.model, 'module', runner.model)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def train(work_dir, **options):
    """Train to the end, or to the kill; return the weights, None where it was killed."""
    runner = build_runner(work_dir, **options)
    try:
        runner.train()
    except Killed:
        return None
    finally:
        runner.train_loop.dataloader._iterator = None  # ends the workers at once
    return weights_of(runner)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('work_dir')
    parser.add_argument('options', nargs='?', default='{}')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--kill-rank', type=int)
    parser.add_argument('--kill-at', type=int)
    args = parser.parse_args()
    kill = None if args.kill_rank is None else {'at': args.kill_at, 'rank': args.kill_rank}
    options = json.loads(args.options)
    train(args.work_dir, kill=kill, resume=args.resume, launcher='pytorch', **options)


if __name__ == '__main__':
    main()
