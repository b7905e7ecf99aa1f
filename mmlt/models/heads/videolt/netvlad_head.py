"""Frames assigned to clusters, summed cluster by cluster.

Shapes: batch B, frames T, width D, clusters K, hidden H, classes C.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, relu6

from mmlt.functional.checks import check_choice
from mmlt.models.heads.videolt._base import FrameFeatureHead
from mmlt.registry import MODELS


class NetVLAD(nn.Module):
    r"""Soft sums of the frames of each cluster, normalised.

    With assignments :math:`a_{tk} = \mathrm{softmax}_k(\mathrm{BN}(w_k \cdot x_t))` and one learned
    vector :math:`c_k` a cluster:

    .. math::
        V_k &= \sigma(c_k) \odot \sum_t a_{tk} x_t  && \text{(gated)} \\
        V_k &= \sum_t a_{tk} (x_t - c_k)            && \text{(residual)}

    Each :math:`V_k` is scaled to length 1, then the whole, laid out (D, K), is.

    Args:
        in_channels: D.
        num_clusters: K.
        form: 'gated' or 'residual'.

    Reference:
        'residual': Arandjelovic et al., "NetVLAD", CVPR 2016, equations 1 and 4.
        'gated': the code of Zhang et al., "VideoLT", ICCV 2021.

    Differs from reference:
        gated: none. residual: batch normalisation stands in the place of the bias of the
        assignments, as in the gated form; the paper's assignment weights start from k-means
        centres, here both start at random.
    """

    def __init__(self, in_channels: int, num_clusters: int, form: str) -> None:
        super().__init__()
        self.form = check_choice('form', form, ('gated', 'residual'))
        self.assign = nn.Linear(in_channels, num_clusters, bias=False)
        self.bn = nn.BatchNorm1d(num_clusters)
        self.clusters = nn.Parameter(torch.empty(num_clusters, in_channels))
        nn.init.xavier_normal_(self.clusters)

    def forward(self, features: Tensor) -> Tensor:
        """Descriptors (B, D * K) of (B, T, D)."""
        assignments = self.bn(self.assign(features).flatten(0, 1)).softmax(1)  # (B * T, K)
        assignments = assignments.view(*features.shape[:2], -1)  # (B, T, K)
        sums = features.transpose(1, 2) @ assignments  # (B, D, K)
        if self.form == 'gated':
            sums = sums * self.clusters.sigmoid().T
        else:
            sums = sums - assignments.sum(1, keepdim=True) * self.clusters.T
        return normalize(normalize(sums, dim=1).flatten(1), dim=1)


@MODELS.register_module()
class NetVLADHead(FrameFeatureHead):
    """Batch normalisation, NetVLAD, a hidden layer with ReLU6, a linear classifier.

    A training batch needs two samples or more, for the normalisation of the hidden layer: let the
    loader drop a last, smaller batch.

    Args:
        in_channels: Width D of the features.
        num_classes: C.
        num_clusters: Clusters of NetVLAD.
        hidden_channels: Width of the hidden layer.
        form: 'gated', the one of VideoLT's code, or 'residual', the textbook's; see
            :class:`NetVLAD`.
        loss_cls: See :class:`FrameFeatureHead`.
        init_cfg: See mmengine's ``BaseModule``.

    Reference:
        Zhang et al., "VideoLT", ICCV 2021, section 5.1, ``NetVLADModel`` in the authors' code.

    Differs from reference:
        none with form='gated'.

    Example:
        >>> NetVLADHead(in_channels=8, num_classes=5)(torch.zeros(2, 3, 8)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        num_clusters: int = 64,
        hidden_channels: int = 1024,
        form: str = 'gated',
        loss_cls: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, num_classes, loss_cls, init_cfg)
        self.bn_in = nn.BatchNorm1d(in_channels)
        self.vlad = NetVLAD(in_channels, num_clusters, form)
        self.fc_hidden = nn.Linear(num_clusters * in_channels, hidden_channels, bias=False)
        self.bn_hidden = nn.BatchNorm1d(hidden_channels)
        self.fc_cls = nn.Linear(hidden_channels, num_classes)

    def video_features(self, features: Tensor) -> Tensor:
        """Hidden units after ReLU6, (B, H), from (B, T, D)."""
        if self.training and len(features) == 1:
            raise ValueError(
                'NetVLADHead: a training batch of 1 sample has no batch statistics; set '
                'train_dataloader.drop_last=True or another batch_size'
            )
        normalized = self.bn_in(self.check(features).flatten(0, 1)).view_as(features)
        return relu6(self.bn_hidden(self.fc_hidden(self.vlad(normalized))))

    def classify(self, video_features: Tensor) -> Tensor:
        """Logits (B, C) of (B, H)."""
        return self.fc_cls(video_features)
