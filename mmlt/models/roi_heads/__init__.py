"""Box heads of AVA detectors."""

from mmlt.models.roi_heads.long_tail_bbox_head import LongTailBBoxHead

__all__ = ['LongTailBBoxHead']
