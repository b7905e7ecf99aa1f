"""Blendings: what mixes the samples of a training batch."""

from mmlt.models.blending.feature_mixup_blending import FeatureMixupBlending
from mmlt.models.blending.framestack_blending import FrameStackBlending

__all__ = ['FeatureMixupBlending', 'FrameStackBlending']
