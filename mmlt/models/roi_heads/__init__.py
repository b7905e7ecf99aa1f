"""Box heads of AVA detectors."""

from .long_tail_bbox_head import LongTailBBoxHead

__all__ = ['LongTailBBoxHead']
