"""Batches of stored frame features with multi-hot targets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmlt.functional.checks import check_integer
from mmlt.models._multi_hot import multi_hot
from mmlt.registry import MODELS


@MODELS.register_module()
class FeatureDataPreprocessor(BaseDataPreprocessor):
    """Stack features to (B, T, D) float32 and make every ``gt_label`` multi-hot, (C,) float32.

    A ``gt_label`` of integers holds class indices, any number of them, none included; one of
    floating point must be multi-hot already. In training ``blending`` then mixes the batch, called
    as mmaction2's preprocessor calls its own, so mmaction2's blendings fit too.

    Args:
        num_classes: C, at least 2.
        blending: Config of a blending of mmaction2's interface; None mixes nothing.
        non_blocking: See mmengine's ``BaseDataPreprocessor``.
    """

    def __init__(
        self, num_classes: int, blending: dict | None = None, non_blocking: bool = False
    ) -> None:
        super().__init__(non_blocking)
        self.num_classes = check_integer('num_classes', num_classes, 2)
        self.blending = None if blending is None else MODELS.build(blending)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make the arguments of the model's forward from what the loader collated."""
        data = self.cast_data(data)
        inputs, data_samples = stack_features(data['inputs']), data['data_samples']
        for sample in data_samples or ():
            if 'gt_label' in sample:
                sample.set_gt_label(self._multi_hot(sample, inputs.device))
        if training and self.blending is not None:
            inputs, data_samples = self.blending(inputs, data_samples)
        return {**data, 'inputs': inputs, 'data_samples': data_samples}

    def _multi_hot(self, sample: BaseDataElement, device: torch.device) -> Tensor:
        label = sample.gt_label.to(device)
        options = {'sample': _name(sample), 'owner': 'the data preprocessor'}
        return multi_hot(label, self.num_classes, **options).float()


def stack_features(inputs: Tensor | Sequence[Tensor]) -> Tensor:
    """One (B, T, D) float32 batch of (T, D) features.

    Raises:
        ValueError: The features differ in shape, or are not (T, D).
    """
    if not isinstance(inputs, Tensor):
        shapes = {tuple(item.shape) for item in inputs}
        if len(shapes) > 1:
            raise ValueError(
                f'features of one batch have the shapes {sorted(shapes)}: load equally many frames '
                'of every video (mmlt.LoadFeatureFrames), all of one width'
            )
        inputs = torch.stack(list(inputs))
    if inputs.ndim != 3 or 0 in inputs.shape[1:]:
        raise ValueError(f'features must be (B, T, D) in a batch, got {tuple(inputs.shape)}')
    return inputs.float()


def _name(sample: BaseDataElement) -> str:
    """What the metainfo calls the sample, for messages."""
    for key in ('filename', 'video_id', 'sample_idx'):
        if key in sample:
            return f'{key} {sample.get(key)}'
    return 'a data sample'
