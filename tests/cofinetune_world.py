"""A co-finetuned model of three datasets on the toy world: 'ava', and two small sets of clips.

The clips are the AVA videos' own frames: 'looks' has 3 classes, 'motion' 2. The batch norms have
statistics a dataset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmlt.models.per_dataset_batch_norm import PerDatasetBatchNorm
from mmlt.registry import MODELS

TOY = Path(__file__).parents[1] / 'configs' / 'toy' / 'slowonly_toy_ava.py'
NAMES = ('ava', 'looks', 'motion')
LABELS = {'looks': (0, 1, 2), 'motion': (1, 0)}  # of the clips of a split
VIDEOS = {'train': 'toytrain000', 'val': 'toyval00000', 'test': 'toytest0000'}
_SHARED = ('default_scope', 'custom_imports', 'default_hooks', 'env_cfg', 'randomness')


class CoFinetuned(NamedTuple):
    """A working directory with the toy world under data/toy."""

    root: Path
    config: Path
    checkpoint: Path


def make(root: Path, toy_world: Path) -> CoFinetuned:
    (root / 'data').mkdir()
    (root / 'data' / 'toy').symlink_to(toy_world)
    toy = Config.fromfile(TOY)
    model = _model(toy.model)
    config = Config(
        {
            **{key: toy[key] for key in _SHARED},
            'runner_type': 'mmlt.CoFinetuneRunner',
            'datasets': {'ava': _ava(toy), **{name: _clips(root, name) for name in LABELS}},
            'model': model,
            'train_cfg': {'type': 'EpochBasedTrainLoop', 'max_epochs': 1},
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 0.01}},
        }
    )
    config.dump(root / 'cofinetune.py')
    torch.save({'meta': {}, 'state_dict': _weights(model)}, root / 'cofinetuned.pth')
    return CoFinetuned(root, root / 'cofinetune.py', root / 'cofinetuned.pth')


def _model(toy: Config) -> dict[str, Any]:
    norm = {'type': 'mmlt.PerDatasetBatchNorm', 'dataset_names': NAMES, 'requires_grad': True}
    clip_head = {'type': 'I3DHead', 'in_channels': 64, 'average_clips': 'prob'}
    ava_head = {**toy.roi_head, 'train_cfg': toy.train_cfg.rcnn, 'test_cfg': toy.test_cfg.rcnn}
    return {
        'type': 'mmlt.CoFinetuneModel',
        'backbone': {**toy.backbone, 'type': 'ResNet3dSlowOnly', 'norm_cfg': norm},
        'heads': {
            'ava': ava_head,
            'looks': {**clip_head, 'num_classes': 3},
            'motion': {**clip_head, 'num_classes': 2},
        },
        'data_preprocessor': toy.data_preprocessor,
    }


def _ava(toy: Config) -> dict[str, Any]:
    parts = ('train', 'val', 'test')
    return {
        **{part: toy[f'{part}_dataloader'].dataset for part in parts},
        **{f'{part}_evaluator': toy[f'{part}_evaluator'] for part in parts[1:]},
        'batch_size': 4,
    }


def _clips(root: Path, name: str) -> dict[str, Any]:
    def dataset(split, **sampling):
        video = VIDEOS[split]
        num_frames = len(list((root / 'data' / 'toy' / 'ava' / 'rawframes' / video).iterdir()))
        lines = [f'{video} {num_frames} {label}\n' for label in LABELS[name]]
        (root / f'{name}_{split}.txt').write_text(''.join(lines))
        return {
            'type': 'RawframeDataset',
            'ann_file': f'{name}_{split}.txt',
            'data_prefix': {'img': 'data/toy/ava/rawframes'},
            'test_mode': split != 'train',
            'pipeline': [
                {'type': 'SampleFrames', 'clip_len': 8, 'test_mode': split != 'train', **sampling},
                {'type': 'RawFrameDecode'},
                {'type': 'FormatShape', 'input_format': 'NCTHW'},
                {'type': 'PackActionInputs', 'meta_keys': ('img_shape', 'frame_dir')},
            ],
        }

    topk = {'top_k_accuracy': {'topk': (1,)}}
    return {
        'train': dataset('train'),
        'val': dataset('val', num_clips=2),
        'test': dataset('test', num_clips=3),
        'val_evaluator': {'type': 'AccMetric', 'metric_options': topk},
        'test_evaluator': {'type': 'AccMetric', 'metric_options': topk},
        'batch_size': 2,
        'test_batch_size': 2,
    }


def _weights(model: dict[str, Any]) -> dict[str, torch.Tensor]:
    """As after a training: not what a fresh layer has, and different in each dataset's row."""
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        built = MODELS.build(model)
        built.init_weights()
    for module in built.modules():
        if isinstance(module, PerDatasetBatchNorm):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 1.5)
    return built.state_dict()
