"""Clips of any height and width in one batch, on a canvas of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmaction.models import ActionDataPreprocessor
from torch import Tensor

from mmlt.functional.checks import check_image_size
from mmlt.registry import MODELS


@MODELS.register_module()
class PaddingDataPreprocessor(ActionDataPreprocessor):
    """Normalise each clip, then pad it bottom right with zeros to one size for all.

    Padded pixels are zero *after* normalisation: with a mean and a standard deviation of 127.5 the
    grey between -1 and 1. The picture keeps its upper left corner, so boxes in pixels stay right,
    and ``img_shape`` of the samples stays that of the picture, by which AVA's heads divide. Flips
    belong into the pipeline, where the picture is not padded yet.

    Source: "Beyond Transfer Learning: Co-finetuning for Action Localisation", appendix 0.A.2: the
    longer side has the given resolution, the shorter side is zero-padded. The pipeline resizes:
    ``dict(type='Resize', scale=(S, S))``.

    Args:
        size: (H, W) of the padded clips, or one number for both.
        format_shape: See mmaction2's ``ActionDataPreprocessor``; likewise all others.

    Raises:
        ValueError: A clip is higher or wider than ``size``, or the clips of a batch differ in more
            than height and width.
    """

    def __init__(
        self, size: int | Sequence[int], *, format_shape: str = 'NCTHW', **kwargs: Any
    ) -> None:
        super().__init__(format_shape=format_shape, **kwargs)
        self.size = check_image_size('size', size)

    def preprocess(
        self, inputs: Sequence[Tensor], data_samples: Any, training: bool = False
    ) -> tuple:
        """Batch of padded clips, (B, C, T, H, W) or (B, num_clips, C, T, H, W), and the samples.

        Args:
            inputs: B clips (..., h, w) with h <= H and w <= W.
            data_samples: Their samples, or None.
            training: Whether ``blending`` is applied.
        """
        self._check_shapes(inputs)
        # one at a time: the base class pads what differs before it normalises
        clips = [
            super(PaddingDataPreprocessor, self).preprocess([clip], None)[0] for clip in inputs
        ]
        padded = clips[0].new_zeros((len(clips), *clips[0].shape[1:-2], *self.size))
        for canvas, clip in zip(padded, clips):
            height, width = clip.shape[-2:]
            canvas[..., :height, :width] = clip[0]
        if training and self.blending is not None:
            return self.blending(padded, data_samples)
        return padded, data_samples

    def _check_shapes(self, inputs: Sequence[Tensor]) -> None:
        for clip in inputs:
            if clip.shape[-2] > self.size[0] or clip.shape[-1] > self.size[1]:
                raise ValueError(
                    f'a clip of shape {tuple(clip.shape)} is larger than size={self.size}: resize '
                    f"it in the pipeline, dict(type='mmlt.ScaleJitter', size={self.size})"
                )
        shapes = {tuple(clip.shape[:-2]) for clip in inputs}
        if len(shapes) > 1:
            raise ValueError(
                f'clips of one batch have the shapes {sorted(shapes)} before height and width: '
                'sample equally many clips and frames of every video'
            )
