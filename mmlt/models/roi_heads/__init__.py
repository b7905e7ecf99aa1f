"""RoI heads of AVA detectors, their extractors and their box heads."""

from mmlt.models.roi_heads.jittered_ava_roi_head import JitteredAVARoIHead
from mmlt.models.roi_heads.long_tail_bbox_head import LongTailBBoxHead
from mmlt.models.roi_heads.pose_bbox_head import PoseBBoxHead
from mmlt.models.roi_heads.single_roi_extractor_3d import SingleRoIExtractor3D
from mmlt.models.roi_heads.three_branch_roi_head import ThreeBranchRoIHead

__all__ = [
    'JitteredAVARoIHead',
    'LongTailBBoxHead',
    'PoseBBoxHead',
    'SingleRoIExtractor3D',
    'ThreeBranchRoIHead',
]
