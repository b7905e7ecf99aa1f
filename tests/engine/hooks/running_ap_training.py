"""A training with FrameStack whose running AP is measured; beside toy_training.py, see there.

As a script it is one rank: ... running_ap_training.py WORK_DIR [OPTIONS of train as JSON]
    [--resume] [--kill-rank R --kill-at I]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import uuid

import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.registry import DATA_SAMPLERS, DATASETS, HOOKS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset, Sampler

import mmlt  # noqa: F401 (repairs mmengine's launcher and its loading of checkpoints)

NUM_VIDEOS, NUM_FRAMES, WIDTH, NUM_CLASSES = 11, 5, 6, 4  # class 3 never occurs


class Killed(Exception):
    """What a run that shares the test's process raises instead of dying."""


@DATASETS.register_module(force=True)
class ToyVideos(Dataset):
    """Features (T, D) and one or two labels."""

    metainfo = {}

    def __len__(self):
        return NUM_VIDEOS

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        features = torch.randn(NUM_FRAMES, WIDTH, generator=generator)
        labels = [index % 3, (index // 3) % 3][: 1 + index % 2]
        sample = ActionDataSample().set_gt_label(torch.tensor(labels))
        return {'inputs': features, 'data_samples': sample}


@DATA_SAMPLERS.register_module(force=True)
class RepeatingSampler(Sampler):
    """Video 1 three times, then the others; made even like mmlt.ClassBalancedSampler."""

    def __init__(self, dataset, seed=None):
        self.dataset, self.seed, self.epoch_length = dataset, 0, NUM_VIDEOS + 2

    def __iter__(self):
        return iter([1, 1, *range(NUM_VIDEOS)])

    def __len__(self):
        return self.epoch_length


@MODELS.register_module(force=True)
class ToyPreprocessor(BaseDataPreprocessor):
    def __init__(self, blending):
        super().__init__()
        self.blending = MODELS.build(blending)

    def forward(self, data, training=False):
        inputs, samples = torch.stack(data['inputs']), data['data_samples']
        if training:
            inputs, samples = self.blending(inputs, samples)
        return {'inputs': inputs, 'data_samples': samples}


@MODELS.register_module(force=True)
class ToyRecognizer(BaseModel):
    """Batch norm and dropout on the mean of the frames; `plain` has neither."""

    def __init__(self, data_preprocessor, plain=False, head_name='head', feature_mixing=None):
        super().__init__(data_preprocessor)
        self.feature_mixing = feature_mixing
        noise = [] if plain else [nn.BatchNorm1d(WIDTH), nn.Dropout(0.3)]
        self.norm, self.unused = nn.Sequential(*noise), nn.Identity()
        setattr(self, head_name, nn.Linear(WIDTH, NUM_CLASSES))
        self.classifier = [getattr(self, head_name)]
        generator = torch.Generator().manual_seed(0)
        self.classifier[0].weight.data.normal_(generator=generator)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        logits = self.classifier[0](self.norm(inputs.square().mean(1)))
        if mode == 'tensor':
            return logits
        targets = torch.stack([sample.gt_label for sample in data_samples])
        return {'loss': nn.functional.binary_cross_entropy_with_logits(logits, targets)}


@HOOKS.register_module(force=True)
class KillRunHook(Hook):
    """Ends the run at a stage of one iteration: by SIGKILL on one rank, or by an exception."""

    def __init__(self, at, stage='before_train_iter', rank=None):
        def end(runner, **kwargs):
            if runner.iter != at or rank not in (None, get_rank()):
                return
            if rank is None:
                raise Killed
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(self, stage, end)


@HOOKS.register_module(force=True)
class HistoryHook(Hook):
    """Keeps the running AP after each epoch."""

    priority = 'LOW'  # behind RunningAPHook

    def before_train(self, runner):
        runner.ap_history = []

    def after_train_epoch(self, runner):
        model = getattr(runner.model, 'module', runner.model)
        runner.ap_history.append(model.data_preprocessor.blending.class_ap.clone())


def build_runner(
    work_dir,
    *,
    ratio=0.6,
    plain=False,
    feature_mixing=None,
    lr=0.05,
    epochs=3,
    batch_size=4,
    clip_len=NUM_FRAMES,
    sampler='DefaultSampler',
    save=None,
    resume_hook=True,
    ap_hook=None,
    head_name='head',
    beta='running_ap',
    kill=None,
    resume=False,
    launcher='none',
    iter_based=False,
):
    """Build the runner of one (part of a) run."""
    blending = {
        'type': 'mmlt.FrameStackBlending',
        'num_classes': NUM_CLASSES,
        'clip_len': clip_len,
        'ratio': ratio,
        'beta': beta,
    }
    hooks = [{'type': 'mmlt.RunningAPHook', **(ap_hook or {})}, {'type': 'HistoryHook'}]
    if resume_hook:
        hooks.append({'type': 'mmlt.ResumeStateHook'})
    if kill is not None:
        hooks.append({'type': 'KillRunHook', **kill})
    save = save or {'by_epoch': False, 'interval': 1}
    by_epoch = {'by_epoch': True, 'max_epochs': epochs}
    torch.manual_seed(0)
    return Runner(
        model={
            'type': 'ToyRecognizer',
            'plain': plain,
            'feature_mixing': feature_mixing,
            'head_name': head_name,
            'data_preprocessor': {'type': 'ToyPreprocessor', 'blending': blending},
        },
        work_dir=str(work_dir),
        train_dataloader={
            'dataset': {'type': 'ToyVideos'},
            'batch_size': batch_size,
            'sampler': {'type': sampler},
            'num_workers': 0,
            'collate_fn': pseudo_collate,
        },
        train_cfg={'by_epoch': False, 'max_iters': 4} if iter_based else by_epoch,
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': lr}},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'max_keep_ckpts': 1, **save}},
        custom_hooks=hooks,
        resume=resume,
        randomness={'seed': 3},
        launcher=launcher,
        env_cfg={'dist_cfg': {'backend': 'gloo'}},
        experiment_name=uuid.uuid4().hex,
        log_level='WARNING',
    )


def train(work_dir, **options):
    """Train to the end; return the runner, with ``ap_history``."""
    runner = build_runner(work_dir, **options)
    runner.train()
    return runner


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('work_dir')
    parser.add_argument('options', nargs='?', default='{}')
    parser.add_argument('--resume', action='store_true')
    parser.add_argument('--kill-rank', type=int)
    parser.add_argument('--kill-at', type=int)
    args = parser.parse_args()
    kill = None if args.kill_rank is None else {'at': args.kill_at, 'rank': args.kill_rank}
    runner = train(
        args.work_dir,
        kill=kill,
        resume=args.resume,
        launcher='pytorch',
        **json.loads(args.options),
    )
    torch.save(runner.ap_history, os.path.join(args.work_dir, f'history_{get_rank()}.pth'))


if __name__ == '__main__':
    main()
