"""Cached RoI features as a dataset: what stage 2 trains on instead of video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement, InstanceData
from torch.utils.data import Dataset

from mmlt.fileio.box_feature_reader import open_features
from mmlt.fileio.box_features import KINDS
from mmlt.functional.checks import check_choice
from mmlt.registry import DATASETS


@DATASETS.register_module()
class BoxFeatureDataset(Dataset):
    """RoI features that ``tools/features/extract_box_features.py`` wrote, memory-mapped.

    With ``per='box'`` a sample is one box: ``inputs`` (D,) float32, ``gt_labels`` (C,) float32 as
    in AVA (column 0 unused), ``sample_idx``. Boxes come keyframe by keyframe, each keyframe's in
    its own order. A whole batch is read in one piece: ``inputs`` is then (B, D).

    With ``per='keyframe'`` a sample is a keyframe: ``inputs`` (n, D) and a data sample with its
    boxes, for testing. Batch sizes may be anything.

    Args:
        feature_dir: Folder of one split.
        kinds: Boxes to take: 'annotated', 'proposal' or both.
        per: 'box' or 'keyframe'.
        in_channels: D, checked if given.
        num_classes: C, column 0 included, checked if given.

    Raises:
        FileNotFoundError: No finished extraction, or a shard is missing.
        ValueError: A file is truncated or has another shape than said, or no box is of ``kinds``.
    """

    def __init__(
        self,
        feature_dir: str,
        kinds: Sequence[str] = ('annotated',),
        *,
        per: str = 'box',
        in_channels: int | None = None,
        num_classes: int | None = None,
    ) -> None:
        self.feature_dir = feature_dir
        self.kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        self.per = check_choice('per', per, ('box', 'keyframe'))
        if not self.kinds:
            raise ValueError(f'kinds is empty: name some of {", ".join(KINDS)}')
        for kind in self.kinds:
            check_choice('kinds', kind, KINDS)
        self._open()
        for key, value in (('feature_dim', in_channels), ('num_classes', num_classes)):
            if value not in (None, self.features.meta[key]):
                raise ValueError(
                    f'{feature_dir}/meta.json: {key} is {self.features.meta[key]}, not {value}'
                )
        if not len(self.rows):
            raise ValueError(f'{feature_dir}: no box is of kind {" or ".join(self.kinds)}')

    def _open(self) -> None:
        self.features = open_features(self.feature_dir)
        wanted = [KINDS.index(kind) for kind in self.kinds]
        #: Rows of the folder that are taken, and the row at which each keyframe starts among them.
        self.rows = np.flatnonzero(np.isin(self.features.rows['kind'], wanted))
        keyframes = self.features.rows['keyframe'][self.rows]
        self.bounds = np.searchsorted(keyframes, np.arange(len(self.features.keyframes) + 1))
        #: (N, C) uint8 multi-hot labels of the boxes taken.
        self.targets = self.features.labels[self.rows]
        self.features = self.features._replace(labels=None)  # not held twice

    def __getstate__(self) -> dict:
        # A mapping cannot be sent to a spawned worker: it opens the files itself.
        opened = ('features', 'rows', 'bounds', 'targets')
        return {key: value for key, value in vars(self).items() if key not in opened}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self._open()

    @property
    def metainfo(self) -> dict:
        """What mmengine's runner shows to hooks and metrics: nothing."""
        return {}

    def __len__(self) -> int:
        return len(self.rows) if self.per == 'box' else len(self.features.keyframes)

    def get_data_info(self, idx: int) -> dict:
        """Labels and origin of sample ``idx``, without its features.

        ``gt_labels`` is (C,) for a box and (n, C) for a keyframe.
        """
        taken = self._taken(idx)
        rows = self.features.rows[self.rows[taken]]
        keyframe = idx if self.per == 'keyframe' else int(rows['keyframe'])
        video_id, timestamp = self.features.keyframes[keyframe]
        return {
            'video_id': str(video_id),
            'timestamp': int(timestamp),
            'img_key': f'{video_id},{int(timestamp):04d}',
            'gt_labels': self.targets[taken].astype(np.float32),
            'box_xyxy_norm': rows['box_xyxy_norm'],
            'score': rows['score'],
            'sample_idx': int(idx),
        }

    def _taken(self, idx: int) -> Any:
        """Where sample ``idx`` lies among the taken rows: an index or a slice."""
        if not 0 <= idx < len(self):
            raise IndexError(f'{self.feature_dir}: no sample {idx}, only {len(self)}')
        return int(idx) if self.per == 'box' else slice(self.bounds[idx], self.bounds[idx + 1])

    def __getitem__(self, idx: int) -> dict:
        if self.per == 'box':
            return {key: value[0] for key, value in self.__getitems__([idx])[0].items()}
        info, rows = self.get_data_info(idx), self.rows[self._taken(idx)]
        names = ('video_id', 'timestamp', 'img_key', 'sample_idx')
        sample = BaseDataElement(metainfo={name: info[name] for name in names})
        sample.proposals = InstanceData(
            bboxes=torch.from_numpy(info['box_xyxy_norm'].copy()),
            scores=torch.from_numpy(info['score'].copy()),
        )
        return {'inputs': self.features.read(rows), 'data_samples': sample}

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """Read a batch of boxes at once: a list of one dict whose tensors hold the whole batch.

        torch's loader calls this where it exists. A list of one, for any collate function to take.
        """
        if self.per == 'keyframe':
            return [self[idx] for idx in indices]
        taken = np.array([self._taken(idx) for idx in indices])
        return [
            {
                'inputs': self.features.read(self.rows[taken]),
                'gt_labels': torch.from_numpy(self.targets[taken].astype(np.float32)),
                'sample_idx': torch.from_numpy(taken),
            }
        ]
