"""The three branches behind a frozen trunk, of mmlt's own parts; rows of the table.

n boxes of B clips, S slots of a window, D channels, C classes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmlt.experiments.three_branch_features.data import KINDS, Split
from mmlt.models.roi_heads.long_term_branch import LongTermBranch
from mmlt.registry import MODELS

LATENT_CHANNELS = 32
_BATCH_OF_TESTS = 256


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        global_loss: Whether the clip feature learns the labels of the scene.
        global_feature: Whether it joins the RoI feature.
        num_blocks: Of the long-term branch; 0: there is none.
        block: Their kind.
        num_heads: Of their attention.
        fusion: 'concat' or 'sum'.
        pose_softmax: Whether poses have a softmax or sigmoids.
        gamma: Of the focal losses.
    """

    global_loss: bool = True
    global_feature: bool = True
    num_blocks: int = 2
    block: str = 'non_local'
    num_heads: int = 1
    fusion: str = 'concat'
    pose_softmax: bool = True
    gamma: float = 2.0


_ALL = Row()
#: Names as in configs/three_branch/contrasts.json.
ROWS = {
    'roi': Row(global_loss=False, global_feature=False, num_blocks=0),
    'global_loss': Row(global_feature=False, num_blocks=0),
    'global_feature': Row(global_loss=False, num_blocks=0),
    'global': Row(num_blocks=0),
    'long_term': Row(global_loss=False, global_feature=False),
    'long_term_global_loss': Row(global_feature=False),
    'long_term_global_feature': Row(global_loss=False),
    'all': _ALL,
    'sigmoid_poses': _ALL._replace(pose_softmax=False),
    'not_focal': _ALL._replace(gamma=0.0),
    'sum': _ALL._replace(fusion='sum'),
    'one_block': _ALL._replace(num_blocks=1),
    'three_blocks': _ALL._replace(num_blocks=3),
    'transformer': _ALL._replace(block='transformer', num_heads=4),
}


class FeatureBranches(BaseModel):
    """What ``mmlt.ThreeBranchRoIHead`` makes of a RoI's feature and its clip's, from cached ones.

    A layer that RoI and clip features share stands for the backbone, which the report trains on. It
    adds to them, nothing at first, so that training starts from the trunk's features.

    Args:
        num_channels: D.
        num_classes: C.
        row: Which branches, and how.
    """

    def __init__(self, num_channels: int, num_classes: int, row: Row) -> None:
        super().__init__()
        self.row = row
        self.shared = nn.Sequential(
            nn.Linear(num_channels, num_channels),
            nn.ReLU(),
            nn.Linear(num_channels, num_channels),
        )
        width = num_channels * (1 + row.global_feature)
        if row.num_blocks:
            self.long_term = LongTermBranch(
                num_channels,
                latent_channels=LATENT_CHANNELS,
                num_blocks=row.num_blocks,
                block=row.block,
                num_heads=row.num_heads,
            )
            width += LATENT_CHANNELS
            if row.fusion == 'sum':
                self.long_term_map = nn.Linear(LATENT_CHANNELS, num_channels, bias=False)
        head: dict[str, Any] = dict(
            type='mmlt.PoseBBoxHead',
            background_class=True,
            in_channels=width if row.fusion == 'concat' else num_channels,
            num_classes=num_classes + 1,
            dropout_ratio=0.3,
            pose_ids=tuple(KINDS['poses']) if row.pose_softmax else (),
            gamma=row.gamma,
        )
        self.bbox_head = MODELS.build(head)
        if row.global_loss:
            self.global_classifier = nn.Linear(num_channels, num_classes)
            loss = dict(type='mmlt.FocalLoss', gamma=row.gamma, reduction='batchmean')
            self.loss_global = MODELS.build(loss)

    def init_weights(self) -> None:
        """Initialise all parts."""
        super().init_weights()
        for parameter in self.shared[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        boxes: Tensor,
        clips: Tensor,
        clip_index: Tensor,
        bank: Tensor,
        mask: Tensor,
        targets: Tensor,
        mode: str = 'tensor',
    ) -> Tensor | dict[str, Tensor]:
        """Logits (n, C) whose sigmoids are the scores, or losses.

        Args:
            boxes: (n, D).
            clips: (B, D).
            clip_index: (n,) clip of each box.
            bank: (B, S, D).
            mask: (B, S) bool, True where a slot holds a person.
            targets: (n, C).
            mode: 'tensor' or 'loss'.
        """
        boxes, clips = boxes + self.shared(boxes), clips + self.shared(clips)
        parts = [boxes]
        if self.row.num_blocks:
            found = self.long_term(boxes, clip_index, bank, mask)
            parts.append(found if self.row.fusion == 'concat' else self.long_term_map(found))
        if self.row.global_feature:
            parts.append(clips[clip_index])
        joined = torch.cat(parts, dim=1) if self.row.fusion == 'concat' else sum(parts)
        logits = self.bbox_head(joined[:, :, None, None, None])[:, 1:]  # column 0: background
        if mode == 'tensor':
            return self.bbox_head.sigmoid_logits(logits)
        losses = {'loss_action_cls': self.bbox_head.multilabel_loss(logits, targets)}
        if self.row.global_loss:
            index = clip_index[:, None].expand_as(targets)
            scene = targets.new_zeros(len(clips), targets.shape[1])
            scene = scene.scatter_reduce(0, index, targets, 'amax')
            losses['loss_global'] = self.loss_global(self.global_classifier(clips), scene)
        return losses

    @torch.no_grad()
    def score(self, split: Split) -> Tensor:
        """(N, C) logits of all boxes of a split; of a diverged model -inf, not NaN."""
        self.eval()
        keyframes = torch.arange(len(split.clips)).split(_BATCH_OF_TESTS)
        logits = torch.cat([self(**split.batch(each)) for each in keyframes])
        self.train()
        return logits.nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
