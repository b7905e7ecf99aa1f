"""FrameStack with binary cross entropy.

Source: "VideoLT" (Zhang et al. 2021), section 4, Table 4, "FrameStack-BCE". Table 5 varies the
    ratio.
Expected: overall / tail mAP .521 / .406 (ResNet-101), .568 / .445 (TSM).
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_framestack_bce.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(
    data_preprocessor=dict(
        blending=dict(
            type='mmlt.FrameStackBlending',
            num_classes={{_base_.num_classes}},
            clip_len=60,
            ratio=0.5,
        )
    )
)
custom_hooks = [dict(type='mmlt.RunningAPHook')]
