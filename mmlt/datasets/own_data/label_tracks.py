"""The persons of a data set, labelled by rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.datasets.own_data.person_project import take_persons, write_person_project
from mmlt.datasets.own_data.track_rules import TRACK_LABELS, label_by_rule, track_travels
from mmlt.fileio.person_tracks import (
    PERSONS_CSV,
    VideoPersons,
    read_detector_record,
    read_persons_csv,
)
from mmlt.fileio.video_table import VideoTable, read_video_table


class LabelCounts(NamedTuple):
    """What was labelled.

    Attributes:
        boxes_before: How many boxes persons.csv has.
        boxes: How many of them are labelled.
        tracks: Of how many tracks these are.
        labels: How many boxes have each label.
    """

    boxes_before: int
    boxes: int
    tracks: int
    labels: Mapping[str, int]


def label_tracks(
    folder: str | Path,
    out: str | Path,
    *,
    score_thr: float | None = None,
    min_boxes: int = 3,
    min_travel: float = 0.5,
    overwrite: bool = False,
) -> LabelCounts:
    """Write a project of VIA 3 in which the persons of a data set are labelled by rule.

    See :func:`~mmlt.datasets.own_data.track_rules.label_by_rule`.

    Args:
        folder: Of the data set, with its persons.csv.
        out: The project.
        score_thr: The least score of a person; None: as the record of the detector says.
        min_boxes: As many boxes, of at least that score, a track must have.
        min_travel: As far, in box heights, it must get in all.
        overwrite: Whether an existing project may be replaced.

    Raises:
        FileExistsError: ``out`` exists and ``overwrite`` is false.
        FileNotFoundError: There is no persons.csv, no table, or an image of a frame is missing.
        ValueError: No box is left, a video is not in the table, or ``score_thr`` is not known.
    """
    table, path = read_video_table(folder), Path(folder) / PERSONS_CSV
    persons = read_persons_csv(path)
    record = read_detector_record(folder)
    if score_thr is None and record is None:
        raise ValueError(
            f'{folder}: no record of its detector: say by --score-thr what a person is'
        )
    score_thr = record.person_det_score_thr if score_thr is None else score_thr
    unknown = [video_id for video_id in persons if video_id not in table.videos]
    if unknown:
        raise ValueError(f'{path}: video {unknown[0]!r} is not in videos.json')
    kept = {
        video_id: _walkers(found, score_thr, min_boxes, min_travel, _ratio(table, video_id))
        for video_id, found in persons.items()
    }
    if not any(len(found.seconds) for found in kept.values()):
        raise ValueError(
            f'{path}: no track of {min_boxes} boxes scored {score_thr} or more that moves by '
            f'{min_travel} box heights'
        )
    labels = {video_id: _label(found, _ratio(table, video_id)) for video_id, found in kept.items()}
    write_person_project(out, table, kept, TRACK_LABELS, actions=labels, overwrite=overwrite)
    given = Counter(name for of_video in labels.values() for names in of_video for name in names)
    return LabelCounts(
        sum(len(found.seconds) for found in persons.values()),
        sum(map(len, labels.values())),
        sum(len(np.unique(found.person_ids)) for found in kept.values()),
        {name: given[name] for name in TRACK_LABELS},
    )


def _ratio(table: VideoTable, video_id: str) -> float:
    entry = table.videos[video_id]
    return entry.width / entry.height


def _label(found: VideoPersons, aspect_ratio: float) -> list[list[str]]:
    """The labels of each box of a video."""
    seconds, boxes, _, person_ids = found
    rows = label_by_rule(seconds, boxes, person_ids, aspect_ratio=aspect_ratio)
    return [[TRACK_LABELS[column] for column in np.flatnonzero(row)] for row in rows]


def _walkers(
    found: VideoPersons, score_thr: float, min_boxes: int, min_travel: float, aspect_ratio: float
) -> VideoPersons:
    """The boxes scored well enough, of tracks that are long enough and move at all."""
    found = take_persons(found, found.scores >= score_thr)
    _, of_track, sizes = np.unique(found.person_ids, return_inverse=True, return_counts=True)
    travels = track_travels(found.boxes_xyxy_norm, found.person_ids, aspect_ratio=aspect_ratio)
    return take_persons(found, (sizes[of_track] >= min_boxes) & (travels >= min_travel))
