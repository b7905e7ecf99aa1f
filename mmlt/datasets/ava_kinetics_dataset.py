"""AVA-Kinetics: keyframes of AVA's films and of Kinetics' clips, read and checked as AVA's."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from mmlt.datasets.ava_dataset import AVADataset
from mmlt.fileio.box_checks import row_name
from mmlt.functional import AVABoxes, read_ava_kinetics_csv
from mmlt.functional.detection.ava_csv import whole_person_ids
from mmlt.registry import DATASETS

_CLIP = re.compile(r'(.+)_([0-9]+)_([0-9]+)')
_YOUTUBE_ID = 11  # characters; AVA names its films so, underscores and all


@DATASETS.register_module()
class AVAKineticsDataset(AVADataset):
    """mmaction2's ``AVAKineticsDataset``: same samples, with the checks of ``mmlt.AVADataset``.

    The video id of a Kinetics clip ends in the seconds that it was cut from, as in
    ``o3lCwWyyc_s_000012_000022``: its timestamps lie between them, and its proposals stand under
    the id without them, ``'o3lCwWyyc_s,0017'`` (mmaction2's tools/data/ava_kinetics writes both).
    A film of AVA lasts from ``timestamp_start`` to ``timestamp_end``. The annotations are read by
    :func:`mmlt.functional.read_ava_kinetics_csv`: keyframes without a person are left out.

    The paper trains on the annotated persons, ``persons='ground_truth'``, and is evaluated on
    detections of a score over .2, ``person_det_score_thr=0.2``.

    Args: those of ``mmlt.AVADataset``, by name; ``start_index`` is 0 if it is not given, as in
        mmaction2. A proposal file is needed unless the persons are the annotated ones.

    Differs from reference: mmaction2 cuts the clips of every video off at the number of frames
    that the last video of the file has (``shot_info``); here each video has its own.

    Raises:
        ValueError: Also where there are neither proposals nor ``persons='ground_truth'``, and at a
            timestamp outside of its clip.
    """

    def __init__(
        self,
        ann_file: str,
        *,
        proposal_file: str | None = None,
        persons: str = 'detections',
        start_index: int = 0,
        **kwargs: Any,
    ) -> None:
        if persons == 'detections' and proposal_file is None:
            raise ValueError(
                f"{ann_file}: persons='detections' needs a proposal_file; without one, "
                "persons='ground_truth' takes the annotated boxes"
            )
        super().__init__(
            ann_file,
            proposal_file=proposal_file,
            persons=persons,
            start_index=start_index,
            **kwargs,
        )

    def _read_annotations(self) -> tuple[AVABoxes, np.ndarray]:
        boxes = read_ava_kinetics_csv(self.ann_file)
        return boxes, whole_person_ids(self.ann_file, boxes)

    def _seconds(self, video_id: str) -> tuple[int, int]:
        """First and last second of a film or a clip."""
        clip = None if len(video_id) == _YOUTUBE_ID else _CLIP.fullmatch(video_id)
        if clip is None:
            return self.timestamp_start, self.timestamp_end
        return int(clip[2]), int(clip[3])

    def _to_samples(self, boxes: AVABoxes, *args: Any) -> list[dict]:
        samples = super()._to_samples(boxes, *args)
        for sample in samples:
            start, end = self._seconds(sample['video_id'])
            sample.update(timestamp_start=start, timestamp_end=end)
            if self.use_frames:  # frames are counted from 1, with a start_index of 0
                sample['shot_info'] = (1, (end - start) * self._FPS + 1)
        return samples

    def _check_timestamps(self, boxes: AVABoxes, rows: np.ndarray) -> None:
        bounds = np.array([self._seconds(name) for name in boxes.video_names.tolist()])
        is_clip = (bounds != (self.timestamp_start, self.timestamp_end)).any(axis=1)
        is_clip = is_clip[boxes.video_index[rows]]
        super()._check_timestamps(boxes, rows[~is_clip])
        starts, ends = bounds[boxes.video_index[rows]].T
        seconds = boxes.timestamps[rows]
        is_outside = is_clip & ((seconds < starts) | (seconds > ends))
        if is_outside.any():
            row = int(is_outside.argmax())
            raise ValueError(
                f'{row_name(boxes, int(rows[row]), self.ann_file)}: the timestamp is outside of '
                f'its clip, which its video id says is cut from {starts[row]} to {ends[row]}'
            )

    def filter_data(self) -> list[dict]:
        """As of AVA, with the proposals of each keyframe under its own name."""
        if self._proposals is not None:
            path, proposals = self._proposals
            names = {info['img_key']: self._proposal_key(info) for info in self.data_list}
            named = {key: proposals[name] for key, name in names.items() if name in proposals}
            self._proposals = path, named or proposals  # all of them show what the file holds
        return super().filter_data()

    def _proposal_key(self, info: dict) -> str:
        video_id = info['video_id']
        clip = None if len(video_id) == _YOUTUBE_ID else _CLIP.fullmatch(video_id)
        return info['img_key'] if clip is None else f'{clip[1]},{info["timestamp"]:04d}'

    def get_data_info(self, idx: int) -> dict:
        """One keyframe; a clip's has its own first and last second."""
        info = super().get_data_info(idx)
        info['timestamp_start'], info['timestamp_end'] = self._seconds(info['video_id'])
        return info
