"""A small co-finetuning model on feature vectors, and the datasets that it reads.

N samples, B of a batch, D channels, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmlt.models.cofinetune_model import CoFinetuneModel
from mmlt.registry import MODELS

#: Of the two hidden layers of the trunk.
TRUNK_WIDTHS = (256, 128)
AVA = 'ava'
#: By the labels of a dataset. AVA's is summed over the classes, as the paper's code has it, so
#: that one learning rate suits both.
LOSSES = {
    'multi-label': dict(type='mmlt.BCELoss', reduction='batchmean'),
    'single-label': dict(type='mmaction.CrossEntropyLoss'),
}


class FeatureDataset(Dataset):
    """Feature vectors in memory.

    Args:
        name: Of the dataset.
        features: (N, D) float32.
        labels: (N,) int64, or (N, C) multi-hot.
        times: How often a pass goes over the samples.
    """

    def __init__(self, name: str, features: np.ndarray, labels: np.ndarray, times: int = 1):
        self.name, self.times = name, times
        self.features = torch.from_numpy(features)
        labels = torch.from_numpy(labels)
        self.labels = labels.float() if labels.ndim == 2 else labels
        self.metainfo: dict = {}

    def __len__(self) -> int:
        return self.times * len(self.features)

    def __getitem__(self, index: int) -> dict:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """A batch in one piece: a list of one, with one data sample for all of it."""
        rows = torch.from_numpy(np.asarray(indices) % len(self.features))
        sample = name_sample(self.name, gt_label=self.labels[rows])
        return [{'inputs': self.features[rows], 'data_samples': [sample]}]


def name_sample(name: str, **data: Tensor) -> BaseDataElement:
    """A data sample of a dataset."""
    return BaseDataElement(metainfo={'dataset_name': name}, **data)


class FeatureTrunk(BaseModule):
    """The backbone: (B, D) to (B, TRUNK_WIDTHS[-1]).

    Args:
        in_channels: D.
    """

    def __init__(self, in_channels: int):
        super().__init__()
        first, second = TRUNK_WIDTHS
        layers = (nn.Linear(in_channels, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features of a batch."""
        return self.layers(inputs)


class FeatureHead(BaseModule):
    """A linear classifier with its loss, in the interface of mmaction2's heads.

    Args:
        num_classes: C.
        loss_cls: Config of the loss.
    """

    def __init__(self, num_classes: int, loss_cls: dict):
        super().__init__()
        self.fc_cls = nn.Linear(TRUNK_WIDTHS[-1], num_classes)
        self.loss_cls = MODELS.build(loss_cls)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C) logits."""
        return self.fc_cls(features)

    def loss(self, features: Tensor, data_samples: Sequence[BaseDataElement]) -> dict[str, Tensor]:
        """Loss of a batch, whose labels its one data sample holds."""
        (sample,) = data_samples
        return {'loss_cls': self.loss_cls(self(features), sample.gt_label)}


def build_model(in_channels: int, num_classes: Mapping[str, int]) -> CoFinetuneModel:
    """The model of a training.

    Args:
        in_channels: D.
        num_classes: Dataset -> classes of its head.
    """
    heads = {
        name: dict(
            type=FeatureHead,
            num_classes=number,
            loss_cls=LOSSES['multi-label' if name == AVA else 'single-label'],
        )
        for name, number in num_classes.items()
    }
    return CoFinetuneModel(dict(type=FeatureTrunk, in_channels=in_channels), heads)


@torch.no_grad()
def score(model: CoFinetuneModel, name: str, features: np.ndarray) -> np.ndarray:
    """(N, C) float64 logits of the samples of a dataset; of a diverged model -inf, not NaN."""
    model.eval()
    logits = model(torch.from_numpy(features), [name_sample(name)], mode='tensor')
    model.train()
    return logits.nan_to_num(nan=-np.inf, posinf=np.inf, neginf=-np.inf).numpy().astype(np.float64)
