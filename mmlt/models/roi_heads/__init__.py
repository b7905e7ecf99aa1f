"""RoI heads of AVA detectors, and their box heads."""

from mmlt.models.roi_heads.jittered_ava_roi_head import JitteredAVARoIHead
from mmlt.models.roi_heads.long_tail_bbox_head import LongTailBBoxHead

__all__ = ['JitteredAVARoIHead', 'LongTailBBoxHead']
