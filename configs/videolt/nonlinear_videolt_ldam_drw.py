"""LDAM: wider margins for rarer classes; re-weighted from epoch 50 on.

Source: "VideoLT" (Zhang et al. 2021), Tables 1 and 2, "LDAM + DRW". loss_cls.margin='sum' gives
    every element the margins of all its labels, as the authors' code does.
Expected: overall / tail mAP with ResNet-50 .502 / .378, with ResNet-101 .518 / .397, with TSM
    .565 / .439.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_ldam_drw.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(head=dict(loss_cls=dict(type='mmlt.LDAMLoss', class_counts={{_base_.class_counts}})))
custom_hooks = [
    dict(type='mmlt.DeferredReweightingHook', begin={{_base_.half_time}}),
]
