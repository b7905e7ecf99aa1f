"""A box head that knows that a person has one pose: softmax over poses, sigmoid over the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmlt.fileio.label_map import read_label_types
from mmlt.functional import softmax_focal_loss
from mmlt.functional.checks import check_class_ids, check_real
from mmlt.models.roi_heads.long_tail_bbox_head import LongTailBBoxHead
from mmlt.registry import MODELS

POSE_TYPE = 'PERSON_MOVEMENT'


@MODELS.register_module()
class PoseBBoxHead(LongTailBBoxHead):
    r"""``LongTailBBoxHead`` with a softmax over the pose classes; the others keep their sigmoid.

    .. math::
        L = w \cdot \frac{1}{N_p} \sum_{n} FL_{softmax}(z_n^{pose}, t_n)
            + L_{cls}(z^{rest}, y^{rest})

    over the :math:`N_p` boxes with a pose, see :func:`mmlt.functional.softmax_focal_loss`; a box of
    two poses has 1/2 on each, one without a pose counts in the second term alone. Scores are the
    softmax of the poses and the sigmoid of the rest, side by side in their columns.

    Args:
        background_class: See ``LongTailBBoxHead``.
        pose_ids: Class ids of the poses; all must be columns. Empty: sigmoids alone.
        label_file: In the place of ``pose_ids``: AVA's list of classes with their ``label_type``;
            the columns of type PERSON_MOVEMENT are the poses. Where it has more classes than there
            are columns (``custom_classes`` of the dataset), ``class_ids`` must name the columns'.
        gamma: Focusing parameter of the poses' focal loss, and of the other classes' where
            ``loss_cls`` is None; 0 for cross entropies.
        pose_weight: w.
        loss_cls: Loss of the other classes. None: ``mmlt.FocalLoss(gamma, reduction='batchmean')``,
            a sum over classes and a mean over boxes. A mean over classes too would leave them a
            share of the gradient that is smaller the more of them there are.
        **kwargs: See ``LongTailBBoxHead``; ``trained_groups`` is not possible.

    Raises:
        ValueError: Both or none of ``pose_ids`` and ``label_file``; an id that is no column, a
            single pose; a class of ``label_file`` without a column, and no ``class_ids``;
            ``trained_groups``; no class beside the poses.

    Reference:
        The three-branch report of the ActivityNet challenge 2019, section 3, "Training Loss".
        How the two terms are weighed it does not say. A mean over boxes for the poses, weighed by
        1.2, and a sum over classes for the others are the defaults of another code with a softmax
        over AVA's poses (Tang et al., "Asynchronous Interaction Aggregation for Action Detection",
        ECCV 2020), where a box without a pose counts as one of the first.
    """

    def __init__(
        self,
        background_class: bool,
        *args: Any,
        pose_ids: Sequence[int] | None = None,
        label_file: str | None = None,
        gamma: float = 2.0,
        pose_weight: float = 1.0,
        loss_cls: dict | None = None,
        **kwargs: Any,
    ) -> None:
        if (pose_ids is None) == (label_file is None):
            raise ValueError(
                f'pose_ids={pose_ids!r}, label_file={label_file!r}: give one of them; pose_ids=() '
                'for sigmoids alone'
            )
        if kwargs.get('trained_groups') is not None:
            raise ValueError(
                f'trained_groups={kwargs["trained_groups"]!r}: a softmax over some of the poses '
                'would be one over other classes; train all groups, or take LongTailBBoxHead'
            )
        self._given = pose_ids, label_file
        self._are_columns_named = kwargs.get('class_ids') is not None
        self.gamma = check_real('gamma', gamma, 0)
        self.pose_weight = check_real('pose_weight', pose_weight, 0)
        if loss_cls is None:
            loss_cls = dict(type='mmlt.FocalLoss', gamma=self.gamma, reduction='batchmean')
        super().__init__(background_class, *args, loss_cls=loss_cls, **kwargs)
        for name, columns in (('pose_columns', self._poses), ('rest_columns', self._rest)):
            self.register_buffer(name, torch.tensor(columns, dtype=torch.long), persistent=False)

    @property
    def class_ids_of_loss(self) -> tuple[int, ...]:
        """Class ids of the columns that are no poses."""
        return tuple(self.class_ids[column] for column in self._rest)

    def _build_loss(self, loss_cls: dict | None) -> nn.Module:
        pose_ids = self._pose_ids(*self._given)
        self._poses = [i for i, class_id in enumerate(self.class_ids) if class_id in pose_ids]
        self._rest = [i for i in range(len(self.class_ids)) if i not in self._poses]
        if len(self._poses) == 1:
            raise ValueError(f'pose_ids: {pose_ids} alone: a softmax over one class is always 1')
        if not self._rest:
            raise ValueError('pose_ids: every class is a pose; one at least must be another')
        return super()._build_loss(loss_cls)

    def _pose_ids(self, pose_ids: Sequence[int] | None, label_file: str | None) -> list[int]:
        if label_file is not None:
            types = read_label_types(label_file)
            if not self._are_columns_named and max(types) > max(self.class_ids):
                raise ValueError(
                    f'{label_file} has class {max(types)}, the columns end with '
                    f'{max(self.class_ids)}: give class_ids, the class of each column '
                    '(custom_classes of the dataset)'
                )
            found = [i for i in self.class_ids if types.get(i) == POSE_TYPE]
            if not found:
                raise ValueError(f'{label_file}: no column is of label_type {POSE_TYPE}')
            return found
        ids = check_class_ids(pose_ids).tolist() if len(pose_ids) else []
        unknown = [class_id for class_id in ids if class_id not in self.class_ids]
        if unknown:
            raise ValueError(
                f'pose_ids: class {unknown[0]} has no column; the columns are of '
                f'{_listed(self.class_ids)}'
            )
        return ids

    def multilabel_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Sum of the two terms over the labelled boxes of (N, C) logits and 0/1 targets."""
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        rows = targets.sum(dim=1) > 0
        logits, targets = logits[rows], targets[rows]
        loss = self.loss_cls(logits[:, self.rest_columns], targets[:, self.rest_columns])
        if not self._poses:
            return loss
        poses = targets[:, self.pose_columns]
        poses = poses / poses.sum(dim=1, keepdim=True).clamp_min(1)
        of_poses = softmax_focal_loss(logits[:, self.pose_columns], poses, gamma=self.gamma)
        return self.pose_weight * of_poses + loss

    def sigmoid_logits(self, logits: Tensor) -> Tensor:
        r"""(N, C) logits whose sigmoids are the scores.

        A pose's are :math:`z_c - \log \sum_{j \ne c} e^{z_j}` over the poses, exact to the last
        digits also where its softmax is near 0 or 1.
        """
        if not self._poses or not len(logits):
            return logits
        logits = logits.float().clone()
        poses = logits[:, self.pose_columns]
        others = poses[:, None].expand(-1, len(self._poses), -1)
        own = torch.eye(len(self._poses), dtype=torch.bool, device=logits.device)
        others = others.masked_fill(own, -torch.inf).logsumexp(dim=2)
        logits[:, self.pose_columns] = poses - others
        return logits

    def _predict_by_feat_single(
        self, roi: Tensor, cls_score: Tensor, **kwargs: Any
    ) -> InstanceData:
        first = int(self.background_class)
        logits = self.sigmoid_logits(cls_score[:, first:])
        cls_score = torch.cat([cls_score[:, :first].to(logits.dtype), logits], dim=1)
        return super()._predict_by_feat_single(roi=roi, cls_score=cls_score, **kwargs)

    def _accuracies(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return super()._accuracies(self.sigmoid_logits(logits), targets)


def _listed(ids: Sequence[int]) -> str:
    return ', '.join(map(str, ids[:8])) + (', ...' if len(ids) > 8 else '')
