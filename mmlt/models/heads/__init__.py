"""Classifier layers and heads."""

from .framestack_head import FrameStackHead
from .learnable_weight_scaling import LearnableWeightScaling
from .videolt import NetVLADHead, NonlinearHead

__all__ = ['FrameStackHead', 'LearnableWeightScaling', 'NetVLADHead', 'NonlinearHead']
