"""RoI features of maps that are coarser in one direction than in the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmaction.models.roi_heads.roi_extractors import SingleRoIExtractor3D as _SingleRoIExtractor3D
from torch import Tensor

from mmlt.functional.checks import check_image_size
from mmlt.registry import MODELS


@MODELS.register_module()
class SingleRoIExtractor3D(_SingleRoIExtractor3D):
    """mmaction2's ``SingleRoIExtractor3D`` with a stride for the height and one for the width.

    For a ViViT with tubelets of (t, h, w) the strides are (h, w). Each box is a tube, the same on
    every map; ``with_temporal_pool`` pools the maps over time before, and ``spatial_pool_type`` of
    the box head, 'max' or 'avg', what is left of the RoI.

    Args:
        featmap_stride: (h, w) in pixels of the picture, or one number for both.
        **kwargs: See mmaction2's ``SingleRoIExtractor3D``.
    """

    def __init__(self, *, featmap_stride: int | Sequence[int] = 16, **kwargs: Any) -> None:
        strides = check_image_size('featmap_stride', featmap_stride)
        super().__init__(featmap_stride=1, **kwargs)  # boxes come in cells of the map
        self.featmap_stride = strides

    def forward(self, feat: Tensor | tuple[Tensor, ...], rois: Tensor) -> tuple:
        """RoI features (n, C, t, ...) and the maps, of RoIs (n, 5) in pixels."""
        height, width = self.featmap_stride
        return super().forward(feat, rois / rois.new_tensor([1, width, height, width, height]))
