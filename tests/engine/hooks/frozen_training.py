"""A training without chance, the same on one rank and on two; freezing is what differs.

As a script it is one rank:

    python -m torch.distributed.run --standalone --nproc_per_node 2 frozen_training.py WORK_DIR \
        [OPTIONS of build_runner as JSON]
"""

from __future__ import annotations

import argparse
import gc
import json
import uuid
import weakref

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.model import BaseModel, BaseModule
from mmengine.registry import DATASETS, HOOKS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import mmlt  # noqa: F401 (repairs mmengine's launcher and its loading of checkpoints)

NUM_ROWS = 32  # 8 rows an iteration over all ranks: 4 iterations an epoch


@DATASETS.register_module(force=True)
class PlainRows(Dataset):
    """Fixed rows."""

    metainfo = {}

    def __len__(self):
        return NUM_ROWS

    def __getitem__(self, index):
        row = torch.randn(6, generator=torch.Generator().manual_seed(index))
        return {'inputs': row, 'labels': index % 3}


class _Trunk(BaseModule):
    """Draws its weights in ``init_weights``, as mmaction2's backbones do."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 8)
        self.bn = nn.BatchNorm1d(8)
        self.dropout = nn.Dropout(0.5)

    def init_weights(self):
        nn.init.xavier_normal_(self.fc.weight)

    def forward(self, rows):
        return self.dropout(self.bn(self.fc(rows)).relu())


class _Head(nn.Module):
    """No BaseModule, with ``init_weights``: like mmaction2's BBoxHeadAVA."""

    def __init__(self, num_classes):
        super().__init__()
        self.dropout = nn.Dropout(0.0)
        self.hidden = nn.Linear(8, 8)
        self.fc_cls = nn.Linear(8, num_classes)

    def init_weights(self):
        for module in (self.hidden, self.fc_cls):
            nn.init.xavier_normal_(module.weight)

    def forward(self, feats):
        return self.fc_cls(self.dropout(self.hidden(feats).relu()))


@MODELS.register_module(force=True)
class TrunkNet(BaseModel):
    """A trunk with batch norm and dropout, and a head of two layers."""

    def __init__(self, num_classes=3):
        super().__init__()
        self.backbone = _Trunk()
        self.head = _Head(num_classes)

    def forward(self, inputs, labels, mode='tensor'):
        logits = self.head(self.backbone(torch.stack(list(inputs))))
        if mode == 'predict':
            return [{'score': float(logits.sum())}]
        return {'loss': nn.functional.cross_entropy(logits, torch.as_tensor(labels))}


@HOOKS.register_module(force=True)
class OldWrapperHook(Hook):
    """Fails if the wrapper of ``Runner.__init__`` outlives ``before_run``."""

    def before_train(self, runner):
        assert runner.model is not runner.first_model()
        gc.collect()
        assert runner.first_model() is None, gc.get_referrers(runner.first_model())


def build_runner(
    work_dir,
    *,
    hooks=(),
    world_size=1,
    epochs=2,
    num_classes=3,
    accumulative_counts=1,
    launcher='none',
    **options,
):
    """Build a runner whose global batch is 8 rows, with momentum and weight decay."""
    return Runner(
        model={'type': 'TrunkNet', 'num_classes': num_classes},
        work_dir=str(work_dir),
        train_dataloader={
            'dataset': {'type': 'PlainRows'},
            'batch_size': 8 // world_size,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'num_workers': 0,
        },
        train_cfg={'by_epoch': True, 'max_epochs': epochs, 'val_interval': 1},
        optim_wrapper={
            'type': 'OptimWrapper',
            'optimizer': {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9, 'weight_decay': 0.1},
            'accumulative_counts': accumulative_counts,
            **options.pop('optim_wrapper', {}),
        },
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1}},
        custom_hooks=list(hooks),
        randomness={'seed': 3},
        launcher=launcher,
        env_cfg={'dist_cfg': {'backend': 'gloo'}},
        experiment_name=uuid.uuid4().hex,  # mmengine keeps message hubs and loggers by this name
        log_level='WARNING',
        **options,
    )


def weights_of(runner):
    model = getattr(runner.model, 'module', runner.model)
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('work_dir')
    parser.add_argument('options', nargs='?', default='{}')
    args = parser.parse_args()
    options = json.loads(args.options)
    runner = build_runner(args.work_dir, launcher='pytorch', world_size=2, **options)
    runner.first_model = weakref.ref(runner.model)
    runner.train()
    torch.save(weights_of(runner), f'{args.work_dir}/rank_{get_rank()}.pth')


if __name__ == '__main__':
    main()
