"""A training in which everything is random: shuffling, augmentation in data, dropout and more.

As a script it is one rank of a run that kills itself:

    python -m torch.distributed.run --standalone --nproc_per_node 2 toy_training.py WORK_DIR \
        [OPTIONS of build_runner as JSON] [--resume] [--kill-rank R --kill-at I]
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import signal
import uuid

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import mmlt  # noqa: F401 (repairs mmengine's launcher and its loading of checkpoints)

NUM_ROWS = 22  # with batches of 4: 6 iterations an epoch, 3 on two ranks, the last one short
reads = []  # indices of the rows read in this process


class Killed(Exception):
    """What a run that shares the test's process raises instead of dying."""


@DATASETS.register_module(force=True)
class NoisyRows(Dataset):
    """Rows with noise from all three libraries."""

    metainfo = {}

    def __len__(self):
        return NUM_ROWS

    def __getitem__(self, index):
        reads.append(index)
        row = torch.linspace(-1, 1, 6) * (index + 1) / NUM_ROWS
        noise = random.gauss(0, 1) + np.random.randn() + torch.randn(6)  # noqa: NPY002
        return {'inputs': row + 0.1 * noise, 'labels': index % 3}


@MODELS.register_module(force=True)
class NoisyNet(BaseModel):
    """Batch norm, dropout, and a loss with noise from all three libraries."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3)
        )

    def forward(self, inputs, labels, mode='tensor'):
        logits = self.layers(torch.stack(list(inputs)))  # a list, or a batch collated by torch
        if mode == 'predict':
            return [{'score': float(logits.sum() + random.random())}]
        loss = nn.functional.cross_entropy(logits, torch.as_tensor(labels))
        return {'loss': loss * (1 + 0.1 * random.random() + 0.1 * np.random.rand())}  # noqa: NPY002


@METRICS.register_module(force=True)
class ScoresInOrder(BaseMetric):
    """Gives the metric the values of a list in turn, whatever the model says."""

    def __init__(self, scores):
        super().__init__()
        self.scores = list(scores)

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {'score': self.scores.pop(0)}


@HOOKS.register_module(force=True)
class KillHook(Hook):
    """Ends the run at a stage of one iteration: by SIGKILL on one rank, or by an exception."""

    def __init__(self, at, stage='before_train_iter', rank=None):
        def end(runner, **kwargs):
            if runner.iter != at or rank not in (None, get_rank()):
                return
            if rank is None:
                raise Killed
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(self, stage, end)


def train_loader(num_workers=0, persistent=False, sampler='DefaultSampler'):
    return {
        'dataset': {'type': 'NoisyRows'},
        'batch_size': 4,
        'sampler': {'type': sampler, 'shuffle': True},
        'num_workers': num_workers,
        'persistent_workers': persistent,
    }


def build_runner(
    work_dir,
    *,
    num_workers=0,
    persistent=False,
    interval=1,
    by_epoch=True,
    iter_based=False,
    infinite=False,
    loop=None,
    model='NoisyNet',
    epochs=4,
    seed=7,
    kill=None,
    resume=False,
    hooks=({'type': 'mmlt.ResumeStateHook'},),
    default_hooks=None,
    checkpoint=None,
    scores=None,
    param_scheduler=None,
    accumulative_counts=1,
    train_dataloader=None,
    launcher='none',
):
    """Build the runner of one (part of a) run; options that differ make different runs."""
    if train_dataloader is None:
        sampler = 'InfiniteSampler' if infinite else 'DefaultSampler'
        train_dataloader = train_loader(num_workers, persistent, sampler)
    train_cfg = {'by_epoch': True, 'max_epochs': epochs, 'val_interval': 1}
    if loop is not None:
        train_cfg = {'type': loop, 'max_epochs': epochs}
    if iter_based:
        train_cfg = {'by_epoch': False, 'max_iters': 6 * epochs, 'val_interval': 6}
    validation = {}
    if scores is not None:
        validation = {
            'val_dataloader': {
                'dataset': {'type': 'NoisyRows'},
                'batch_size': 4,
                'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            },
            'val_cfg': {},
            'val_evaluator': {'type': 'ScoresInOrder', 'scores': scores},
        }
    kill = [] if kill is None else [{'type': 'KillHook', **kill}]
    default_checkpoint = {
        'type': 'CheckpointHook',
        'interval': interval,
        'by_epoch': by_epoch,
        'max_keep_ckpts': 1,
    }
    return Runner(
        model={'type': model},
        work_dir=str(work_dir),
        train_dataloader=train_dataloader,
        train_cfg=train_cfg,
        optim_wrapper={
            'optimizer': {'type': 'Adam', 'lr': 0.01},
            'accumulative_counts': accumulative_counts,
        },
        param_scheduler=param_scheduler
        or {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'begin': 0, 'end': 20},
        default_hooks={
            'checkpoint': {**default_checkpoint, **(checkpoint or {})},
            **(default_hooks or {}),
        },
        custom_hooks=[*hooks, *kill],
        resume=resume,
        randomness={'seed': seed},
        launcher=launcher,
        env_cfg={'dist_cfg': {'backend': 'gloo'}},
        experiment_name=uuid.uuid4().hex,  # mmengine keeps message hubs and loggers by this name
        log_level='WARNING',
        **validation,
    )


def final_weights(runner):
    model = getattr(runner.model, 'module', runner.model)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def run(runner):
    """Train; end the workers at once (torch takes ten seconds over forgotten ones)."""
    try:
        runner.train()
    finally:
        loop = runner.train_loop
        loop.dataloader_iterator = None
        for loader in getattr(loop, 'multi_loaders', [loop.dataloader]):
            loader._iterator = None
    return final_weights(runner)


def train(work_dir, **options):
    """Train to the end; return the weights."""
    return run(build_runner(work_dir, **options))


def train_until_killed(work_dir, kill, **options):
    try:
        train(work_dir, kill=kill, **options)
    except Killed:
        return
    raise AssertionError(f'the run ended before {kill}')


def train_killed_and_resumed(work_dir, kill, resume_with=None, **options):
    """Train until the kill, throw everything away, resume; return the weights."""
    train_until_killed(work_dir, kill, **options)
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(987654321)  # what a new process happens to hold is not what the old one held
    return train(work_dir, resume=True, **{**options, **(resume_with or {})})


def _kill_in_fsync(calls, at, descriptor):
    calls.append(descriptor)
    if len(calls) == at:
        os.truncate(descriptor, os.fstat(descriptor).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('work_dir')
    parser.add_argument('options', nargs='?', default='{}')
    parser.add_argument('--launcher', default='pytorch')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--kill-rank', type=int)
    parser.add_argument('--kill-at', type=int)
    parser.add_argument('--kill-in-save', type=int, help='at the n-th file, half of it written')
    args = parser.parse_args()
    kill = None if args.kill_rank is None else {'at': args.kill_at, 'rank': args.kill_rank}
    options = json.loads(args.options)
    if args.kill_in_save is not None:
        os.fsync = functools.partial(_kill_in_fsync, [], args.kill_in_save)
    train(args.work_dir, kill=kill, resume=args.resume, launcher=args.launcher, **options)


if __name__ == '__main__':
    main()
