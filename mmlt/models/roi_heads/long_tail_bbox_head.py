"""The box head of AVA detectors with a loss of one's choice, on a chosen part of the classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
from torch import Tensor, nn

from mmlt.fileio.class_split import read_split
from mmlt.functional.checks import check_class_ids
from mmlt.registry import MODELS


@MODELS.register_module()
class LongTailBBoxHead(BBoxHeadAVA):
    """mmaction2's ``BBoxHeadAVA`` with any of mmlt's losses, trained on some groups of a split.

    Only boxes that carry a trained class and only the columns of the trained classes enter the
    loss, whose mean is over these boxes times these columns. A batch without such a box gives a
    loss of zero that still reaches every parameter, so that no rank of a distributed run waits
    for it. Untrained columns get a gradient of zero (weight decay still acts on them). Without a
    split, the default loss is bit for bit that of ``BBoxHeadAVA`` wherever that one is a number.

    Recall and precision are logged over all boxes with a label, as ``BBoxHeadAVA`` does, and not
    at all for a batch without one, where they are undefined.

    Args:
        background_class: Whether column 0 is the background, ignored by the loss.
        loss_cls: Config of a multi-label loss ``(logits, targets, weight) -> scalar``, such as
            ``dict(type='mmlt.AsymmetricLoss')``. Where it names a file as ``class_counts`` or
            ``split_file``, it is told the class ids of the columns. None: binary cross-entropy, or
            focal loss if ``focal_gamma`` or ``focal_alpha`` is given.
        split_file: Split of the classes, read by
            :func:`mmlt.fileio.class_split.read_split`.
        trained_groups: Groups of the split to train, e.g. ``('head',)``. None: all classes.
        class_ids: Class ids of the columns (without the background). None: 1 to
            ``num_classes - 1``, or 0 to ``num_classes - 1`` without a background column.
        zero_init_classifier: Whether the classifier's last linear layer starts at zero.
        **kwargs: See ``BBoxHeadAVA``.

    Raises:
        ValueError: A split that leaves out, repeats or does not know a class; a trained group
            that is absent or empty; class ids that do not fit ``num_classes``; options of
            ``BBoxHeadAVA`` that contradict ``loss_cls`` or are not multi-label.
    """

    def __init__(
        self,
        background_class: bool,
        *args: Any,
        loss_cls: dict | None = None,
        split_file: str | None = None,
        trained_groups: Sequence[str] | None = None,
        class_ids: Sequence[int] | None = None,
        zero_init_classifier: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(background_class, *args, **kwargs)
        if not self.multilabel:
            raise ValueError('multilabel=False: LongTailBBoxHead has multi-label losses only')
        first_column = int(background_class)
        if class_ids is None:
            class_ids = range(first_column, self.num_classes)
        self.class_ids = tuple(check_class_ids(class_ids).tolist())
        num_columns = self.num_classes - first_column
        if len(self.class_ids) != num_columns:
            raise ValueError(
                f'class_ids names {len(self.class_ids)} classes and num_classes='
                f'{self.num_classes} makes {num_columns} columns'
                + (' (column 0 is the background)' if background_class else '')
            )
        is_trained = self._read_trained_columns(split_file, trained_groups)
        self.register_buffer('is_trained', torch.tensor(is_trained), persistent=False)
        self.num_trained = sum(is_trained)
        self.loss_cls = self._build_loss(loss_cls)
        self.zero_init_classifier = zero_init_classifier
        self._zero_classifier()

    def _read_trained_columns(
        self, split_file: str | None, trained_groups: Sequence[str] | None
    ) -> list[bool]:
        """Which of the C columns are trained."""
        if isinstance(trained_groups, str):
            raise ValueError(f'trained_groups must be a list, got {trained_groups!r}')
        if split_file is None:
            if trained_groups is not None:
                raise ValueError(f'trained_groups={trained_groups!r} needs a split_file')
            return [True] * len(self.class_ids)
        groups = read_split(split_file, self.class_ids, min_id=0).groups
        if trained_groups is None:
            trained_groups = tuple(groups)
        elif not trained_groups:
            raise ValueError('trained_groups is empty: name a group, or None for all classes')
        trained = set()
        for group in trained_groups:
            if group not in groups:
                raise ValueError(
                    f'trained_groups: {split_file} has no group {group!r}, only {", ".join(groups)}'
                )
            if not groups[group]:
                raise ValueError(f'trained_groups: group {group!r} of {split_file} is empty')
            trained.update(groups[group])
        return [class_id in trained for class_id in self.class_ids]

    @property
    def class_ids_of_loss(self) -> tuple[int, ...]:
        """Class ids of the columns that ``loss_cls`` is given."""
        return self.class_ids

    def _build_loss(self, loss_cls: dict | None) -> nn.Module:
        is_focal = self.focal_gamma != 0 or self.focal_alpha != 1
        if loss_cls is None:
            if is_focal:
                options = {'gamma': self.focal_gamma, 'alpha': self.focal_alpha}
                return MODELS.build({'type': 'mmlt.FocalLoss', **options})
            return MODELS.build({'type': 'mmlt.BCELoss'})
        if is_focal:
            raise ValueError(
                f'focal_gamma={self.focal_gamma}, focal_alpha={self.focal_alpha}: give them to '
                "loss_cls=dict(type='mmlt.FocalLoss', ...), or no loss_cls"
            )
        files = (loss_cls.get('class_counts'), loss_cls.get('split_file'))
        if any(isinstance(file, (str, os.PathLike)) for file in files):
            loss_cls = {'class_ids': self.class_ids_of_loss, **loss_cls}
        return MODELS.build(loss_cls)

    def init_weights(self) -> None:
        """Initialize the classifier as ``BBoxHeadAVA`` does, or with zeros if so configured."""
        super().init_weights()
        self._zero_classifier()

    def _zero_classifier(self) -> None:
        if self.zero_init_classifier:
            last = self.fc_cls[-1] if isinstance(self.fc_cls, nn.Sequential) else self.fc_cls
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of RoI features (n, C, T, H, W); n may be 0."""
        if len(x):
            return super().forward(x)
        return self.fc_cls(x.mean(dim=(2, 3, 4)))  # mmaction2's view of no row is ambiguous

    def loss_and_target(
        self,
        cls_score: Tensor,
        rois: Tensor,
        sampling_results: list,
        rcnn_train_cfg: Any,
        **kwargs: Any,
    ) -> dict:
        """Loss and logged accuracies of the boxes; see ``BBoxHeadAVA.loss_and_target``."""
        for sampled in sampling_results:
            if sampled.pos_gt_labels.ndim == 1:  # of no proposal or no person at all
                sampled.pos_gt_labels = cls_score.new_zeros(0, self.num_classes)
        bbox_targets = self.get_targets(sampling_results, rcnn_train_cfg)
        if bbox_targets[0].shape[1] != cls_score.shape[1]:
            raise ValueError(
                f'num_classes={self.num_classes} of the head gives {cls_score.shape[1]} columns, '
                f'the labels have {bbox_targets[0].shape[1]}: num_classes of the dataset, the head '
                'and the metric must be one number, the highest class id + 1'
            )
        first_column = int(self.background_class)
        logits = cls_score[:, first_column:]
        targets = bbox_targets[0][:, first_column:]
        losses = self._accuracies(logits.detach(), targets)
        losses['loss_action_cls'] = self.multilabel_loss(logits, targets)
        return {'loss_bbox': losses, 'bbox_targets': bbox_targets}

    def multilabel_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the trained boxes and columns of (N, C) logits and 0/1 targets."""
        num_columns = len(self.class_ids)
        weight = None
        if self.num_trained < num_columns:
            targets = targets * self.is_trained
        rows = targets.sum(dim=1) > 0
        logits, targets = logits[rows], targets[rows]
        if self.num_trained < num_columns:
            weight = self.is_trained.to(logits).expand_as(logits)
        # also without a row: a loss that gathers over ranks must be called on every rank
        loss = self.loss_cls(logits, targets, weight=weight)
        # the loss is the mean over all columns, untrained ones too
        return loss if weight is None else loss * (num_columns / self.num_trained)

    def _accuracies(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        rows = targets.sum(dim=1) > 0
        if not rows.any():
            return {}
        recall, precision, recalls, precisions = self.topk_accuracy(
            logits[rows], targets[rows], thr=0.5
        )
        accuracies = {'recall@thr=0.5': recall, 'prec@thr=0.5': precision}
        for k, recall_k, precision_k in zip(self.topk, recalls, precisions):
            accuracies[f'recall@top{k}'] = recall_k
            accuracies[f'prec@top{k}'] = precision_k
        return accuracies
