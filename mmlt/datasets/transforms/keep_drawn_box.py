"""Training on the one box of a keyframe that a sampler drew."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmlt.functional.checks import check_choice
from mmlt.registry import TRANSFORMS


@TRANSFORMS.register_module()
class KeepDrawnBox(BaseTransform):
    """Reduce a keyframe to the box that ``mmlt.ClassBalancedSampler`` drew; all its labels stay.

    Stands first in the pipeline.

    Required keys: sample_idx (mmengine's BaseDataset sets it), gt_bboxes, gt_labels.
    Modified keys: gt_bboxes, gt_labels, entity_ids if there; proposals and scores if there.

    Args:
        proposals: 'drop' leaves no proposal: with the stock ``add_gt_as_proposals=True`` the drawn
            box is then the only RoI of the keyframe. 'keep' leaves them all; the assigner takes
            those that overlap the drawn box enough for more positive RoIs, the others for
            negatives.
    """

    def __init__(self, proposals: str = 'drop') -> None:
        self.proposals = check_choice('proposals', proposals, ('drop', 'keep'))

    def transform(self, results: dict) -> dict:
        """Take the other boxes out; see the class."""
        index = results.get('sample_idx')
        box = getattr(index, 'box', None)
        if box is None:
            raise ValueError(
                f'sample_idx is {index!r}, which names no box: mmlt.KeepDrawnBox needs '
                "sampler=dict(type='mmlt.ClassBalancedSampler', ...) and a dataset with gt_bboxes"
            )
        num_boxes = len(results['gt_bboxes'])
        if not 0 <= box < num_boxes:
            raise ValueError(f'sample_idx is {index!r}: the sample has {num_boxes} gt_bboxes')
        for key in ('gt_bboxes', 'gt_labels', 'entity_ids'):
            if key in results:
                results[key] = results[key][box : box + 1]
        if self.proposals == 'drop' and results.get('proposals') is not None:
            results['proposals'] = np.zeros((0, 4), dtype=np.float32)
            if 'scores' in results:
                results['scores'] = np.zeros(0, dtype=np.float32)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(proposals={self.proposals!r})'
