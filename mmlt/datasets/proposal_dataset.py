"""The persons of a proposal file as a dataset: what a feature bank is made of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from mmlt.datasets.ava_dataset import AVADataset
from mmlt.datasets.ava_keyframes import AVAKeyframes
from mmlt.datasets.ava_videos import refuse_unknown_videos
from mmlt.fileio.proposals import read_proposals
from mmlt.functional import ava_boxes_from_arrays
from mmlt.functional.checks import check_real
from mmlt.registry import DATASETS

#: Arguments of ``mmlt.AVADataset`` that speak of annotations or choose persons otherwise.
NOT_TAKEN = (
    'ann_file',
    'custom_classes',
    'exclude_file',
    'keep_one_person',
    'label_file',
    'multilabel',
    'num_max_proposals',
    'person_det_score_thr',
    'persons',
)


class _Persons(NamedTuple):
    """The n persons of a keyframe, the best-scored first, and the file that names them."""

    boxes_xyxy_norm: np.ndarray
    scores: np.ndarray
    path: str


@DATASETS.register_module()
class ProposalDataset(AVADataset):
    """Keyframes with detected persons, annotated or not: no annotation is read, nor needed.

    A sample is that of ``mmlt.AVADataset`` in testing, with ``gt_bboxes`` (0, 4), ``gt_labels``
    (0, C), and as ``proposals`` (n, 4) and ``scores`` (n,) every person of a score above
    ``score_thr``, the best-scored first, n >= 1. Keyframes come by ascending video id and
    timestamp. One without such a person is left out: the threshold is never lowered, and which
    seconds of a video are annotated makes no difference.

    Args:
        proposal_file: A proposal file in AVA's format with scores, or several.
        pipeline: As in ``mmlt.AVADataset``.
        score_thr: Least score of a person, not included.
        kwargs: Others of ``mmlt.AVADataset``, but for those that speak of annotations or choose
            the persons (``NOT_TAKEN``).

    Raises:
        ValueError: No person has such a score, a box has no score, a keyframe stands in two files;
            with frames at more than one a second, a timestamp outside of ``timestamp_start`` to
            ``timestamp_end``; frames or videos that are not there (see ``mmlt.AVADataset``).
    """

    def __init__(
        self,
        proposal_file: str | Sequence[str],
        pipeline: Sequence[dict | Callable],
        *,
        score_thr: float = 0.9,
        **kwargs: Any,
    ) -> None:
        for name in NOT_TAKEN:
            if name in kwargs:
                raise ValueError(
                    f'{name}={kwargs[name]!r:.80}: a dataset of proposals reads no annotations, '
                    'and score_thr alone chooses its persons'
                )
        self.score_thr = check_real('score_thr', score_thr, 0, 1)
        files = [proposal_file] if isinstance(proposal_file, str) else list(proposal_file)
        self._found = _read_persons(files, self.score_thr)
        super().__init__('', pipeline, **{'test_mode': True, **kwargs})

    def load_data_list(self) -> list[dict]:
        """An entry for each keyframe with a person, without an annotated box."""
        found = sorted(self.__dict__.pop('_found').items())
        videos, seconds = zip(*(key for key, _ in found))
        one_each = np.stack([persons.boxes_xyxy_norm[0] for _, persons in found])
        boxes = ava_boxes_from_arrays(videos, seconds, one_each, np.ones(len(found), np.int64))
        nothing = np.zeros(0, dtype=np.int64)
        starts = np.zeros(len(found) + 1, dtype=np.int64)
        keyframes = AVAKeyframes(np.arange(len(found)), starts, nothing, nothing)
        refuse_unknown_videos(self, boxes, ', '.join(sorted({p.path for _, p in found})))
        samples = self._to_samples(boxes, nothing, keyframes, nothing)
        for sample, (_, persons) in zip(samples, found):
            sample.update(proposals=persons.boxes_xyxy_norm, scores=persons.scores)
        if self._FPS > 1 or self.video_table:  # at one frame a second they are frame numbers
            self._check_seconds(samples, [persons.path for _, persons in found])
        return samples

    def _check_seconds(self, samples: Sequence[dict], paths: Sequence[str]) -> None:
        """Refuse timestamps that decide the frames wrongly; a video knows its own end."""
        outside = [i for i, sample in enumerate(samples) if not self._is_inside(sample)]
        if not outside:
            return
        start, end, seconds = (
            self.timestamp_start,
            self.timestamp_end,
            [s['timestamp'] for s in samples],
        )
        to = f' to timestamp_end={end}' if self.use_frames else ''
        bounds = f'timestamp_start={start}{to}'
        if self.video_table is not None:
            own = self.video_table.seconds(samples[outside[0]]['video_id'])
            bounds = f'its video, {own.start} to {own.stop - 1}'
        text = (
            f'{paths[outside[0]]}: {samples[outside[0]]["img_key"]!r}, the first of {len(outside)} '
            f'of {len(seconds)} keyframes with persons: the timestamp is outside of {bounds}, '
            f'from which the frames of a clip are counted; they run from {min(seconds)} to '
            f'{max(seconds)}'
        )
        if self.use_frames or self.video_table is not None:
            raise ValueError(text)
        if is_main_process():
            print_log(text, 'current', logging.WARNING)

    def _is_inside(self, sample: dict) -> bool:
        second = sample['timestamp']
        if self.video_table is not None:
            return second in self.video_table.seconds(sample['video_id'])
        return second >= self.timestamp_start and not (
            self.use_frames and second > self.timestamp_end
        )

    def filter_data(self) -> list[dict]:
        """All keyframes, once their frames or videos are there."""
        self._check_media(self.data_list)
        return self.data_list


def _read_persons(paths: Sequence[str], score_thr: float) -> dict[tuple[str, int], _Persons]:
    """Keyframe (video id, timestamp) -> its persons; keyframes without one are left out."""
    found: dict[tuple[str, int], _Persons] = {}
    owners: dict[str, str] = {}
    for path in paths:
        for key, boxes in read_proposals(path).items():
            if key in owners:
                raise ValueError(f'{path}: {key!r} stands in {owners[key]} too')
            owners[key] = path
            if boxes.shape[1] == 4:
                raise ValueError(
                    f'{path}: {key!r} has boxes without a score: which of them are persons, '
                    f'score_thr={score_thr} cannot tell'
                )
            order = np.argsort(-boxes[:, 4].astype(np.float64), kind='stable')
            order = order[boxes[order, 4] > score_thr]
            if len(order):
                video_id, _, second = key.rpartition(',')
                found[video_id, int(second)] = _Persons(boxes[order, :4], boxes[order, 4], path)
    if not found:
        raise ValueError(f'{", ".join(paths)}: no person has a score above score_thr={score_thr}')
    return found
