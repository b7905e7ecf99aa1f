"""Equalization loss as the authors' code has it: next to nothing is dropped.

Source: "VideoLT" (Zhang et al. 2021), Tables 1 and 2, "EQL". Their code takes 1.76e-3, a
    threshold on class frequencies of Tan et al., CVPR 2020, for the probability, so this is
    nearly the baseline.
Expected: overall / tail mAP with ResNet-50 .502 / .378, with ResNet-101 .518 / .398, with TSM
    .567 / .439.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_eql_reference.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(
    head=dict(
        loss_cls=dict(
            type='mmlt.EqualizationLoss',
            class_counts={{_base_.class_counts}},
            tail_max={{_base_.tail_max}},
            drop_prob=1.76e-3,
        )
    )
)
