"""FrameStack within mmaction2's recognizers that keep time: TSN and TSM, frames and features."""

from __future__ import annotations

import uuid

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from torch.utils.data import Dataset

import mmlt  # noqa: F401
from mmlt.functional import average_precision

NUM_SEGS, NUM_CLASSES = 4, 3
BLENDING = {'type': 'mmlt.FrameStackBlending', 'num_classes': NUM_CLASSES, 'clip_len': NUM_SEGS}
KINDS = {
    'TSN': ({'type': 'ResNet'}, {'type': 'TSNHead'}),
    'TSM': (
        {'type': 'ResNetTSM', 'num_segments': NUM_SEGS, 'pretrained2d': False},
        {'type': 'TSMHead', 'num_segments': NUM_SEGS, 'is_shift': True},
    ),
}
STAGES = {'TSN': (2, 128, 2), 'TSM': (4, 512, 1)}  # TSM shifts in all four; number, width, height


class _Frames(Dataset):
    metainfo = {}

    def __len__(self):
        return 6

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        frames = torch.randn(NUM_SEGS, 3, 16, 16, generator=generator)
        labels = [index % NUM_CLASSES, 0][: 1 + (index == 1)]
        sample = ActionDataSample().set_gt_label(torch.tensor(labels))
        return {'inputs': frames, 'data_samples': sample}


def _config(kind, place, **blending):
    backbone, head = KINDS[kind]
    num_stages, width, _ = STAGES[kind]
    backbone = {
        **backbone,
        'depth': 18,
        'num_stages': num_stages,
        'strides': (1, 2, 2, 2)[:num_stages],
        'dilations': (1,) * num_stages,
        'out_indices': (num_stages - 1,),
        'norm_eval': False,
    }
    head = {
        **head,
        'num_classes': NUM_CLASSES,
        'in_channels': width,
        'dropout_ratio': 0.5,
        'init_std': 1.0,
        'loss_cls': {'type': 'mmlt.BCELoss'},
    }
    blending = {**BLENDING, **blending}
    preprocessor = {'type': 'ActionDataPreprocessor'}
    if place == 'frames':
        preprocessor['blending'] = blending
    else:
        head = {'type': 'mmlt.FrameStackHead', 'head': head, 'blending': blending}
    return {
        'type': 'Recognizer2D',
        'backbone': backbone,
        'cls_head': head,
        'data_preprocessor': preprocessor,
    }


def _runner(tmp_path, config, lr=0.01):
    init_default_scope('mmaction')
    torch.manual_seed(0)
    return Runner(
        model=config,
        work_dir=str(tmp_path),
        train_dataloader={
            'dataset': _Frames(),
            'batch_size': 3,
            'sampler': {'type': 'DefaultSampler'},
            'collate_fn': pseudo_collate,
        },
        train_cfg={'by_epoch': True, 'max_epochs': 2},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': lr}},
        custom_hooks=[{'type': 'mmlt.RunningAPHook'}],
        default_scope='mmaction',
        experiment_name=uuid.uuid4().hex,
        randomness={'seed': 0},
        log_level='WARNING',
    )


def _blending_of(model):
    return next(m for m in model.modules() if type(m).__name__ == 'FrameStackBlending')


@pytest.mark.train
@pytest.mark.parametrize('place', ['frames', 'features'])
@pytest.mark.parametrize('kind', KINDS)
def test_trains_and_measures(tmp_path, kind, place):
    runner = _runner(tmp_path, _config(kind, place, ratio=0.7))
    blending, shapes = _blending_of(runner.model), []
    blending.register_forward_pre_hook(lambda _, inputs: shapes.append(tuple(inputs[0].shape)))
    runner.train()
    _, width, height = STAGES[kind]
    shape = (3, 16, 16) if place == 'frames' else (width, height, height)
    assert shapes == [(3, NUM_SEGS, *shape)] * 4
    assert (blending.class_ap > 0).all()
    assert runner.model.backbone.conv1.bn.num_batches_tracked == 4


@pytest.mark.parametrize('place', ['frames', 'features'])
def test_the_ap_is_that_of_the_clean_videos(tmp_path, place):
    """With a model that does not move: no dropout, statistics of evaluation, no learning rate."""
    config = _config('TSN', place, ratio=1, warmup_epochs=0)
    config['backbone']['norm_eval'] = True
    head = config['cls_head'] if place == 'frames' else config['cls_head']['head']
    head['dropout_ratio'] = 0
    runner = _runner(tmp_path, config, lr=0.0)
    runner.train()
    items = [_Frames()[index] for index in range(6)]
    model = runner.model.eval()
    with torch.no_grad():
        frames = torch.stack([item['inputs'] for item in items])
        logits, _ = model.extract_feat(frames, stage='head')
    targets = torch.zeros(6, NUM_CLASSES)
    for row, item in zip(targets, items):
        row[item['data_samples'].gt_label] = 1
    expected = average_precision(logits.numpy(), targets.numpy())
    assert torch.equal(_blending_of(model).class_ap, torch.from_numpy(expected).float())


def test_testing_is_that_of_the_head_within():
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(_config('TSN', 'features')).eval()
    data = pseudo_collate([_Frames()[index] for index in range(2)])
    scores = [sample.pred_score for sample in model.test_step(data)]
    features = model.extract_feat(torch.stack(data['inputs']))[0]
    expected = model.cls_head.head(features, num_segs=NUM_SEGS)
    torch.testing.assert_close(torch.stack(scores).flatten(1), expected)


def test_features_of_something_else_than_frames():
    init_default_scope('mmaction')
    head = MODELS.build(_config('TSN', 'features')['cls_head'])
    with pytest.raises(ValueError, match='needs the features of every frame'):
        head.loss(torch.zeros(5, 128, 2, 2), [ActionDataSample()] * 2, num_segs=NUM_SEGS)
