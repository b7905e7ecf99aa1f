"""Boxes from files to losses and predictions, with all that co-finetuning does to them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmaction.utils import register_all_modules
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS

SIDE = 32
BOXES = {902: [[0.125, 0.25, 0.5, 0.75], [0.5, 0.0, 0.875, 1.0]], 903: [[0.25, 0.25, 0.75, 1.0]]}


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


@pytest.fixture(scope='module')
def dataset_config(tmp_path_factory):
    """A film of frames of 48 x 96, two keyframes and three persons; no proposals."""
    root = tmp_path_factory.mktemp('film')
    (root / 'v').mkdir()
    for number in range(1, 30):
        frame = np.full((48, 96, 3), 8 * number, dtype=np.uint8)
        cv2.imwrite(str(root / 'v' / f'img_{number:05d}.jpg'), frame)
    rows = [
        f'v,{second:04d},{",".join(map(str, box))},{label},0'
        for second, boxes in BOXES.items()
        for label, box in enumerate(boxes, start=1)
    ]
    (root / 'train.csv').write_text('\n'.join(rows))
    return dict(
        type='mmlt.AVADataset',
        ann_file=str(root / 'train.csv'),
        data_prefix=dict(img=str(root)),
        persons='ground_truth',
        num_classes=3,
        timestamp_start=900,
        timestamp_end=904,
        fps=5,
    )


def _pipeline(*augmentations):
    return [
        dict(type='SampleAVAFrames', clip_len=4, frame_interval=1, test_mode=True),
        dict(type='RawFrameDecode', io_backend='disk'),
        *augmentations,
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs'),
        dict(type='mmlt.SetDatasetName', name='ava'),
    ]


@pytest.fixture
def model():
    torch.manual_seed(0)
    backbone = dict(
        type='ResNet3dSlowOnly',
        depth=18,
        pretrained=None,
        lateral=False,
        base_channels=4,
        num_stages=1,
        stage_blocks=(1,),
        out_indices=(0,),
        conv1_kernel=(1, 3, 3),
        inflate=(0,),
        spatial_strides=(1,),
        temporal_strides=(1,),
        dilations=(1,),
    )
    assigner = dict(type='MaxIoUAssignerAVA', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5)
    sampler = dict(type='RandomSampler', num=8, pos_fraction=1, neg_pos_ub=-1)
    head = dict(
        type='mmlt.JitteredAVARoIHead',
        bbox_roi_extractor=dict(
            type='mmlt.SingleRoIExtractor3D', featmap_stride=(4, 4), output_size=2
        ),
        bbox_head=dict(
            type='mmlt.LongTailBBoxHead',
            background_class=True,
            in_channels=4,
            num_classes=3,
            topk=(),
            loss_cls=dict(type='mmlt.BCELoss', label_smoothing=0.1, reduction='batchmean'),
        ),
        train_cfg=dict(
            assigner=assigner, sampler=dict(sampler, add_gt_as_proposals=False), pos_weight=1.0
        ),
        test_cfg=None,
    )
    preprocessor = dict(
        type='mmlt.PaddingDataPreprocessor', size=SIDE, mean=[127.5] * 3, std=[127.5] * 3
    )
    return MODELS.build(
        dict(
            type='mmlt.CoFinetuneModel',
            backbone=backbone,
            heads=dict(ava=head),
            data_preprocessor=preprocessor,
        )
    )


def _dataset(config, *augmentations, **options):
    return DATASETS.build({**config, 'pipeline': _pipeline(*augmentations), **options})


def test_pictures_of_several_sizes_train_in_one_batch(dataset_config, model):
    augmentations = dict(type='mmlt.ScaleJitter', size=SIDE), dict(type='Flip', flip_ratio=0.5)
    dataset = _dataset(dataset_config, *augmentations)
    np.random.seed(0)  # noqa: NPY002
    batch = pseudo_collate([dataset[index] for index in (0, 1, 0, 1)])
    assert len({clip.shape for clip in batch['inputs']}) > 1
    data = model.data_preprocessor(batch, training=True)
    assert data['inputs'].shape == (4, 3, 4, SIDE, SIDE)
    losses = model(**data, mode='loss')
    losses['ava.loss_action_cls'].backward()
    # untrained logits are near 0: each of two classes costs about ln 2
    assert losses['ava.loss_action_cls'].item() == pytest.approx(2 * np.log(2), abs=0.5)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_predictions_on_annotated_boxes_are_at_these_boxes(dataset_config, model):
    dataset = _dataset(dataset_config, dict(type='Resize', scale=(SIDE, SIDE)), test_mode=True)
    model.eval()
    for index, boxes in enumerate(BOXES.values()):
        data = model.data_preprocessor(pseudo_collate([dataset[index]]))
        assert data['data_samples'][0].img_shape == (SIDE // 2, SIDE)
        (sample,) = model(**data, mode='predict')
        np.testing.assert_allclose(sample.pred_instances.bboxes.numpy(), boxes, atol=1e-6)
        assert sample.pred_instances.scores.shape == (len(boxes), 3)
