"""FrameStack that takes half of the frames from each of the two videos.

Source: "VideoLT" (Zhang et al. 2021), Table 3, "beta = 0.5".
Expected: overall / tail mAP .414 / .308 (ResNet-101) in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_framestack_constant.py
"""

_base_ = './nonlinear_videolt_framestack_fl.py'

model = dict(data_preprocessor=dict(blending=dict(beta='constant')))
custom_hooks = []  # no running AP
