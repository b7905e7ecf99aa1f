"""VideoLT: stored frame features of videos, several labels each."""

from __future__ import annotations

import os.path as osp
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmlt.fileio.frame_features import open_frame_features
from mmlt.fileio.videolt_lists import read_videolt_counts, read_videolt_list
from mmlt.functional.checks import check_integer
from mmlt.registry import DATASETS


@DATASETS.register_module()
class VideoLTDataset(BaseDataset):
    """VideoLT in its published layout; see :mod:`mmlt.fileio.videolt_lists`.

    A sample has ``video_id``, ``filename`` (its feature file), ``label`` (list of class indices)
    and, where it is given, ``feature_dim``, which ``mmlt.LoadFeatureFrames`` checks. The
    metainfo's ``classes`` are the names of the count file.

    Args:
        ann_file: List of one split, lines ``videoid a,b``.
        count_file: Lines ``name index count``, the counts of training; relative to ``data_root``.
        data_prefix: ``feature``: the folder of ``{videoid}.npy``, (T, D) each.
        feature_dim: D.
        check_files: Whether every feature file is opened now; else a bad one is an error when it
            is first used.
        metainfo: See mmengine's ``BaseDataset``; likewise all others.

    Raises:
        FileNotFoundError: A list or, with ``check_files``, a feature file is absent.
        ValueError: A bad line of the lists, an unknown class, a video given twice; with
            ``check_files`` a bad feature file. Names file, line, field and value.
    """

    def __init__(
        self,
        ann_file: str,
        count_file: str,
        data_prefix: dict,
        *,
        feature_dim: int | None = None,
        check_files: bool = False,
        metainfo: dict | None = None,
        data_root: str = '',
        **kwargs: Any,
    ) -> None:
        if set(data_prefix) != {'feature'}:
            raise ValueError(f'data_prefix must be dict(feature=FOLDER), got {data_prefix!r}')
        if feature_dim is not None:
            check_integer('feature_dim', feature_dim, 1)
        self.feature_dim = feature_dim
        self.check_files = check_files
        self.count_file = osp.join(data_root or '', count_file)
        counts = read_videolt_counts(self.count_file)
        self._names = counts.names
        #: (C,) int64, what the count file says.
        self.class_counts = np.array(list(counts.counts.values()), dtype=np.int64)
        metainfo = {'classes': tuple(counts.names.values()), **(metainfo or {})}
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=dict(data_prefix),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the list; with ``check_files`` open each feature file."""
        videos = read_videolt_list(self.ann_file, self._names, named_by=self.count_file)
        folder = self.data_prefix['feature']
        data_list = [
            {
                'video_id': video.video_id,
                'filename': osp.join(folder, f'{video.video_id}.npy'),
                'label': video.labels,
            }
            for video in videos
        ]
        if self.check_files:
            for video, info in zip(videos, data_list):
                try:
                    open_frame_features(info['filename'], self.feature_dim)
                except (OSError, ValueError) as error:
                    where = f'{self.ann_file}, line {video.line}'
                    raise type(error)(f'{where}: video {video.video_id!r}: {error}') from None
        return data_list

    def get_data_info(self, idx: int) -> dict:
        """One sample, with ``feature_dim`` for the pipeline to check."""
        info = super().get_data_info(idx)
        if self.feature_dim is not None:
            info['feature_dim'] = self.feature_dim
        return info
