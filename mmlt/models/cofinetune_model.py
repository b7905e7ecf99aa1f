"""One backbone, one head a dataset: the model of co-finetuning.

B samples, M clips of each, T frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmdet.structures.bbox import bbox2roi
from mmengine.config import ConfigDict
from mmengine.model import BaseModel, ModuleDict
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmlt.models.per_dataset_batch_norm import PerDatasetBatchNorm, set_dataset
from mmlt.registry import MODELS


@MODELS.register_module()
class CoFinetuneModel(BaseModel):
    """A backbone and several heads, of which a batch uses that of its dataset.

    A batch is of one dataset, whose name its data samples carry
    (``data_sample.metainfo['dataset_name']``). It passes the backbone once, then one head; the
    others are not touched, so they get no gradient and neither momentum nor decay.

    Heads are mmaction2's own: of clips, any ``BaseHead``; of boxes, any RoI head, which holds its
    own ``train_cfg`` and ``test_cfg``, here those under ``rcnn`` in a ``FastRCNN``. What is nested
    in a RoI head is looked up in mmdet's scope, as in mmaction2's AVA configs.

    Losses and accuracies are logged as ``NAME.loss_cls``, NAME being the dataset.

    Args:
        backbone: Config of any 3D backbone whose output the heads take.
        heads: Name -> config of a head.
        data_preprocessor: Config.
        dataset_heads: Dataset -> key in ``heads``. None: each head is that of the dataset of its
            name.
        loss_weights: Dataset -> factor on its losses, 1 by default.
        per_dataset_batch_norm: Whether the batch norms of the backbone become
            :class:`mmlt.models.per_dataset_batch_norm.PerDatasetBatchNorm`.
        init_cfg: See mmengine's ``BaseModule``.

    Raises:
        ValueError: There is no head, a dataset's head is not one, or the RoIs of one are scaled by
            another stride than the tubelets of the backbone have.

    Reference:
        Arnab et al., "Beyond Transfer Learning: Co-finetuning for Action Localisation", 2022,
        sections 3.1 and 3.2, equation 4.
    """

    def __init__(
        self,
        backbone: dict,
        heads: Mapping[str, dict],
        data_preprocessor: dict | None = None,
        *,
        dataset_heads: Mapping[str, str] | None = None,
        loss_weights: Mapping[str, float] | None = None,
        per_dataset_batch_norm: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        if not heads:
            raise ValueError('heads is empty: name at least one')
        self.dataset_heads = dict(dataset_heads or {name: name for name in heads})
        for dataset, head in self.dataset_heads.items():
            if head not in heads:
                raise ValueError(
                    f'dataset_heads: {dataset} asks for head {head!r}, heads has {", ".join(heads)}'
                )
        self.loss_weights = dict(loss_weights or {})
        self.backbone = MODELS.build(backbone)
        if per_dataset_batch_norm:
            # sorted: a config that names the datasets in another order loads the same statistics
            self.backbone = PerDatasetBatchNorm.convert(self.backbone, sorted(self.dataset_heads))
        self.heads = ModuleDict({name: _build_head(head) for name, head in heads.items()})
        for name, head in self.heads.items():
            _check_strides(name, head, self.backbone)

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Scores, losses or predictions of a batch of one dataset.

        Args:
            inputs: Clips (B, C, T, H, W), or (B, M, C, T, H, W).
            data_samples: B, which name their dataset.
            mode: 'tensor', 'loss' or 'predict'.

        Returns:
            'tensor': what the head makes of the features, the logits of clips (B * M, classes) or
            of all boxes; without data samples the features themselves, which batch norms a
            dataset refuse. 'loss': name -> loss.
            'predict': the data samples with their predictions.

        Raises:
            ValueError: The samples name no dataset, an unknown one or several.
        """
        if mode not in ('tensor', 'loss', 'predict'):
            raise ValueError(f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}")
        if data_samples is None:
            if mode != 'tensor':
                raise ValueError(f'mode {mode!r} needs data_samples')
            set_dataset(self.backbone, None)  # batch norms a dataset must not take the last one's
            return self._features(inputs)
        dataset = self._dataset_of(data_samples)
        head = self.heads[self.dataset_heads[dataset]]
        set_dataset(self.backbone, dataset)
        features = self._features(inputs)
        if _is_roi_head(head):
            outputs = _run_roi_head(head, features, list(data_samples), mode)
        else:
            outputs = _run_clip_head(head, features, list(data_samples), mode)
        return self._name_losses(outputs, dataset) if mode == 'loss' else outputs

    def _features(self, inputs: Tensor) -> Any:
        """Of clips, (B * M, D, t, h, w) or what else the backbone makes."""
        if inputs.ndim == 6:
            inputs = inputs.flatten(0, 1)  # (B, M, C, T, H, W) -> (B * M, C, T, H, W)
        return self.backbone(inputs)

    def _dataset_of(self, data_samples: Sequence[BaseDataElement]) -> str:
        names = {sample.metainfo.get('dataset_name') for sample in data_samples}
        if None in names:
            raise ValueError(
                'a data sample has no dataset_name in its metainfo: its pipeline must end with '
                "dict(type='mmlt.SetDatasetName', name=...)"
            )
        if len(names) > 1:
            raise ValueError(f'a batch is of one dataset, this one has {", ".join(sorted(names))}')
        name = names.pop()
        if name not in self.dataset_heads:
            raise ValueError(f'dataset_name {name!r} has no head: {", ".join(self.dataset_heads)}')
        return name

    def _name_losses(self, losses: Mapping[str, Any], dataset: str) -> dict[str, Any]:
        """Weigh the losses and put the dataset's name before all that is logged."""
        weight = self.loss_weights.get(dataset, 1.0)
        named = {}
        for key, value in losses.items():
            if 'loss' in key and weight != 1.0:
                is_list = isinstance(value, (list, tuple))
                value = [each * weight for each in value] if is_list else value * weight
            named[f'{dataset}.{key}'] = value
        return named


def _is_roi_head(head: nn.Module) -> bool:
    return hasattr(head, 'bbox_head')


def _build_head(config: Mapping[str, Any]) -> nn.Module:
    config = ConfigDict(config)  # mmdet reads train_cfg.assigner
    if 'bbox_head' in config:
        config.setdefault('_scope_', 'mmdet')
    head = MODELS.build(config)
    scorer = head.bbox_head if _is_roi_head(head) else head
    scorer.register_forward_hook(_in_float32)
    return head


def _check_strides(name: str, head: nn.Module, backbone: nn.Module) -> None:
    """RoIs scaled by another stride would be pooled from the wrong places, without an error."""
    tubelet_size = getattr(backbone, 'tubelet_size', None)
    stride = getattr(getattr(head, 'bbox_roi_extractor', None), 'featmap_stride', None)
    if tubelet_size is None or stride is None:
        return
    strides = (stride, stride) if isinstance(stride, int) else tuple(stride)
    if strides != tuple(tubelet_size[1:]):
        raise ValueError(
            f'heads.{name}.bbox_roi_extractor.featmap_stride={stride}: the backbone has tubelets '
            f'of {tubelet_size} (t, h, w); mmlt.SingleRoIExtractor3D takes a stride an axis'
        )


def _in_float32(module: nn.Module, inputs: tuple, logits: Any) -> Any:
    """Losses in full precision under autocast; clip heads take accuracies in numpy: no bfloat16."""
    is_half = isinstance(logits, Tensor) and logits.dtype in (torch.float16, torch.bfloat16)
    return logits.float() if is_half else logits


def _run_clip_head(
    head: nn.Module, features: Any, data_samples: list[BaseDataElement], mode: str
) -> Any:
    if mode == 'tensor':
        return head(features)
    return getattr(head, mode)(features, data_samples)


def _run_roi_head(
    head: nn.Module, features: Any, data_samples: list[BaseDataElement], mode: str
) -> Any:
    """As mmdet's two-stage detector uses it, with proposals from outside."""
    missing = [i for i, sample in enumerate(data_samples) if sample.get('proposals') is None]
    if missing:
        raise ValueError(
            f'data_samples[{missing[0]}] ({data_samples[missing[0]].metainfo.get("img_key")}) has '
            "no proposals: give its dataset a proposal_file, or persons='ground_truth'"
        )
    proposals = [sample.proposals for sample in data_samples]
    if mode == 'loss':
        return head.loss(features, proposals, data_samples)
    if mode == 'tensor':
        rois = bbox2roi([each.bboxes for each in proposals])
        metas = [sample.metainfo for sample in data_samples]
        return head._bbox_forward(features, rois, metas)['cls_score']
    for sample, found in zip(data_samples, head.predict(features, proposals, data_samples)):
        sample.pred_instances = found
    return data_samples
