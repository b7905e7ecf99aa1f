"""Asymmetric loss: easy negatives count little or nothing.

Source: "Asymmetric Loss for Multi-Label Classification" (Ridnik et al. 2021).
Expected: not in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_asymmetric.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(head=dict(loss_cls=dict(type='mmlt.AsymmetricLoss')))
