"""The toy detector with focal loss, gamma 2.

Source: "A Study on Action Detection in the Wild" (Zhang et al. 2019), section 5.1.
Expected: configs/in_the_wild/README.md.
Command: tools/dist_train.sh configs/toy/slowonly_toy_ava_focal.py 2
"""

_base_ = './slowonly_toy_ava.py'

model = dict(
    roi_head=dict(
        bbox_head=dict(
            type='mmlt.LongTailBBoxHead', loss_cls=dict(type='mmlt.FocalLoss', gamma=2.0)
        )
    )
)
