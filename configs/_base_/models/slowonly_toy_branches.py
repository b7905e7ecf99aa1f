"""The toy's SlowOnly under a head of three branches, all but the RoI branch switched off."""

_base_ = './slowonly_toy.py'

pose_ids = list(range(1, 21))

model = dict(
    roi_head=dict(
        type='mmlt.ThreeBranchRoIHead',
        roi_channels=64,
        box_jitter=0.1,
        bbox_head=dict(
            _delete_=True,
            type='mmlt.PoseBBoxHead',
            pose_ids=pose_ids,
            gamma=2.0,
            background_class=True,
            num_classes={{_base_.num_classes}},
            dropout_ratio=0.3,
        ),
    ),
    # annotated persons are the proposals
    train_cfg=dict(rcnn=dict(sampler=dict(add_gt_as_proposals=False))),
)
