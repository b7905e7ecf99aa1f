"""The heads of VideoLT on (B, T, D) frame features, and their released checkpoints."""

from mmlt.models.heads.videolt.convert import convert_videolt_checkpoint
from mmlt.models.heads.videolt.netvlad_head import NetVLADHead
from mmlt.models.heads.videolt.nonlinear_head import NonlinearHead

__all__ = ['NetVLADHead', 'NonlinearHead', 'convert_videolt_checkpoint']
