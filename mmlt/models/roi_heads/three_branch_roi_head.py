"""The RoI head of three branches: the person, the scene, and what is long past or to come.

Shapes: n RoIs of B clips, C channels of the backbone's maps joined, S slots of a clip's window, K
columns of classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmlt.functional.checks import check_choice, check_integer
from mmlt.models.roi_heads.jittered_ava_roi_head import JitteredAVARoIHead
from mmlt.models.roi_heads.long_term_branch import LongTermBranch
from mmlt.registry import MODELS

FUSIONS = ('concat', 'sum')
_HASH_BYTES = 32
_HOW_TO_READ = (
    "put dict(type='mmlt.LoadFeatureBank', bank_dir=...) into the pipeline and "
    "algorithm_keys=('long_term',) into its PackActionInputs"
)


@MODELS.register_module()
class ThreeBranchRoIHead(JitteredAVARoIHead):
    """A RoI branch, and as configured a global and a long-term one, before one classifier.

    - RoI branch: the box head's pooling of each RoI, by default mean over time and max over space.
    - Global branch, two switches: a loss of every action in the scene (the union of the labels of
      all annotated persons) on the clip feature, the mean of the maps over time and space without
      what pads a clip in its batch; and that feature beside each RoI's.
    - Long-term branch: what a RoI finds in the window of its keyframe, see
      :class:`mmlt.models.roi_heads.long_term_branch.LongTermBranch`. The windows are those of
      ``mmlt.LoadFeatureBank``, taken out of the data samples once they are used.

    With all of it off it is phase one, which fills the feature bank. The checkpoint of a head with
    a long-term branch names the bank that it was trained with: it takes no other.

    Args:
        roi_channels: C; 2304 of SlowFast-R50 and R101.
        bbox_head: Config of the box head without ``in_channels``, which follow from the branches.
            Its dropout acts on what the branches join, wherever ``dropout_before_pool`` puts it.
        global_loss: Config of a multi-label loss on the scene, whose ``loss_weight`` is the
            branch's; None: no such loss.
        global_feature: Whether the clip feature joins each RoI's.
        long_term: Arguments of the long-term branch without ``in_channels``; None: none.
        fusion: How the branches join: 'concat', or 'sum', for which the long-term one is brought to
            C channels by a linear map.
        **kwargs: See ``JitteredAVARoIHead``.

    Raises:
        ValueError: ``in_channels`` of the box head, a shared head, another fusion; in use, maps of
            other channels, data samples without a window, a bank of another checkpoint or width.

    Reference:
        The three-branch report of the ActivityNet challenge 2019, section 3 and Figure 1.
    """

    def __init__(
        self,
        *args: Any,
        roi_channels: int,
        bbox_head: dict,
        global_loss: dict | None = None,
        global_feature: bool = False,
        long_term: dict | None = None,
        fusion: str = 'concat',
        **kwargs: Any,
    ) -> None:
        self.roi_channels = check_integer('roi_channels', roi_channels, 1)
        self.fusion = check_choice('fusion', fusion, FUSIONS)
        self.global_feature = bool(global_feature)
        if kwargs.get('shared_head') is not None:
            raise ValueError(
                f'shared_head={kwargs["shared_head"]!r:.80}: this head has no place for it; what '
                'reads a feature bank is long_term'
            )
        if 'in_channels' in bbox_head:
            raise ValueError(
                f'bbox_head.in_channels={bbox_head["in_channels"]}: it follows from roi_channels '
                'and the branches; leave it out'
            )
        branch = None if long_term is None else LongTermBranch(roi_channels, **long_term)
        latent = 0 if branch is None else branch.latent_channels
        width = roi_channels * (1 + self.global_feature) + latent
        bbox_head = {**bbox_head, 'in_channels': width if fusion == 'concat' else roi_channels}
        super().__init__(*args, bbox_head=bbox_head, **kwargs)
        self.long_term = branch
        self._windows: tuple[Tensor, Tensor] | None = None
        self._known_bank: str | None = None
        if branch is not None:
            if fusion == 'sum':
                self.long_term_map = nn.Linear(latent, roi_channels, bias=False)
            # in floats, which the mean over ranks of all buffers leaves as they are
            self.register_buffer('bank_checkpoint', torch.zeros(_HASH_BYTES))
        self.global_loss = None
        if global_loss is not None:
            self.first_column = int(self.bbox_head.background_class)
            num_columns = self.bbox_head.num_classes - self.first_column
            self.global_classifier = nn.Linear(roi_channels, num_columns)
            self.global_loss = MODELS.build(global_loss)

    def loss(
        self,
        x: Tensor | tuple[Tensor, ...],
        rpn_results_list: list,
        data_samples: Sequence[BaseDataElement],
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Losses of the RoIs, and ``loss_global`` of the scenes if configured."""
        self._take_windows(data_samples)
        losses = super().loss(x, rpn_results_list, data_samples, **kwargs)
        if self.global_loss is not None:
            metas = [sample.metainfo for sample in data_samples]
            logits = self.global_classifier(self.clip_features(x, metas))
            losses['loss_global'] = self.global_loss(logits, self._scene_labels(data_samples))
        return losses

    def predict(
        self,
        x: Tensor | tuple[Tensor, ...],
        rpn_results_list: list,
        data_samples: Sequence[BaseDataElement],
        **kwargs: Any,
    ) -> list:
        """Predictions of each clip; see ``AVARoIHead.predict``."""
        self._take_windows(data_samples)
        return super().predict(x, rpn_results_list, data_samples, **kwargs)

    def clip_features(
        self, x: Tensor | tuple[Tensor, ...], batch_img_metas: Sequence[dict]
    ) -> Tensor:
        """(B, C) means over time and space of maps (B, ., T, H, W), joined.

        Of each clip as large as its ``img_shape``: what pads it to its batch is left out.
        """
        means = []
        for each in x if isinstance(x, tuple) else (x,):
            sizes = [self._cells(meta['img_shape'], each.shape[3:]) for meta in batch_img_metas]
            clips = [clip[:, :, :h, :w].mean(dim=(1, 2, 3)) for clip, (h, w) in zip(each, sizes)]
            means.append(torch.stack(clips))
        return torch.cat(means, dim=1)

    def _cells(self, image_size: Sequence[int], map_size: Sequence[int]) -> list[int]:
        """Height and width of what a map (H, W) shows of an image; a cell in part counts."""
        stride = self.bbox_roi_extractor.featmap_stride
        strides = stride if isinstance(stride, Sequence) else (stride, stride)
        return [min(-(-n // s), most) for n, s, most in zip(image_size, strides, map_size)]

    def _scene_labels(self, data_samples: Sequence[BaseDataElement]) -> Tensor:
        """(B, K) union of the labels of each clip's annotated persons."""
        labels = [sample.gt_instances.labels for sample in data_samples]
        unions = [
            each.amax(dim=0) if len(each) else each.new_zeros(each.shape[1]) for each in labels
        ]
        return torch.stack(unions)[:, self.first_column :]

    def _bbox_forward(
        self,
        x: Tensor | tuple[Tensor, ...],
        rois: Tensor,
        batch_img_metas: list[dict],
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Logits and pooled features of RoIs (n, 5)."""
        maps, _ = self.bbox_roi_extractor(x, rois)
        if maps.shape[1] != self.roi_channels:
            raise ValueError(
                f'roi_channels={self.roi_channels}, the maps of the backbone have {maps.shape[1]} '
                'channels'
            )
        head = self.bbox_head
        # the pooling layers take no empty batch
        pooled = head.spatial_pool(head.temporal_pool(maps)) if len(maps) else maps[..., 0, 0]
        features = pooled.reshape(-1, self.roi_channels)
        clip_index = rois[:, 0].long()
        parts = [features]
        if self.long_term is not None:
            found = self._look_back(features, clip_index)
            parts.append(found if self.fusion == 'concat' else self.long_term_map(found))
        if self.global_feature:
            parts.append(self.clip_features(x, batch_img_metas)[clip_index])
        joined = torch.cat(parts, dim=1) if self.fusion == 'concat' else sum(parts)
        logits = head(joined[:, :, None, None, None])
        return {'cls_score': logits, 'bbox_feats': features}

    def _look_back(self, features: Tensor, clip_index: Tensor) -> Tensor:
        windows, self._windows = self._windows, None
        if windows is None:
            raise ValueError(f'the long-term branch has no window: {_HOW_TO_READ}')
        return self.long_term(features, clip_index, *windows)

    def _take_windows(self, data_samples: Sequence[BaseDataElement]) -> None:
        """Take the windows out of the data samples: whoever keeps these has no use of them."""
        found = [sample.pop('long_term', None) for sample in data_samples]
        if self.long_term is None:
            return
        for sample, window in zip(data_samples, found):
            if window is None:
                raise ValueError(f'{sample.metainfo.get("img_key")}: no window; {_HOW_TO_READ}')
            self._check_bank(window.checkpoint)
        self._windows = (
            torch.stack([window.features for window in found]),
            torch.stack([window.mask for window in found]),
        )

    def _check_bank(self, checkpoint: str) -> None:
        """Remember the bank of the training; no other is of the same features."""
        if checkpoint == self._known_bank:
            return
        asked = self.bank_checkpoint.new_tensor(list(bytes.fromhex(checkpoint)))
        if self.training and not self.bank_checkpoint.any():
            self.bank_checkpoint.copy_(asked)
        if not torch.equal(asked, self.bank_checkpoint):
            held = bytes(self.bank_checkpoint.round().byte().tolist()).hex()
            of_model = f'one of checkpoint {held[:16]}' if held.strip('0') else 'none yet'
            raise ValueError(
                f'the feature bank was made by checkpoint {checkpoint[:16]} (sha256), the model '
                f'was trained with {of_model}: the bank of every split must be of one checkpoint; '
                'name that bank in bank_dir of LoadFeatureBank'
            )
        self._known_bank = checkpoint

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._known_bank = None
        super()._load_from_state_dict(*args, **kwargs)
