"""Backbones: what makes features of clips."""

from mmlt.models.backbones.vivit import ViViT

__all__ = ['ViViT']
