"""The classifier of an AVA detector on cached RoI features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement, InstanceData
from torch import Tensor, nn

from mmlt.functional.checks import check_choice
from mmlt.models.heads import LearnableWeightScaling
from mmlt.registry import MODELS
from mmlt.weights_only import read_checkpoint

_IN_DETECTOR = 'roi_head.bbox_head.fc_cls'


@MODELS.register_module()
class BoxFeatureClassifier(BaseModel):
    """One linear layer on RoI features, trained as :class:`LongTailBBoxHead` trains its own.

    The head is a ``LongTailBBoxHead`` under the name ``bbox_head``, of which only ``fc_cls`` and
    the loss are used; ``tools/convert/write_classifier_back.py`` puts ``bbox_head.fc_cls`` into a
    detector. In testing it takes the samples of ``BoxFeatureDataset(per='keyframe')`` and gives
    detections as an AVA detector does.

    Args:
        in_channels: Width of the features.
        num_classes: Number of columns, column 0 (unused) included.
        loss_cls: See ``LongTailBBoxHead``; None is binary cross-entropy.
        dropout_ratio: Dropout of the features.
        background_class: Whether column 0 is unused.
        zero_init: Whether the classifier starts at zero; else as mmaction2's.
        split_file: See ``LongTailBBoxHead``.
        trained_groups: See ``LongTailBBoxHead``.
        class_ids: See ``LongTailBBoxHead``.
        classifier: 'linear' trains a linear layer; 'lws' (learnable weight scaling) one scale a
            class upon a frozen one, see :class:`LearnableWeightScaling`.
        classifier_checkpoint: For 'lws': a detector's checkpoint, whose classifier is scaled. Read
            by ``init_weights``, which the runner calls before training.
        data_preprocessor: See mmengine's ``BaseModel``.

    Raises:
        ValueError: 'lws' without a checkpoint or a checkpoint without 'lws'; in ``init_weights``, a
            checkpoint without a classifier of this size.

    Differs from reference: a detector drops elements of the RoI's feature *map*, before pooling
    (``dropout_before_pool``); here those of the pooled vector are dropped.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        loss_cls: dict | None = None,
        dropout_ratio: float = 0.3,
        background_class: bool = True,
        *,
        zero_init: bool = True,
        split_file: str | None = None,
        trained_groups: Sequence[str] | None = None,
        class_ids: Sequence[int] | None = None,
        classifier: str = 'linear',
        classifier_checkpoint: str | None = None,
        data_preprocessor: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor)
        check_choice('classifier', classifier, ('linear', 'lws'))
        if (classifier == 'lws') != (classifier_checkpoint is not None):
            raise ValueError(
                f'classifier={classifier!r}, classifier_checkpoint={classifier_checkpoint!r}: '
                "'lws' scales the classifier of a detector's checkpoint, 'linear' needs none"
            )
        self.dropout = nn.Dropout(dropout_ratio)
        self.bbox_head = MODELS.build(
            dict(
                type='mmlt.LongTailBBoxHead',
                background_class=background_class,
                in_channels=in_channels,
                num_classes=num_classes,
                topk=None,
                loss_cls=loss_cls,
                split_file=split_file,
                trained_groups=trained_groups,
                class_ids=class_ids,
                zero_init_classifier=zero_init and classifier == 'linear',
            )
        )
        self.classifier_checkpoint = classifier_checkpoint
        if classifier == 'lws':
            self.bbox_head.fc_cls = LearnableWeightScaling(self.bbox_head.fc_cls)
        self.first_column = int(background_class)

    def init_weights(self) -> None:
        """Initialize the classifier, or load the one to be scaled."""
        super().init_weights()
        if self.classifier_checkpoint is None:
            return
        saved = read_checkpoint(self.classifier_checkpoint)['state_dict']
        for name, parameter in self.bbox_head.fc_cls.linear.named_parameters():
            key = f'{_IN_DETECTOR}.{name}'
            found = tuple(saved[key].shape) if key in saved else None
            if found != tuple(parameter.shape):
                raise ValueError(
                    f'{self.classifier_checkpoint}: {key} has shape {found}, the classifier to be '
                    f'scaled {tuple(parameter.shape)}'
                )
            parameter.data.copy_(saved[key])

    def forward(
        self,
        inputs: Tensor | Sequence[Tensor],
        gt_labels: Tensor | Sequence[Tensor] | None = None,
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = 'tensor',
        **_: Any,
    ) -> Tensor | dict[str, Tensor] | list:
        """Logits, losses or predictions.

        Args:
            inputs: Features: (N, D), or a list of (D,) or (n, D) as mmengine collates them.
            gt_labels: Multi-hot labels in the same form, C wide ('loss').
            data_samples: One for each item of ``inputs``, with its ``proposals`` ('predict').
            mode: 'tensor', 'loss' or 'predict'.

        Returns:
            (N, C) logits; ``{'loss_action_cls': scalar}``; or the data samples with
            ``pred_instances``, whose scores are sigmoids.
        """
        features = self._join(inputs)
        if features.shape[1] != self.bbox_head.in_channels:
            raise ValueError(
                f'features are {features.shape[1]} wide, in_channels is '
                f'{self.bbox_head.in_channels}'
            )
        if mode == 'loss':
            if gt_labels is None:
                raise ValueError("no gt_labels: train on BoxFeatureDataset(per='box')")
            logits = self.bbox_head.fc_cls(self.dropout(features))[:, self.first_column :]
            targets = self._join(gt_labels)[:, self.first_column :]
            return {'loss_action_cls': self.bbox_head.multilabel_loss(logits, targets)}
        logits = self.bbox_head.fc_cls(features)
        if mode == 'tensor':
            return logits
        if mode != 'predict':
            raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")
        if data_samples is None:
            raise ValueError("no data_samples: test on BoxFeatureDataset(per='keyframe')")
        scores = logits.sigmoid().split([len(item) for item in inputs])
        for sample, of_keyframe in zip(data_samples, scores):
            sample.pred_instances = InstanceData(bboxes=sample.proposals.bboxes, scores=of_keyframe)
        return list(data_samples)

    @staticmethod
    def _join(items: Tensor | Sequence[Tensor]) -> Tensor:
        """Items of any number of rows as one (N, width) tensor."""
        if not isinstance(items, Tensor):
            items = torch.cat([item.reshape(-1, item.shape[-1]) for item in items])
        return items.reshape(-1, items.shape[-1])
