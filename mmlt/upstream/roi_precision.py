"""RoIAlign and RoIPool under automatic mixed precision (``--amp``)."""

from __future__ import annotations

import functools
import types


def extract_in_precision_of_boxes(module: types.ModuleType):
    """mmaction2 hands half-precision features and float32 boxes to mmcv, whose kernels refuse both.

    The features take the type of the boxes: half-precision boxes would be off by a quarter of a
    pixel beyond pixel 256.
    """
    extractor = module.SingleRoIExtractor3D
    forward = extractor.forward
    if hasattr(forward, '__wrapped__'):
        return

    @functools.wraps(forward)
    def forward_in_one_precision(self, feat, rois):
        feats = feat if isinstance(feat, tuple) else (feat,)
        return forward(self, tuple(x.to(rois.dtype) for x in feats), rois)

    extractor.forward = forward_in_one_precision
