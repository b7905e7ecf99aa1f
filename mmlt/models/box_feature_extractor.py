"""What the classifier of an AVA detector sees: one feature vector a box."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate


class BoxFeatureExtractor:
    """Gives what enters the classifier of an AVA detector, for several keyframes at once.

    Args:
        model: The detector, in eval mode, with a linear ``roi_head.bbox_head.fc_cls``.

    Raises:
        ValueError: ``fc_cls`` is not one linear layer.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        self.classifier = model.roi_head.bbox_head.fc_cls
        if not isinstance(self.classifier, torch.nn.Linear):
            raise ValueError(
                f'fc_cls is {type(self.classifier).__name__}, not a linear layer: features are '
                'what enters a linear classifier (mlp_head=False)'
            )
        self._caught: torch.Tensor | None = None
        self.classifier.register_forward_pre_hook(self._catch)

    def _catch(self, module: torch.nn.Module, inputs: tuple) -> None:
        self._caught = inputs[0]

    @torch.no_grad()
    def __call__(self, samples: list[dict]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Features (n, D) and boxes_xyxy_norm (n, 4) of each keyframe, annotated boxes first.

        Keyframes of different frame sizes go through the trunk apart: padding would change them.
        """
        results: list[Any] = [None] * len(samples)
        sizes = [tuple(sample['inputs'].shape) for sample in samples]
        for size in dict.fromkeys(sizes):
            places = [place for place, other in enumerate(sizes) if other == size]
            for place, result in zip(places, self._of_one_size([samples[i] for i in places])):
                results[place] = result
        return results

    def _of_one_size(self, samples: list[dict]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        data = self.model.data_preprocessor(pseudo_collate(samples), False)
        metas = [sample.metainfo for sample in data['data_samples']]
        boxes = []
        for sample in data['data_samples']:
            of_kinds = [sample.gt_instances.bboxes.float()]
            if 'proposals' in sample:
                of_kinds.append(sample.proposals.bboxes.float())
            boxes.append(torch.cat(of_kinds))
        rois = torch.cat(
            [torch.cat([b.new_full((len(b), 1), i), b], dim=1) for i, b in enumerate(boxes)]
        )
        head = self.model.roi_head
        found = head._bbox_forward(self.model.extract_feat(data['inputs']), rois, metas)
        counts = [len(b) for b in boxes]
        features = self._caught.float().cpu().split(counts)
        # The head's own way back to fractions of the frame, so that they are those of a test.
        logits = found['cls_score'].split(counts)
        predicted = head.bbox_head.predict_by_feat(rois.split(counts), logits, metas)
        for of_keyframe, instances in zip(features, predicted):
            yield of_keyframe.numpy(), instances.bboxes.float().cpu().numpy()
