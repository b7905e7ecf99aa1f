"""A recognizer of videos from stored frame features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmlt.functional import drawn_class_mask
from mmlt.registry import MODELS


@MODELS.register_module()
class FeatureRecognizer(BaseModel):
    """A head on (B, T, D) features, with one sigmoid a class.

    Scores go to ``pred_score`` of the data samples, where ``mmlt.LongTailMetric`` reads them.

    Args:
        head: Config of a module that makes (B, C) logits of (B, T, D) features and has a
            ``loss_cls``, as ``mmlt.NonlinearHead`` and ``mmlt.NetVLADHead``. ``feature_mixing``
            needs its ``video_features`` and ``classify`` too.
        data_preprocessor: ``dict(type='mmlt.FeatureDataPreprocessor', num_classes=C)``, whose
            ``blending`` mixes frames.
        mask_undrawn: Whether the loss of a row leaves out the positives other than the class
            under which ``mmlt.ClassBalancedSampler`` drew it, as VideoLT's code does; see
            :func:`mmlt.functional.drawn_class_mask`. That code *sums* over the classes, which
            ``loss_cls=dict(type='mmlt.BCELoss', reduction='batchmean')`` does. The pipeline must
            end with ``PackActionInputs(meta_keys=('sample_idx', ...))``.
        feature_mixing: Config of a module that mixes, in training, the video features and their
            targets before the classifier: ``mmlt.LongTailMixedReconstruction``.
        init_cfg: See mmengine's ``BaseModule``.
    """

    def __init__(
        self,
        head: dict,
        data_preprocessor: dict | None = None,
        *,
        mask_undrawn: bool = False,
        feature_mixing: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if mask_undrawn and feature_mixing is not None:
            raise ValueError(
                'mask_undrawn and feature_mixing do not go together: a mixed row has no class '
                'under which it was drawn'
            )
        if mask_undrawn and getattr(self.data_preprocessor, 'blending', None) is not None:
            raise ValueError(
                'mask_undrawn and the blending of data_preprocessor do not go together: a mixed '
                'row has no class under which it was drawn'
            )
        self.head = MODELS.build(head)
        self.mask_undrawn = mask_undrawn
        self.feature_mixing = None if feature_mixing is None else MODELS.build(feature_mixing)

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = 'tensor',
    ) -> Tensor | dict[str, Tensor] | list[BaseDataElement]:
        """Logits, losses or predictions.

        Args:
            inputs: Features (B, T, D).
            data_samples: B, with multi-hot or soft ``gt_label`` (C,) for the loss.
            mode: 'tensor', 'loss' or 'predict'.

        Returns:
            (B, C) logits; ``{'loss_cls': scalar}``; or the data samples with ``pred_score``.
        """
        if mode == 'tensor':
            return self.head(inputs)
        if data_samples is None and mode in ('loss', 'predict'):
            raise ValueError(f'mode {mode!r} needs data_samples')
        if mode == 'loss':
            return self._loss(inputs, data_samples)
        if mode != 'predict':
            raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")
        for sample, scores in zip(data_samples, self.head(inputs).float().sigmoid()):
            sample.set_pred_score(scores)
        return list(data_samples)

    def _loss(self, inputs: Tensor, data_samples: Sequence[BaseDataElement]) -> dict[str, Tensor]:
        targets = torch.stack([sample.gt_label for sample in data_samples])
        if self.feature_mixing is None or not self.training:
            logits = self.head(inputs)
        else:
            features, targets = self.feature_mixing(self.head.video_features(inputs), targets)
            logits = self.head.classify(features)
        weight = self._mask(targets, data_samples) if self.mask_undrawn else None
        return {'loss_cls': self.head.loss_cls(logits, targets, weight=weight)}

    @staticmethod
    def _mask(targets: Tensor, data_samples: Sequence[BaseDataElement]) -> Tensor:
        indices = [sample.get('sample_idx') for sample in data_samples]
        drawn = [getattr(index, 'class_id', None) for index in indices]
        if None in drawn:
            raise ValueError(
                f'mask_undrawn: sample_idx is {indices[drawn.index(None)]!r}, which names no drawn '
                "class; it needs sampler=dict(type='mmlt.ClassBalancedSampler', mode='uniform' or "
                "'sqrt') and PackActionInputs(meta_keys=('sample_idx', ...))"
            )
        if ((targets != 0) & (targets != 1)).any():
            raise ValueError('mask_undrawn: the targets are mixed; take the blending out')
        return drawn_class_mask(targets, torch.tensor(drawn, device=targets.device))
