"""Distribution-balanced loss.

Source: "Distribution-Balanced Loss for Multi-Label Classification" (Wu et al. 2020).
Expected: not in the paper.
GPUs: 1.
Command: tools/train.py configs/videolt/nonlinear_videolt_distribution_balanced.py
"""

_base_ = './nonlinear_videolt.py'

model = dict(
    head=dict(
        loss_cls=dict(type='mmlt.DistributionBalancedLoss', class_counts={{_base_.class_counts}})
    )
)
