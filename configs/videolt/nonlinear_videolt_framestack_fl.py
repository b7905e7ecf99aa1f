"""FrameStack with focal loss, gamma 1: the method of the paper.

Source: "VideoLT" (Zhang et al. 2021), section 4, Tables 1, 2 and 4, "Ours" and "FrameStack-FL".
Expected: overall / tail mAP with ResNet-50 .516 / .397, with ResNet-101 .532 / .417, with TSM
    .580 / .459.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_framestack_fl.py
"""

_base_ = './nonlinear_videolt_framestack_bce.py'

model = dict(head=dict(loss_cls=dict(type='mmlt.FocalLoss', gamma=1.0)))
