"""What the heads on frame features share."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from mmlt.functional.checks import check_integer
from mmlt.registry import MODELS


class FrameFeatureHead(BaseModule):
    """Logits (B, C) of frame features (B, T, D): ``classify(video_features(features))``.

    Args:
        in_channels: D.
        num_classes: C.
        loss_cls: Config of a loss ``(logits, targets, weight=None)``; None is ``mmlt.BCELoss``.
        init_cfg: See mmengine's ``BaseModule``.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        loss_cls: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = check_integer('in_channels', in_channels, 1)
        self.num_classes = check_integer('num_classes', num_classes, 1)
        self.loss_cls = MODELS.build(loss_cls or dict(type='mmlt.BCELoss'))

    def video_features(self, features: Tensor) -> Tensor:
        """What the classifier sees of a video, (B, H), from (B, T, D)."""
        raise NotImplementedError

    def classify(self, video_features: Tensor) -> Tensor:
        """Logits (B, C) of (B, H)."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> Tensor:
        """Logits (B, C) of (B, T, D)."""
        return self.classify(self.video_features(features))

    def check(self, features: Tensor) -> Tensor:
        """Return the features, or raise ValueError unless they are (B, T, in_channels), T > 0."""
        if features.ndim != 3 or features.shape[2] != self.in_channels or not features.shape[1]:
            raise ValueError(
                f'features must be (B, T, {self.in_channels}), got {tuple(features.shape)}; '
                f'in_channels of {type(self).__name__} is the width of the feature files'
            )
        return features
