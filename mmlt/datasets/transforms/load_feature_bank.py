"""Loading the persons around a keyframe from long-term feature banks."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement

from mmlt.fileio.feature_bank_reader import FeatureBank, open_feature_bank
from mmlt.functional.checks import check_integer
from mmlt.registry import TRANSFORMS

#: As many absent videos at the beginning are no accident.
MAX_ABSENT = 3


@TRANSFORMS.register_module()
class LoadFeatureBank(BaseTransform):
    """Read the features of the persons in the seconds around a keyframe, once a keyframe.

    Required keys: video_id, timestamp.
    Added key: long_term, a data element with ``features`` (S, D) float32 and ``mask`` (S,) bool,
    S = window_sec * max_persons slots, second by second; a slot of nobody is zero and False.
    Its metainfo ``checkpoint`` is the SHA-256 of the checkpoint that made the bank.
    ``PackActionInputs(algorithm_keys=('long_term',))`` brings it into the data sample.

    The banks are opened by each process itself at its first keyframe, and stay on disk: loader
    workers and ranks share what the system keeps of them in memory.

    Args:
        bank_dir: Folder of a split that tools/features/build_feature_bank.py wrote, or several of
            one detector, such as those of train and val.
        window_sec: Seconds of a window, odd: the keyframe's is in the middle.
        max_persons: Most persons of a second.
        test_mode: Whether the best-scored persons of a second with more are taken; in training
            they are drawn, by numpy's global generator.
        feature_dim: D, checked if given.

    Raises:
        FileNotFoundError: At the first keyframe: no finished bank.
        ValueError: At the first keyframe: a bank that is damaged, of another width, or of another
            checkpoint than the first; a video in two of them. When the first ``MAX_ABSENT`` videos
            that a process asks for are all absent: the bank of another split. An even
            ``window_sec``.

    Reference:
        Wu et al., "Long-Term Feature Banks for Detailed Video Understanding", CVPR 2019: 5 persons
        a second, 61 seconds.

    Differs from reference: mmaction2 reads a window once for each RoI, in the head, and draws in
    testing too; and a video that is not in its bank is an error. Here such a video, on whose every
    second nobody may have been detected, has empty windows. The first one is told by each process.
    """

    def __init__(
        self,
        bank_dir: str | Sequence[str],
        window_sec: int = 61,
        max_persons: int = 5,
        test_mode: bool = False,
        feature_dim: int | None = None,
    ) -> None:
        self.bank_dirs = [bank_dir] if isinstance(bank_dir, str) else list(bank_dir)
        if not self.bank_dirs:
            raise ValueError('bank_dir is empty: name the folder of a bank')
        self.window_sec = check_integer('window_sec', window_sec, 1)
        if window_sec % 2 == 0:
            raise ValueError(f'window_sec is {window_sec}: a window around a keyframe is odd')
        self.max_persons = check_integer('max_persons', max_persons, 1)
        self.test_mode = test_mode
        self.feature_dim = feature_dim
        self._banks: list[FeatureBank] = []
        #: Videos that were asked for and are absent; None once one was there.
        self._absent: set[str] | None = set()
        self._has_told = False

    def transform(self, results: dict) -> dict:
        """Read the window; see the class."""
        bank = self._bank_of(results['video_id'])
        features, mask = bank.window(
            results['video_id'],
            results['timestamp'],
            window_sec=self.window_sec,
            max_persons=self.max_persons,
            # numpy's global generator: the one that loader workers seed and checkpoints keep.
            rng=None if self.test_mode else np.random,
        )
        results['long_term'] = BaseDataElement(
            metainfo=dict(checkpoint=bank.meta['checkpoint_sha256']),
            features=torch.from_numpy(features).flatten(0, 1),
            mask=torch.from_numpy(mask).flatten(),
        )
        return results

    def _bank_of(self, video_id: str) -> FeatureBank:
        """The bank that holds a video; the first one where none does."""
        if not self._banks:
            self._banks = _open_banks(self.bank_dirs, self.feature_dim)
        for bank in self._banks:
            if video_id in bank.videos:
                self._absent = None
                return bank
        if self._absent is not None:
            self._absent.add(video_id)
            if len(self._absent) == MAX_ABSENT:
                raise ValueError(
                    f'{", ".join(self.bank_dirs)}: none of the videos {sorted(self._absent)}, the '
                    'first that were asked for, is in it: the bank of another split? Without it '
                    'every window is empty'
                )
        if not self._has_told:
            self._has_told = True
            print_log(
                f'{", ".join(self.bank_dirs)}: nobody of video {video_id!r} is in it, all of its '
                'windows are empty. Is it the bank of this split? Others are not told',
                'current',
                logging.WARNING,
            )
        return self._banks[0]

    def __getstate__(self) -> dict:
        # a mapping cannot be sent to a spawned worker: it opens the files itself
        return {**vars(self), '_banks': []}

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(bank_dir={self.bank_dirs}, window_sec={self.window_sec}, '
            f'max_persons={self.max_persons}, test_mode={self.test_mode}, '
            f'feature_dim={self.feature_dim})'
        )


def _open_banks(folders: Sequence[str], feature_dim: int | None) -> list[FeatureBank]:
    """Banks of one detector and different videos, opened."""
    banks: list[FeatureBank] = []
    owners: dict[str, str] = {}
    for folder in folders:
        bank = open_feature_bank(folder, feature_dim)
        for key in ('checkpoint_sha256', 'feature_dim') if banks else ():
            if bank.meta[key] != banks[0].meta[key]:
                raise ValueError(
                    f'{folder}: a bank of another {key} than {folders[0]}: {bank.meta[key]} and '
                    f'{banks[0].meta[key]}; build both with one checkpoint'
                )
        for video_id in bank.videos:
            if video_id in owners:
                raise ValueError(f'{folder}: video {video_id!r} is in {owners[video_id]} too')
            owners[video_id] = folder
        banks.append(bank)
    return banks
