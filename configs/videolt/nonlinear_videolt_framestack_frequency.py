"""FrameStack by the frequency of the classes instead of their running AP.

Source: "VideoLT" (Zhang et al. 2021), Table 3, "w/ CF".
Expected: overall / tail mAP .520 / .405 (ResNet-101) in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_framestack_frequency.py
"""

_base_ = './nonlinear_videolt_framestack_fl.py'

model = dict(
    data_preprocessor=dict(
        blending=dict(beta='class_frequency', class_counts={{_base_.class_counts}})
    )
)
custom_hooks = []  # no running AP
