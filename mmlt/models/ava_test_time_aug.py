"""Test-time augmentation of AVA detectors: the mean of the scores over views of a keyframe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseTTAModel
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor

from mmlt.registry import MODELS

# what float32 leaves of a box that is resized and divided by the size again, in units of the frame
_TOLERANCE = 1e-4
_TO_WRITE = (
    "write dict(type='PackActionInputs', meta_keys=('img_shape', 'img_key', 'video_id', "
    "'timestamp', 'flip')), behind a Flip in each view (flip_ratio=0 or 1)"
)
# of a view that was not flipped, small, and what a test without augmentation would also return
_KEPT_FIELDS = ('gt_instances', 'proposals')


@MODELS.register_module()
class AVATestTimeAug(BaseTTAModel):
    """Averages the scores of each box over resized and flipped views of the same clip.

    For any AVA detector whose boxes are given (mmaction2's, with external proposals). It wraps the
    detector at test time, for views that ``TestTimeAug`` has made::

        tta_model = dict(type='mmlt.AVATestTimeAug')
        tta_pipeline = [..., dict(type='TestTimeAug', transforms=[
            [dict(type='Resize', scale=(-1, side)) for side in (244, 256, 320)],
            [dict(type='Flip', flip_ratio=ratio) for ratio in (0, 1)],
            [dict(type='FormatShape', input_format='NCTHW', collapse=True)],
            [dict(type='PackActionInputs', meta_keys=(
                'img_shape', 'img_key', 'video_id', 'timestamp', 'flip'))]])]

    and ``tools/test.py CONFIG CHECKPOINT --tta``. The views run one after the other.

    A merged sample has the meta data, annotations and proposals of the first view that is not
    flipped, and as predictions its boxes with the mean scores (probabilities, float32); other
    fields are dropped. Every view must have the same boxes in the same order: that is checked,
    after flipping back.

    mmaction2 flips boxes to ``width - x`` and back to ``width - 1 - x``, which leaves those of a
    flipped view one pixel too far left: the check allows that pixel, and the boxes are never those
    of a flipped view. Scores are not concerned, for the features are taken at ``width - x``.

    Args:
        module: The detector, or its config.
        data_preprocessor: See mmengine's ``BaseTTAModel``.

    Raises:
        ValueError: In a test step: data without views, a view that does not say whether it is
            flipped, no unflipped view, or views of other boxes.

    Reference:
        The three-branch report of the ActivityNet / AVA challenge 2019, section 4 (short sides 244,
        256 and 320, and flips).
    """

    def test_step(self, data: dict[str, Any]) -> list[BaseDataElement]:
        """Predictions of a batch.

        Args:
            data: ``inputs`` and ``data_samples``, each a list of V views, each a list of the B
                samples of the batch; mmaction2's RoI heads take B = 1.

        Returns:
            B merged samples.
        """
        for number, view in enumerate(data['data_samples']):
            if not isinstance(view, Sequence):
                raise ValueError(
                    f'data_samples[{number}] is a {type(view).__name__}, not a list of the samples '
                    'of one view: the pipeline must end with TestTimeAug'
                )
            for sample in view:
                if 'flip' not in sample.metainfo:
                    raise ValueError(
                        f"{_name(sample)}: view {number} has no 'flip' in its metainfo, so that "
                        f'its boxes cannot be flipped back: {_TO_WRITE}'
                    )
        # mmengine's collation makes tuples, mmaction2's preprocessor takes lists
        lists = {key: [list(view) for view in views] for key, views in data.items()}
        return super().test_step(lists)

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[BaseDataElement]]
    ) -> list[BaseDataElement]:
        """One sample for each sample's V views."""
        return [_merge(views) for views in data_samples_list]


def _merge(views: Sequence[BaseDataElement]) -> BaseDataElement:
    unflipped = [number for number, view in enumerate(views) if not view.metainfo['flip']]
    if not unflipped:
        raise ValueError(
            f'{_name(views[0])}: all {len(views)} views are flipped, and boxes are those of one '
            'that is not: add a Flip with flip_ratio=0'
        )
    first = unflipped[0]
    for number in range(len(views)):
        _check_same_boxes(views, number, first)
    merged = type(views[first])(metainfo=views[first].metainfo)
    for name in _KEPT_FIELDS:
        if name in views[first]:
            merged.set_field(views[first].get(name), name)
    scores = torch.stack([view.pred_instances.scores.float() for view in views])  # (V, n, C)
    boxes = views[first].pred_instances.bboxes
    merged.pred_instances = InstanceData(bboxes=boxes, scores=scores.mean(dim=0))
    return merged


def _check_same_boxes(views: Sequence[BaseDataElement], number: int, first: int) -> None:
    """The boxes of a view, flipped back by its detector, are those of the first unflipped view."""
    boxes, expected = (_boxes(views[i]) for i in (number, first))
    where = f'{_name(views[number])}: view {number}'
    if len(boxes) != len(expected):
        raise ValueError(f'{where} has {len(boxes)} boxes, view {first} has {len(expected)}')
    pixel = 1 / views[number].metainfo['img_shape'][1] if views[number].metainfo['flip'] else 0.0
    allowed = boxes.new_tensor([pixel, 0.0, pixel, 0.0]) + _TOLERANCE
    wrong = ((boxes - expected).abs() > allowed).any(dim=1).nonzero()
    if len(wrong):
        index = int(wrong[0])
        raise ValueError(
            f'{where} has box {index} at {_rounded(boxes[index])}, view {first} at '
            f'{_rounded(expected[index])}: views may differ by Resize and Flip alone'
        )


def _boxes(view: BaseDataElement) -> Tensor:
    return view.pred_instances.bboxes.float()


def _rounded(box: Tensor) -> list[float]:
    return [round(value, 4) for value in box.tolist()]


def _name(sample: BaseDataElement) -> str:
    return str(sample.metainfo.get('img_key', 'a sample without img_key'))
