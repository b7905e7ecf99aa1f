"""Backbones: what makes features of clips."""

from mmlt.models.backbones.resnet3d_slowfast import ResNet3dSlowFast
from mmlt.models.backbones.vivit import ViViT

__all__ = ['ResNet3dSlowFast', 'ViViT']
