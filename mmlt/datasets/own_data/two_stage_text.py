"""The configs of two-stage training beside the config of a data set of one's own."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from mmlt.datasets.own_data.training_plan import Groups

STAGE_ONE_FILE, STAGE_TWO_FILE = 'config_stage_one.py', 'config_stage_two.py'
_NUM_UPDATES, _BATCH_SIZE = 1000, 1000
_STAGE_ONE = '''"""Stage one of two-stage training: boxes and columns of the head classes alone.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.2, Algorithm 1.
Written by tools/data/import_annotations.py; yours to edit.
Command, both stages: {command}
"""

_base_ = './config.py'

split_file = {split_file!r}  # the command makes it, and says where
head = dict(type='mmlt.LongTailBBoxHead', split_file=split_file, trained_groups=('head',))
model = dict(roi_head=dict(bbox_head=head))
'''
_STAGE_TWO = '''"""Stage two: a linear classifier of all classes on stage one's features, balanced.

Source: as config_stage_one.py; which has the command of both stages.
Differs from it: Adam at .001 instead of SGD, whose right rate hangs on the width and size of the
    features; and 1,000 updates of 1,000 boxes, for an epoch of a small set has a few. A choice:
    both were tried on the toy networks alone.
Written by tools/data/import_annotations.py; yours to edit.
"""

_base_ = './config.py'

features = {features!r}  # the command makes them, and says where
feature_dim, num_classes = _base_.model.roi_head.bbox_head.in_channels, _base_.num_classes
max_epochs = {max_epochs}  # about 1,000 updates: an epoch is {num_classes} classes x {most} boxes


def box_features(split, **kwargs):
    return dict(
        _delete_=True,
        type='mmlt.BoxFeatureDataset',
        feature_dir=f'{{features}}/{{split}}',
        in_channels=feature_dim,
        num_classes=num_classes,
        **kwargs,
    )


model = dict(
    _delete_=True,
    type='mmlt.BoxFeatureClassifier',
    in_channels=feature_dim,
    num_classes=num_classes,
    dropout_ratio=0.3,
)
train_dataloader = dict(
    batch_size={batch_size},
    sampler=dict(
        _delete_=True, type='mmlt.ClassBalancedSampler', mode='duplicate', empty_classes='ignore'
    ),
    dataset=box_features('train', kinds=('annotated',)),
)
val_dataloader = dict(dataset=box_features('val', kinds=('proposal',), per='keyframe'))
test_dataloader = dict(dataset=box_features('val', kinds=('proposal',), per='keyframe'))
test_evaluator = _base_.val_evaluator
custom_hooks = []  # the annotations were checked by stage one
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(_delete_=True, optimizer=dict(type='Adam', lr=0.001))
linear = dict(type='LinearLR', start_factor=1.0, end_factor=0.1, end=max_epochs)
param_scheduler = [dict(linear, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False)
default_hooks = dict(checkpoint=dict(interval=max_epochs))
'''


def two_stage_texts(config: Path, groups: Groups, class_counts: Sequence[int]) -> dict[str, str]:
    """The texts of the two configs that ``tools/two_stage.sh CONFIG RANKS`` wants beside a config.

    Args:
        config: Of the data set.
        groups: Where its head and tail end.
        class_counts: (C,) training boxes of each class.

    Returns:
        File name -> text.
    """
    # paths in --cfg-options are without spaces and quotes
    name = re.sub(r'[^\w.-]+', '_', config.resolve().parent.name)
    work_dir = f'work_dirs/{name}/two_stage'
    num_classes, most = sum(count > 0 for count in class_counts), max(class_counts)
    updates_of_epoch = math.ceil(num_classes * most / _BATCH_SIZE)
    limits = f'--split counts --head-min {groups.head_min} --tail-max {groups.tail_max}'
    command = f'tools/two_stage.sh {shlex.quote(config.as_posix())} 1 {limits}'
    return {
        STAGE_ONE_FILE: _STAGE_ONE.format(
            command=f'{command} --work-dir {work_dir}', split_file=f'{work_dir}/split.json'
        ),
        STAGE_TWO_FILE: _STAGE_TWO.format(
            features=f'{work_dir}/features',
            max_epochs=math.ceil(_NUM_UPDATES / updates_of_epoch),
            num_classes=num_classes,
            most=most,
            batch_size=_BATCH_SIZE,
        ),
    }
