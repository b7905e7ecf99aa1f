"""The three-branch experiments as their tests see them: configs by name, narrow models, batches."""

from __future__ import annotations

import functools
import math
import random
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement

FOLDER = Path(__file__).parents[1] / 'configs' / 'three_branch'
WHOLE = 'slowfast_r101_three_branch'
#: {global loss} x {global feature} x {long-term}: the end of the name of each
SWITCHES = {
    (False, False, False): '_phase_one',
    (True, False, False): '_global_loss',
    (False, True, False): '_global_feature',
    (True, True, False): '_global',
    (False, False, True): '_long_term',
    (True, False, True): '_global_loss_long_term',
    (False, True, True): '_global_feature_long_term',
    (True, True, True): '',
}
EIGHT = [WHOLE + suffix for suffix in SWITCHES.values()]
AVA = [*EIGHT, 'slowfast_r50_three_branch_phase_one', 'slowfast_r50_three_branch']


@functools.cache
def config(name):
    return Config.fromfile(FOLDER / f'{name}.py')


def steps_of(pipeline):
    return {step.type: step for step in pipeline}


def flatten(value, prefix=''):
    if isinstance(value, dict) and value:
        items = [flatten(v, f'{prefix}.{k}' if prefix else k) for k, v in value.items()]
        return {key: leaf for item in items for key, leaf in item.items()}
    return {prefix: value}


def changed(name, other):
    """Dotted keys in which two configs differ."""
    flat, base = (flatten(config(n).to_dict()) for n in (name, other))
    return {key for key in flat.keys() | base.keys() if flat.get(key) != base.get(key)}


def docstring(name):
    return (FOLDER / f'{name}.py').read_text(encoding='utf-8').split('"""')[1]


ROI_CHANNELS = 8 * 32 + 32  # slow, fast


def narrow_model(cfg):
    """The model with few channels and blocks and without weights, by options as a user would."""
    cfg = Config(cfg.to_dict())
    options = {'roi_head.roi_channels': ROI_CHANNELS}
    for name, base_channels in (('slow', 8), ('fast', 1)):
        options[f'backbone.{name}_pathway.base_channels'] = base_channels
        options[f'backbone.{name}_pathway.stage_blocks'] = (1, 1, 2, 1)
    if 'non_local' in cfg.model.backbone.slow_pathway:
        options['backbone.slow_pathway.non_local'] = (0, 0, (0, 1), 0)
    if 'long_term' in cfg.model.roi_head:
        options['roi_head.long_term.latent_channels'] = 16
    cfg.merge_from_dict({f'model.{key}': value for key, value in options.items()})
    cfg.model.pop('init_cfg')
    return MODELS.build(cfg.model)


def decoded_clip(width):
    rng = np.random.default_rng(width)
    boxes = np.array([[8, 8, 24, 40], [30, 4, 60, 44]], np.float32)
    labels = np.zeros((2, 81), np.float32)
    labels[[0, 1, 1], [12, 11, 17]] = 1  # stand; sit and one that is no pose
    return dict(
        imgs=list(rng.integers(0, 256, (64, 48, width, 3), dtype=np.uint8)),
        **dict(img_shape=(48, width), modality='RGB', num_clips=1, clip_len=64),
        **dict(gt_bboxes=boxes, gt_labels=labels, proposals=boxes.copy(), scores=np.ones(2)),
        **dict(img_key='v,0902', video_id='v', timestamp=902),
    )


def training_batch(pipeline, long_term):
    """Two clips of unequal width, through what follows the decoding in the config's pipeline."""
    (at,) = [i for i, step in enumerate(pipeline) if step.type.endswith('Decode')]
    kept = [step for step in pipeline[at + 1 :] if step.type != 'mmlt.LoadFeatureBank']
    kept = [dict(step, scale=(-1, 48)) if step.type == 'Resize' else step for step in kept]
    compose = Compose([TRANSFORMS.build(step) for step in kept])
    return pseudo_collate([compose({**decoded_clip(width), **long_term}) for width in (64, 80)])


def window():
    features = torch.randn(61 * 5, ROI_CHANNELS)
    made = BaseDataElement(features=features, mask=torch.arange(61 * 5) % 3 == 0)
    made.set_metainfo(dict(checkpoint='ab' * 32))
    return made


def train_step(cfg, pipeline=None, model=None):
    """What a training step of a narrow model logs; a window is there where a branch reads it."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(0)
    if model is None:
        model = narrow_model(cfg)
        model.init_weights()
    long_term = {'long_term': window()} if 'long_term' in cfg.model.roi_head else {}
    batch = training_batch(pipeline or cfg.train_dataloader.dataset.pipeline, long_term)
    logged = model.train().train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))
    assert 0 < logged['loss_action_cls'].item() < math.inf
    return logged
