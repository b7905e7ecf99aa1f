"""Equalization loss: 9 of 10 negatives of a tail class are not learned from.

Source: "VideoLT" (Zhang et al. 2021), Tables 1 and 2, "EQL"; drop probability as in Tan et al.,
    CVPR 2020.
Expected: not in the paper, whose row is nonlinear_videolt_eql_reference.py.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_eql.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(
    head=dict(
        loss_cls=dict(
            type='mmlt.EqualizationLoss',
            class_counts={{_base_.class_counts}},
            tail_max={{_base_.tail_max}},
            drop_prob=0.9,
        )
    )
)
