"""The toy's SlowOnly as one trunk under two heads: boxes of 30 classes, clips of 12."""

_base_ = './slowonly_toy.py'

trunk_channels = 64
num_actor_classes = 12


def clip_head(num_classes):
    return dict(
        type='I3DHead',
        num_classes=num_classes,
        in_channels=trunk_channels,
        dropout_ratio=0.3,  # as that of the boxes
        average_clips='prob',
    )


rcnn_train_cfg = {{_base_.model.train_cfg.rcnn}}  # the head of the boxes takes it
motion_head = clip_head(8)  # for the experiments that add the motion set

model = dict(
    _delete_=True,
    type='mmlt.CoFinetuneModel',
    backbone={{_base_.model.backbone}},
    heads=dict(ava={{_base_.model.roi_head}}, actors=clip_head(num_actor_classes)),
    data_preprocessor={{_base_.model.data_preprocessor}},
)
