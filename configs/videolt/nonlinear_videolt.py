"""The baseline: binary cross entropy on stored features, two layers on every frame.

Source: "VideoLT" (Zhang et al. 2021), section 5.1, Tables 1 and 2, "baseline".
Expected: overall / tail mAP with ResNet-50 .499 / .376, with ResNet-101 .516 / .396, with TSM
    .565 / .436.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt.py
"""

_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/videolt_features.py',
    '../_base_/models/nonlinear_head_2048.py',
    '../_base_/schedules/adam_step_100e.py',
]

default_hooks = dict(checkpoint=dict(save_best='longtail/mAP', rule='greater'))  # on val
