"""Two layers on every frame, logits averaged."""

from __future__ import annotations

from torch import Tensor, nn

from mmlt.models.heads.videolt._base import FrameFeatureHead
from mmlt.registry import MODELS


@MODELS.register_module()
class NonlinearHead(FrameFeatureHead):
    """FC, ReLU and dropout on every frame, a linear classifier, the mean of the logits over frames.

    Args:
        in_channels: Width D of the features.
        num_classes: C.
        hidden_channels: Width of the hidden layer; None: D.
        dropout_ratio: Dropout of the hidden units of every frame.
        loss_cls: See :class:`FrameFeatureHead`.
        init_cfg: See mmengine's ``BaseModule``.

    Reference:
        Zhang et al., "VideoLT", ICCV 2021, section 5.1, ``NonlinearClassifier`` in the authors'
        code.

    Differs from reference:
        the classifier is linear, so it is applied once, to the mean over frames of what it sees,
        instead of to each frame: the same logits but for rounding, at 1 / T of the work.

    Example:
        >>> import torch
        >>> NonlinearHead(in_channels=8, num_classes=5)(torch.zeros(2, 3, 8)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        hidden_channels: int | None = None,
        dropout_ratio: float = 0.5,
        loss_cls: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, num_classes, loss_cls, init_cfg)
        hidden_channels = in_channels if hidden_channels is None else hidden_channels
        self.fc_hidden = nn.Linear(in_channels, hidden_channels)
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc_cls = nn.Linear(hidden_channels, num_classes)

    def video_features(self, features: Tensor) -> Tensor:
        """Mean over frames of the hidden units after dropout, (B, H), from (B, T, D)."""
        return self.dropout(self.fc_hidden(self.check(features)).relu()).mean(1)

    def classify(self, video_features: Tensor) -> Tensor:
        """Logits (B, C) of (B, H)."""
        return self.fc_cls(video_features)
