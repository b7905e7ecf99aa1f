"""Class-balanced sampling: a class, then one of its videos.

Source: "VideoLT" (Zhang et al. 2021), Tables 1 and 2, "CBS". A video's other labels are masked
    out, and the loss is summed over the classes, as in the authors' code.
Expected: overall / tail mAP with ResNet-50 .491 / .371, with ResNet-101 .507 / .390, with TSM
    .558 / .435.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_cbs.py
"""

_base_ = './nonlinear_videolt.py'

train_dataloader = dict(
    sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='uniform')
)
model = dict(mask_undrawn=True, head=dict(loss_cls=dict(reduction='batchmean')))
