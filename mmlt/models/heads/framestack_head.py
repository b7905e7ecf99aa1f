"""A head that mixes the frame features of a recognizer before another head sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmlt.registry import MODELS


@MODELS.register_module()
class FrameStackHead(BaseModule):
    """The classification head of a 2D recognizer that keeps time, behind a blending.

    In training the frame features that the backbone gives, maps (C, h, w) of each frame, are mixed
    by ``blending`` and go to ``head``; gradients flow back to both videos of a pair. Else it is
    ``head``. Put it where the head of mmaction2's ``Recognizer2D`` (TSN, TSM) was::

        cls_head=dict(
            type='mmlt.FrameStackHead',
            head=dict(type='TSNHead', num_classes=C, in_channels=2048, loss_cls=...),
            blending=dict(type='mmlt.FrameStackBlending', num_classes=C, clip_len=8))

    Args:
        head: Config of the head, whose loss must take soft targets.
        blending: Config of a blending; ``clip_len`` must be the number of frames where the head
            counts on one (TSMHead).
        init_cfg: See mmengine's ``BaseModule``.
    """

    def __init__(self, head: dict, blending: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.head = MODELS.build(head)
        self.blending = MODELS.build(blending)

    def forward(self, x: Tensor, num_segs: int, **kwargs: Any) -> Tensor:
        """Scores (B, C) of frame features (B * T, C', h, w); T is ``num_segs``."""
        return self.head(x, num_segs=num_segs, **kwargs)

    def loss(
        self, feats: Tensor, data_samples: Sequence[BaseDataElement], num_segs: int, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Losses of the mixed frame features."""
        if not isinstance(feats, Tensor) or len(feats) != len(data_samples) * num_segs:
            raise ValueError(
                'FrameStackHead needs the features of every frame, (B * T, ...): a 2D backbone '
                'with one output and no neck'
            )
        frames = feats.reshape(len(data_samples), num_segs, *feats.shape[1:])
        clips, data_samples = self.blending(frames, data_samples)
        num_segs = clips.shape[1]
        return self.head.loss(clips.flatten(0, 1), data_samples, num_segs=num_segs, **kwargs)

    def predict(
        self, feats: Tensor, data_samples: Sequence[BaseDataElement], **kwargs: Any
    ) -> Sequence[BaseDataElement]:
        """What ``head`` predicts."""
        return self.head.predict(feats, data_samples, **kwargs)
