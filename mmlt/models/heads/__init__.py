"""Classifier layers."""

from .learnable_weight_scaling import LearnableWeightScaling

__all__ = ['LearnableWeightScaling']
