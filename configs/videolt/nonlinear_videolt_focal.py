"""Focal loss, gamma 1: what FrameStack-FL is without FrameStack.

Source: "Focal Loss for Dense Object Detection" (Lin et al. 2017); gamma as in VideoLT's
    FrameStack-FL.
Expected: not in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_focal.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(head=dict(loss_cls=dict(type='mmlt.FocalLoss', gamma=1.0)))
