"""mmaction2's AVADataset: read in one pass, and its files checked before they are trusted."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.datasets import AVADataset as _AVADataset
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from mmlt.datasets.ava_keyframes import (
    AVAKeyframes,
    group_by_keyframe,
    listed_labels,
    multi_hot_labels,
)
from mmlt.datasets.ava_media import last_media_files, media_exists
from mmlt.datasets.ava_videos import (
    check_seconds,
    media_of_videos,
    refuse_unknown_videos,
    take_from_table,
)
from mmlt.fileio.data_checks import (
    Findings,
    check_annotations,
    check_proposals,
    missing_files,
    unused_columns,
)
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.person_checks import low_scores, reaches, without_person
from mmlt.fileio.proposals import read_proposals
from mmlt.functional import AVABoxes, read_ava_csv, read_excluded_timestamps
from mmlt.functional.checks import check_choice
from mmlt.functional.detection.ava_csv import check_labels, person_ids
from mmlt.registry import DATASETS


@DATASETS.register_module()
class AVADataset(_AVADataset):
    """mmaction2's ``AVADataset``: same arguments, same samples, checked files, a faster start.

    Refused when it is built, with file, line and value (:mod:`mmlt.fileio.data_checks`):

    - rows that are no annotation (:func:`mmlt.functional.read_ava_csv`), person ids that are no
      whole number, class ids below 1 or beyond the ``num_classes`` columns, boxes in pixels;
    - with frames at more than one a second, timestamps outside of ``timestamp_start`` to
      ``timestamp_end``: each clip would be one frame, repeated;
    - proposals of which none is of an annotated keyframe, or none overlaps an annotated box;
      they are read by an unpickler that knows numpy arrays and builtins only;
    - on rank 0, videos or frames that are not there: one question a video, for the last frame that
      a clip can reach, to the pipeline's own storage backend.

    Said in a warning: rows that repeat another one, keyframes without proposals (they become one
    box as large as the frame) or at the very end of the frames, keyframes of videos before
    ``timestamp_start``, columns of ``num_classes`` that no class uses.

    Args: those of mmaction2's ``AVADataset``, and
        persons: 'detections', the proposals of ``proposal_file``; or 'ground_truth', the annotated
            boxes, each a proposal of score 1, in training and in testing. No proposal file is read
            then. With the sampler's ``add_gt_as_proposals=True`` they would be trained on twice.
        keep_one_person: Whether a keyframe on which no proposal reaches ``person_det_score_thr``
            keeps its best one, and one without proposals a box as large as the frame, as in
            mmaction2. Else it has no person: not trained on, and tested without a detection.
        video_table: A videos.json (:mod:`mmlt.fileio.video_table`), or its folder: it says where
            the frames are, their rate and start, and the length of each video; rows outside are
            refused. Without frames on disk samples are for ``mmlt.DecodeAtTimes``.

    Differs from reference: AVA's label map for evaluation holds 60 of the 80 annotated classes, so
    a training label is checked against ``num_classes`` (with ``custom_classes`` the others are left
    out, as in mmaction2), not against the label map. mmaction2 wants timestamps as integers and no
    byte-order mark, blank line or quote; this one reads what the evaluation reads.
    """

    def __init__(
        self,
        *args: Any,
        persons: str = 'detections',
        keep_one_person: bool = True,
        video_table: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.persons = check_choice('persons', persons, ('detections', 'ground_truth'))
        self.keep_one_person = keep_one_person
        bound = inspect.signature(_AVADataset).bind(*args, **kwargs)
        self.video_table = take_from_table(bound.arguments, video_table)
        label_file = bound.arguments.get('label_file')
        if label_file is not None and not Path(label_file).is_file():
            raise FileNotFoundError(f'label_file: {label_file} does not exist')
        proposal_file = bound.arguments.pop('proposal_file', None)  # mmaction2 unpickles it freely
        if self.persons == 'ground_truth':
            proposal_file = None
        self._proposals = (
            None if proposal_file is None else (proposal_file, read_proposals(proposal_file))
        )
        super().__init__(*bound.args, **bound.kwargs)
        if self._proposals is not None:
            self.proposal_file, self.proposals = self._proposals

    def load_data_list(self) -> list[dict]:
        """Read and check the annotations: an entry for each keyframe, in the order of the file."""
        boxes, persons = self._read_annotations()
        _raise_and_say(check_annotations(boxes, self.ann_file, is_evaluated=False))
        refuse_unknown_videos(self, boxes, self.ann_file)
        rows, columns = self._trained_rows(boxes)
        keyframes = group_by_keyframe(boxes, rows)
        self._annotations = boxes, keyframes.first_rows
        return self._to_samples(boxes, persons, keyframes, columns)

    def _read_annotations(self) -> tuple[AVABoxes, np.ndarray]:
        boxes = read_ava_csv(self.ann_file)
        return boxes, person_ids(self.ann_file, boxes)

    def _trained_rows(self, boxes: AVABoxes) -> tuple[np.ndarray, np.ndarray]:
        """Rows whose class is trained, and the score column of each of them."""
        if self.custom_classes is None:
            message = f'does not fit num_classes={self.num_classes} (1 to {self.num_classes - 1})'
            check_labels(self.ann_file, boxes, range(1, self.num_classes), message)
            self._say_unused_columns(boxes)
            return np.arange(len(boxes.labels)), boxes.labels
        ids = np.array(self.custom_classes)
        order = np.argsort(ids)
        at = np.minimum(np.searchsorted(ids[order], boxes.labels), len(ids) - 1)
        rows = np.flatnonzero(ids[order][at] == boxes.labels)
        if not len(rows):
            raise ValueError(f'{self.ann_file}: no row of custom_classes {ids[1:].tolist()}')
        return rows, order[at[rows]]

    def _say_unused_columns(self, boxes: AVABoxes) -> None:
        highest, source = int(boxes.labels.max()), self.ann_file
        if self.label_file is not None:
            try:
                highest, source = max(highest, *read_label_map(self.label_file)), self.label_file
            except ValueError:  # mmaction2 does not open it: it may be in another format
                return
        _say(unused_columns(self.num_classes, highest, source))

    def _to_samples(
        self, boxes: AVABoxes, persons: np.ndarray, keyframes: AVAKeyframes, columns: np.ndarray
    ) -> list[dict]:
        if self.multilabel:
            labels = multi_hot_labels(keyframes, columns, self.num_classes)
        else:  # as mmaction2: boxes of one keyframe must have as many labels as one another
            labels = listed_labels(keyframes, columns)
        corners = boxes.boxes_xyxy_norm[keyframes.box_rows]
        persons = persons[keyframes.box_rows]
        videos = boxes.video_names[boxes.video_index[keyframes.first_rows]].tolist()
        timestamps = boxes.timestamps[keyframes.first_rows].tolist()
        starts = keyframes.box_starts.tolist()
        media = media_of_videos(self, set(videos))
        return [
            {
                **media[video],
                'video_id': video,
                'timestamp': timestamp,
                'img_key': f'{video},{timestamp:04d}',
                'fps': self._FPS,
                'ann': {
                    'gt_bboxes': corners[start:stop],
                    'gt_labels': np.asarray(labels[start:stop]),
                    'entity_ids': persons[start:stop],
                },
            }
            for video, timestamp, start, stop in zip(videos, timestamps, starts, starts[1:])
        ]

    def filter_data(self) -> list[dict]:
        """Leave out the excluded keyframes, and check what the others lead to."""
        boxes, rows = self.__dict__.pop('_annotations')
        data_list = self.data_list
        if self.exclude_file is not None:
            excluded = read_excluded_timestamps(self.exclude_file)
            keys = [(info['video_id'], info['timestamp']) for info in data_list]
            kept = [i for i, key in enumerate(keys) if key not in excluded]
            data_list, rows = [data_list[i] for i in kept], rows[kept]
        if not data_list:
            raise ValueError(f'{self.ann_file}: {self.exclude_file} excludes every keyframe')
        print_log(f'{len(data_list)} out of {len(self.data_list)} frames are valid.', 'current')
        if self._FPS > 1 or self.video_table:  # at one frame a second they are frame numbers
            self._check_timestamps(boxes, rows)
        if self._proposals is not None:
            data_list = self._with_persons(data_list)
        self._check_media(data_list)
        return data_list

    def _check_timestamps(self, boxes: AVABoxes, rows: np.ndarray) -> None:
        error, warning = check_seconds(self, boxes, rows)
        _refuse(error)
        _say(warning)

    def _with_persons(self, data_list: list[dict]) -> list[dict]:
        """Check the proposals; in training only keyframes that keep a person."""
        path, proposals = self._proposals
        annotated = {info['img_key']: info['ann']['gt_bboxes'] for info in data_list}
        options = dict(path=path, score_thr=self.person_det_score_thr)
        findings = check_proposals(proposals, annotated, ann_file=self.ann_file, **options)
        findings.raise_errors()
        if self.keep_one_person:
            _raise_and_say(findings)
            sentence, is_many = low_scores(proposals, annotated, **options)
            if sentence and not is_many:
                print_log(sentence, 'current')
            return data_list
        _say(without_person(proposals, annotated, is_tested=self.test_mode, **options))
        if self.test_mode:
            return data_list
        thr = self.person_det_score_thr
        return [info for info in data_list if reaches(proposals.get(info['img_key']), thr)]

    def get_data_info(self, idx: int) -> dict:
        """One keyframe with its persons as ``proposals`` and ``scores``."""
        info = super().get_data_info(idx)
        if self.persons == 'ground_truth':
            info['proposals'] = info['gt_bboxes'].copy()
            info['scores'] = np.ones(len(info['proposals']))
        elif self.proposals is not None and not self.keep_one_person:
            boxes = self.proposals.get(info['img_key'])
            if not reaches(boxes, self.person_det_score_thr):
                info['proposals'], info['scores'] = np.zeros((0, 4)), np.zeros(0)
        return info

    def _check_media(self, data_list: Sequence[dict]) -> None:
        """On one rank: the storage is asked once a video."""
        exists = media_exists(self)
        if exists is None or not is_main_process():
            return
        what = 'the last frame that a clip reaches' if self.use_frames else 'their file'
        _refuse(missing_files(last_media_files(self, data_list), exists, what))


def _raise_and_say(findings: Findings) -> None:
    findings.raise_errors()
    for warning in findings.warnings:
        _say(warning)


def _say(warning: str | None) -> None:
    if warning and is_main_process():
        print_log(warning, 'current', logging.WARNING)


def _refuse(error: str | None) -> None:
    if error:
        raise ValueError(error)
