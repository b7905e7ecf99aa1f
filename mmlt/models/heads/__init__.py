"""Classifier layers and heads."""

from mmlt.models.heads.framestack_head import FrameStackHead
from mmlt.models.heads.learnable_weight_scaling import LearnableWeightScaling
from mmlt.models.heads.videolt import NetVLADHead, NonlinearHead

__all__ = ['FrameStackHead', 'LearnableWeightScaling', 'NetVLADHead', 'NonlinearHead']
