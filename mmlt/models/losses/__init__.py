"""Multi-label losses for rare classes."""

from mmlt.models.losses.asymmetric_loss import AsymmetricLoss
from mmlt.models.losses.bce_loss import BCELoss
from mmlt.models.losses.class_balanced_loss import ClassBalancedLoss
from mmlt.models.losses.distribution_balanced_loss import DistributionBalancedLoss
from mmlt.models.losses.eqlv2_loss import EQLv2Loss
from mmlt.models.losses.equalization_loss import EqualizationLoss
from mmlt.models.losses.focal_loss import FocalLoss
from mmlt.models.losses.ldam_loss import LDAMLoss
from mmlt.models.losses.logit_adjusted_loss import LogitAdjustedLoss

__all__ = [
    'AsymmetricLoss',
    'BCELoss',
    'ClassBalancedLoss',
    'DistributionBalancedLoss',
    'EQLv2Loss',
    'EqualizationLoss',
    'FocalLoss',
    'LDAMLoss',
    'LogitAdjustedLoss',
]
