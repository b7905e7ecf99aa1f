"""An RoI head that trains on boxes a little beside the detected ones."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models.roi_heads import AVARoIHead
from torch import Tensor

from mmlt.functional import jitter_boxes
from mmlt.functional.checks import check_real
from mmlt.registry import MODELS


@MODELS.register_module()
class JitteredAVARoIHead(AVARoIHead):
    """mmaction2's ``AVARoIHead``; in training the sampled RoIs are jittered before pooling.

    After the assignment, so that a box keeps the labels of the person that it was detected for: of
    boxes that are jittered before, one in a hundred overlaps its person by an IoU of .9. See
    :func:`mmlt.functional.jitter_boxes`; the draws are from torch's global generator.

    The paper assigns at an IoU of .5 and trains on detections alone::

        assigner=dict(type='MaxIoUAssignerAVA', pos_iou_thr=.5, neg_iou_thr=.5, min_pos_iou=.5),
        sampler=dict(type='RandomSampler', ..., add_gt_as_proposals=False)

    Args:
        box_jitter: Largest share of its width or height by which a side of a box moves; 0 for none.
        **kwargs: See mmdet's ``StandardRoIHead``.
    """

    def __init__(self, *args: Any, box_jitter: float = 0.15, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.box_jitter = check_real('box_jitter', box_jitter, 0, 0.5)

    def bbox_loss(
        self,
        x: Tensor | tuple[Tensor, ...],
        sampling_results: list,
        batch_img_metas: list[dict],
        **kwargs: Any,
    ) -> dict:
        """Loss of the RoIs where they are jittered to; see ``AVARoIHead.bbox_loss``."""
        if self.training and self.box_jitter:
            for result, meta in zip(sampling_results, batch_img_metas):
                result.pos_priors = self._jittered(result.pos_priors, meta['img_shape'])
                result.neg_priors = self._jittered(result.neg_priors, meta['img_shape'])
        return super().bbox_loss(x, sampling_results, batch_img_metas, **kwargs)

    def _jittered(self, boxes: Tensor, image_size: tuple[int, int]) -> Tensor:
        draws = torch.rand_like(boxes)
        return jitter_boxes(boxes, ratio=self.box_jitter, image_size=image_size, uniform=draws)
