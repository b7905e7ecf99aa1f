"""A small three-branch head, maps and data samples for its tests."""

from __future__ import annotations

from itertools import product

import torch
from mmaction.structures import ActionDataSample
from mmaction.utils import register_all_modules
from mmdet.registry import MODELS as MMDET_MODELS
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement, InstanceData

SHAPE = (40, 64)  # H, W of the picture
CHANNELS = (5, 2)  # of a slow and a fast pathway; 7 in all
NUM_CLASSES = 5  # column 0 and four classes
SLOTS = 6
PERSONS = torch.tensor([[4.0, 4.0, 28.0, 36.0], [36.0, 4.0, 60.0, 36.0]])
LABELS = torch.tensor([[0.0, 1, 0, 1, 0], [0.0, 0, 1, 1, 0]])
BANK = 'ab' * 32  # the checkpoint that made it
#: The three switches of the eight configs.
SWITCHES = {
    'global_loss': dict(type='mmlt.FocalLoss', loss_weight=0.5),
    'global_feature': True,
    'long_term': dict(latent_channels=4),
}
COMBINATIONS = [
    {name: SWITCHES[name] for name, is_on in zip(SWITCHES, each) if is_on}
    for each in product((False, True), repeat=3)
]


def combination_name(options: dict) -> str:
    """As a test's id."""
    return '+'.join(name for name in SWITCHES if name in options) or 'roi alone'


def roi_head(**options):
    """Built as a detector builds it, in mmdet's scope."""
    torch.manual_seed(3)
    register_all_modules(init_default_scope=False)
    config = dict(
        type='mmlt.ThreeBranchRoIHead',
        roi_channels=sum(CHANNELS),
        box_jitter=0,
        bbox_roi_extractor=dict(type='SingleRoIExtractor3D', featmap_stride=8, output_size=2),
        bbox_head=dict(
            type='mmlt.PoseBBoxHead',
            pose_ids=(1, 2),
            background_class=True,
            num_classes=NUM_CLASSES,
            topk=(),
        ),
        train_cfg=dict(
            assigner=dict(
                type='MaxIoUAssignerAVA',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
            ),
            sampler=dict(
                type='RandomSampler',
                num=32,
                pos_fraction=1,
                neg_pos_ub=-1,
                add_gt_as_proposals=False,
            ),
            pos_weight=1.0,
        ),
    )
    with DefaultScope.overwrite_default_scope('mmdet'):
        config = {**config, **options}
        return MMDET_MODELS.build(ConfigDict({k: v for k, v in config.items() if v is not None}))


def maps(batch=2, seed=0):
    """Of a slow pathway of 2 and a fast one of 4 frames."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.rand(batch, channels, time, 5, 8, generator=generator)
        for channels, time in zip(CHANNELS, (2, 4))
    )


def window(num_persons=4, checkpoint=BANK, channels=7, seed=0):
    """A window whose first slots hold a person."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(SLOTS) < num_persons
    features = torch.randn(SLOTS, channels, generator=generator) * mask[:, None]
    return BaseDataElement(metainfo=dict(checkpoint=checkpoint), features=features, mask=mask)


def samples(persons=PERSONS, batch=2, **window_options):
    """Data samples of clips; the windows of the clips differ."""
    made = []
    for number in range(batch):
        sample = ActionDataSample(metainfo=dict(img_shape=SHAPE, img_key=f'v,{902 + number:04d}'))
        sample.gt_instances = InstanceData(bboxes=PERSONS.clone(), labels=LABELS.clone())
        sample.proposals = InstanceData(bboxes=persons.clone())
        sample.set_field(window(seed=number, **window_options), 'long_term')
        made.append(sample)
    return made


def losses_of(head, of_maps=None, data_samples=None):
    """The losses of a training step."""
    data_samples = samples() if data_samples is None else data_samples
    torch.manual_seed(0)
    proposals = [sample.proposals for sample in data_samples]
    return head.loss(maps() if of_maps is None else of_maps, proposals, data_samples)


def predictions(head, of_maps, data_sample):
    """Scores and boxes of one clip."""
    with torch.no_grad():
        (found,) = head.predict(of_maps, [data_sample.proposals], [data_sample])
    return found
