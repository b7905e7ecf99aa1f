"""Square-root sampling: a class by the root of its count, then one of its videos.

Source: "VideoLT" (Zhang et al. 2021), its supplement. A video's other labels are masked out, and
    the loss is summed over the classes, as in the authors' code.
Expected: not in the paper itself.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_srs.py
"""

_base_ = './nonlinear_videolt.py'

train_dataloader = dict(sampler=dict(_delete_=True, type='mmlt.ClassBalancedSampler', mode='sqrt'))
model = dict(mask_undrawn=True, head=dict(loss_cls=dict(reduction='batchmean')))
