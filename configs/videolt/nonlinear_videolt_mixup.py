"""Mixup of the features of two videos, frame by frame.

Source: "VideoLT" (Zhang et al. 2021), Tables 1 and 2, "mixup".
Expected: overall / tail mAP with ResNet-50 .484 / .368, with ResNet-101 .495 / .381, with TSM
    .548 / .425.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_mixup.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(
    data_preprocessor=dict(
        blending=dict(type='mmlt.FeatureMixupBlending', num_classes={{_base_.num_classes}})
    )
)
