"""The persons of a data set of one's own: detected, tracked, written down.

proposals.pkl                 the boxes of every keyframe, see mmlt.fileio.proposals
persons.csv                   the same with the track of each, see mmlt.fileio.person_tracks
persons_via.json              the same, to be labelled in VIA 3, see mmlt.fileio.via_project
prepare.parts/                what makes it resumable, see mmlt.datasets.own_data.person_parts
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from torch.utils.data import DataLoader

from mmlt.datasets.keyframe_batches import KeyframeBatches
from mmlt.datasets.own_data.person_parts import PersonParts, TrackedVideos
from mmlt.datasets.own_data.person_project import take_persons, write_person_project
from mmlt.experiments.person_detection import (
    PersonSource,
    detect_videos,
    hog_persons,
    mmdet_persons,
    warn,
)
from mmlt.experiments.person_options import PersonOptions
from mmlt.fileio.feature_folder import Failure, Video
from mmlt.fileio.person_tracks import (
    DETECTOR_FILE,
    PERSONS_CSV,
    DetectorRecord,
    VideoPersons,
    write_detector_record,
    write_persons_csv,
)
from mmlt.fileio.proposals import write_proposals
from mmlt.fileio.timed_keyframes import read_timed_keyframes, table_videos
from mmlt.fileio.via_project import is_worked_on
from mmlt.fileio.video_table import VideoTable

PROPOSALS, PERSONS_VIA = 'proposals.pkl', 'persons_via.json'
#: From which score on a box is taken for a person: OpenCV's margin of .85; mmaction2's default.
HOG_PERSON_THR, MMDET_PERSON_THR = 0.7, 0.9
_HOG_SCORE_THR, _MMDET_SCORE_THR = 0.5, 0.05

#: Makes a context that gives what to call when one of so many things is done.
Watch = Callable[[str, int], Any]


class PersonCounts(NamedTuple):
    """What was found, and what could not be read.

    Attributes:
        keyframes: How many keyframes the videos have.
        with_persons: On how many of them there is a box.
        boxes: How many boxes there are.
        persons: How many of these are scored high enough to be a person.
        tracks: How many tracks there are.
        done_before: How many videos were done before.
        failures: The videos that are left out.
    """

    keyframes: int
    with_persons: int
    boxes: int
    persons: int
    tracks: int
    done_before: int
    failures: Sequence[Failure]


def find_persons(
    table: VideoTable,
    options: PersonOptions,
    *,
    watch: Watch = lambda text, total: contextlib.nullcontext(lambda: None),
) -> PersonCounts:
    """Find the persons on every keyframe of every video and write them down; see the module.

    Args:
        table: Of the data set.
        options: How they are found.
        watch: Makes a context that gives what to call when one of so many things is done.

    Raises:
        FileExistsError: The proposals were not made here and ``options.overwrite`` is false.
        ImportError: OpenCV has no HOG detector.
        ValueError: No detector can be made of config and checkpoint.
    """
    _check_ours(table.folder, options.overwrite)
    source, record = _choose_detector(options)
    videos, parts = table_videos(table), PersonParts(table, source.settings)
    missing = [video for video in videos if not parts.has_boxes(video)]
    with _without_threads():
        failures = _detect(parts, missing, source, options, watch)
        untracked = [video for video in videos if parts.has_boxes(video)]
        untracked = [video for video in untracked if not parts.has_tracks(video)]
        failures += _track(parts, untracked, options.num_workers, watch)
    failed = {failure.video_id for failure in failures}
    good = [video for video in videos if video.video_id not in failed]
    persons = {video.video_id: parts.read(video) for video in good}
    if persons:
        _write(table, persons, record, options.class_names)
    keyframes = sum(len(table.seconds(video_id)) for video_id in persons)
    return _count(persons, record)._replace(
        keyframes=keyframes, done_before=len(videos) - len(missing), failures=failures
    )


def _check_ours(folder: Path, overwrite: bool) -> None:
    path = folder / PROPOSALS
    if path.exists() and not (folder / DETECTOR_FILE).exists() and not overwrite:
        raise FileExistsError(
            f'{path}: was not made here; pass --overwrite to replace it, or --no-persons to keep it'
        )


def _choose_detector(options: PersonOptions) -> tuple[PersonSource, DetectorRecord]:
    if options.config is None:
        score_thr = _HOG_SCORE_THR if options.score_thr is None else options.score_thr
        source = hog_persons(score_thr)
        warn(
            "persons by OpenCV's HOG detector, a stand-in for trying things out: it misses people "
            'who sit, lie or are cut off, and takes posts for persons. For a data set to work with '
            'give a detector of mmdet by --detector-config and --detector-checkpoint'
        )
        return source, DetectorRecord('hog', score_thr, max(score_thr, HOG_PERSON_THR))
    score_thr = _MMDET_SCORE_THR if options.score_thr is None else options.score_thr
    source = mmdet_persons(
        options.config,
        options.checkpoint,
        person_label=options.person_label,
        score_thr=score_thr,
        device=options.device,
    )
    name = Path(options.config).stem
    return source, DetectorRecord(name, score_thr, max(score_thr, MMDET_PERSON_THR))


def _detect(
    parts: PersonParts,
    videos: Sequence[Video],
    source: PersonSource,
    options: PersonOptions,
    watch: Watch,
) -> list[Failure]:
    """Detect in the keyframes of videos and write a part of each."""
    table = parts.table
    batch_size = 1 if options.config is None else options.batch_size
    total = sum(len(table.seconds(video.video_id)) for video in videos)
    with watch('keyframes searched for persons', total) as advance:
        return detect_videos(
            source.detect,
            KeyframeBatches(videos, table, source.pipeline, batch_size, read_timed_keyframes),
            min(options.num_workers, len(videos)),
            write=parts.write_boxes,
            advance=lambda _, keyframes: [advance() for _ in range(keyframes)],
        )


def _track(
    parts: PersonParts, videos: Sequence[Video], num_workers: int, watch: Watch
) -> list[Failure]:
    """Link the boxes of videos and write a part of each."""
    failures = []
    tasks = TrackedVideos(parts, videos)
    num_workers = min(num_workers, len(videos))
    loader = DataLoader(
        tasks,
        batch_size=None,
        num_workers=num_workers,
        collate_fn=_as_it_is,
    )
    with watch('videos with persons tracked', len(videos)) as advance:
        for failure in loader:
            if failure is not None:
                warn(f'{failure.path} is left out: {failure.reason}')
                failures.append(failure)
            advance()
    return failures


def _as_it_is(result: Failure | None) -> Failure | None:
    return result


@contextlib.contextmanager
def _without_threads() -> Iterator[None]:
    """No threads of OpenCV, as in mmengine's training: there is a process a core, and a process
    that is forked from one with such threads waits for them for ever."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _write(
    table: VideoTable,
    persons: Mapping[str, VideoPersons],
    record: DetectorRecord,
    class_names: Sequence[str],
) -> None:
    """Write the files that a data set is made of."""
    proposals = {}
    for video_id, (seconds, boxes, scores, _) in persons.items():
        found, starts = np.unique(seconds, return_index=True)
        rows = np.column_stack([boxes, scores])
        for second, of_second in zip(found.tolist(), np.split(rows, starts[1:])):
            proposals[f'{video_id},{second:04d}'] = of_second
    write_detector_record(table.folder, record)
    write_proposals(table.folder / PROPOSALS, proposals, overwrite=True)
    write_persons_csv(table.folder / PERSONS_CSV, persons)
    path = table.folder / PERSONS_VIA
    if is_worked_on(path):
        warn(
            f'{path}: somebody has worked on it: left as it is; to have it written anew, delete it'
        )
        return
    drawn = {name: _scored(found, record) for name, found in persons.items()}
    write_person_project(path, table, drawn, class_names, overwrite=True)


def _scored(found: VideoPersons, record: DetectorRecord) -> VideoPersons:
    return take_persons(found, found.scores >= record.person_det_score_thr)


def _count(persons: Mapping[str, VideoPersons], record: DetectorRecord) -> PersonCounts:
    each = persons.values()
    return PersonCounts(
        keyframes=0,
        with_persons=sum(len(np.unique(video.seconds)) for video in each),
        boxes=sum(len(video.seconds) for video in each),
        persons=sum(int((video.scores >= record.person_det_score_thr).sum()) for video in each),
        tracks=sum(len(np.unique(video.person_ids)) for video in each),
        done_before=0,
        failures=(),
    )
