"""Blendings: what mixes the samples of a training batch."""

from .feature_mixup_blending import FeatureMixupBlending
from .framestack_blending import FrameStackBlending

__all__ = ['FeatureMixupBlending', 'FrameStackBlending']
