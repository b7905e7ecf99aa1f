"""Annotations of a prepared folder of videos, read as a whole: boxes, classes, splits.

The files that they become: :mod:`mmlt.datasets.own_data.import_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.datasets.own_data.annotated_media import ImageRule, MediaFinder
from mmlt.datasets.own_data.annotation_files import (
    ANNOTATION_FOLDER,
    LABEL_MAP,
    SPLITS_FILE,
    number_persons,
)
from mmlt.datasets.own_data.class_list import (
    are_ids,
    number_classes,
    read_class_file,
    similar_names,
)
from mmlt.datasets.own_data.config_text import CONFIG_FILE
from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox, keyframe_boxes
from mmlt.datasets.own_data.splits import (
    changed_splits,
    count_splits,
    count_videos,
    deal_videos,
    lacking_classes,
    read_splits,
    split_table,
)
from mmlt.datasets.own_data.training_plan import plan_groups
from mmlt.fileio.annotation_formats import annotation_files, read_annotations
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox, ReadOptions, counted, some
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.video_table import VIDEO_TABLE, VideoTable, read_video_table

PROPOSALS = 'proposals.pkl'


class ImportOptions(NamedTuple):
    """What a person may say; see ``tools/data/import_annotations.py``.

    Attributes:
        read: How the files are read.
        images: What images are.
        round_seconds: Boxes between seconds go to the nearer one.
        ignore_unknown: Boxes of no prepared video are left out.
        classes: File that fixes the classes and their ids.
        splits: File that says which video is in which split.
        ratios: Of train, val and test, where there is none.
        seed: Decides between equally good splits.
        base: The base config.
        overwrite: Whether files of an earlier import may be replaced.
    """

    base: Path
    read: ReadOptions = ReadOptions()
    images: ImageRule = ImageRule()
    round_seconds: bool = False
    ignore_unknown: bool = False
    classes: Path | None = None
    splits: Path | None = None
    ratios: Sequence[float] = (0.7, 0.15, 0.15)
    seed: int = 0
    overwrite: bool = False


class Imported(NamedTuple):
    """What is to be written.

    Attributes:
        boxes: All of them.
        persons: The number of the person of each box.
        names: Class id -> name.
        splits: Split -> videos.
        counts: Split -> (C,) boxes of each class, in the order of ``names``.
        remarks: What has to be said, a sentence each.
    """

    boxes: list[KeyframeBox]
    persons: list[int]
    names: dict[int, str]
    splits: dict[str, list[str]]
    counts: dict[str, np.ndarray]
    remarks: list[str]


def gather(paths: Sequence[str | Path], folder: Path, options: ImportOptions) -> Imported:
    """Read annotations of the videos of a prepared folder, and deal the videos to splits.

    Raises:
        FileNotFoundError: A file is not there.
        ValueError: Something is wrong with one; names file, line or key, and value.
    """
    if not (folder / VIDEO_TABLE).is_file():
        raise FileNotFoundError(
            f'{folder}: no {VIDEO_TABLE}; first: tools/data/prepare_videos.py VIDEOS --out {folder}'
        )
    table = read_video_table(folder)
    files = annotation_files(paths)
    fixed = None if options.classes is None else read_class_file(options.classes)
    known, earlier = _known_classes(folder, options, fixed)
    ids_are_names = known is None or are_ids(known)
    class_names = None if ids_are_names else known
    boxes, remarks = _read(files, options.read._replace(class_names=class_names))
    folders = tuple(dict.fromkeys(file.parent for file in files))
    finder = MediaFinder(table, options.images, folders, rounds=options.round_seconds)
    placed, told = keyframe_boxes(boxes, finder, ignore_unknown=options.ignore_unknown)
    remarks += told
    if not placed:
        found = f'{counted(len(boxes), "box")}, none with a label' if boxes else 'no box'
        raise ValueError(f'{some(map(str, files))}: {found}; nothing to train on')
    labels = {label for box in placed for label in box.labels}
    names = number_classes(labels, fixed=fixed, known=known)
    remarks += _of_earlier_import(earlier, known or {}, labels)
    remarks += similar_names(names.values())
    videos, counts = count_videos(placed, list(names.values()))
    if options.splits is not None:
        splits = read_splits(options.splits, videos)
    else:
        splits = deal_videos(videos, counts, options.ratios, options.seed)
    persons, is_numbered = number_persons(placed)
    if is_numbered:
        remarks.append('persons are named: numbered from 0 in each video')
    remarks += _missing(table, videos)
    remarks += changed_splits(folder / ANNOTATION_FOLDER / SPLITS_FILE, splits)
    of_split = count_splits(splits, videos, counts)
    remarks += lacking_classes(list(names.values()), of_split)
    return Imported(placed, persons, names, splits, of_split, remarks)


def _read(files: Sequence[Path], options: ReadOptions) -> tuple[list[AnnotatedBox], list[str]]:
    boxes: list[AnnotatedBox] = []
    remarks = []
    for file in files:
        name, found = read_annotations(file, options)
        remarks.append(f'{file}: {name}, {counted(len(found.boxes), "box")}')
        remarks += found.remarks
        boxes += found.boxes
    return boxes, remarks


def _known_classes(
    folder: Path, options: ImportOptions, fixed: dict[int, str] | None
) -> tuple[dict[int, str] | None, Path | None]:
    """The classes that have their ids, of --label-map, --classes or else an earlier import.

    The second value is the label map of that import, if it was used.
    """
    if options.read.class_names is not None:
        return dict(options.read.class_names), None
    earlier = folder / ANNOTATION_FOLDER / LABEL_MAP
    if fixed is None and earlier.is_file():
        return read_label_map(earlier), earlier
    return fixed, None


def _of_earlier_import(path: Path | None, known: Mapping[int, str], labels: set[str]) -> list[str]:
    if path is None:
        return []
    gone = [repr(name) for name in known.values() if name not in labels]
    without = f'; without a box here: {some(gone)}' if gone else ''
    return [f'{path}: its class ids are kept; delete it to have classes numbered anew{without}']


def _missing(table: VideoTable, videos: Sequence[str]) -> list[str]:
    """What is said of videos without a box, and of a folder without proposals."""
    said = []
    silent = [repr(video) for video in table.videos if video not in set(videos)]
    if silent:
        count = f'{len(silent)} of {len(table.videos)} videos'
        said.append(f'{count} have no box, and are left out: {some(silent)}')
    if not (table.folder / PROPOSALS).exists():
        said.append(f'{table.folder}: no {PROPOSALS}, which {CONFIG_FILE} names: find the persons')
    return said


def summary(found: Imported) -> str:
    """The table of classes and splits, with head, medium and tail by the training boxes."""
    groups = plan_groups(found.counts['train'].tolist())
    of_class = [groups.of(count) for count in found.counts['train'].tolist()]
    return split_table(list(found.names.values()), of_class, found.counts)
