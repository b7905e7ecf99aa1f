"""Class-balanced loss: classes weighted by their effective numbers of videos.

Source: "VideoLT" (Zhang et al. 2021), Tables 1 and 2, "CB Loss"; beta .9999.
Expected: overall / tail mAP with ResNet-50 .495 / .381, with ResNet-101 .511 / .398, with TSM
    .563 / .440.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_cb_loss.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(
    head=dict(loss_cls=dict(type='mmlt.ClassBalancedLoss', class_counts={{_base_.class_counts}}))
)
