"""Annotations of a prepared folder of videos become what a training reads, config included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mmengine.config import Config

from mmlt.datasets.own_data.annotated_media import ImageRule, MediaFinder
from mmlt.datasets.own_data.annotation_files import (
    ANNOTATION_FOLDER,
    COUNTS,
    LABEL_MAP,
    SPLITS_FILE,
    number_persons,
    write_ava_csv,
    write_label_map,
)
from mmlt.datasets.own_data.class_list import (
    are_ids,
    number_classes,
    read_class_file,
    similar_names,
)
from mmlt.datasets.own_data.config_text import CONFIG_FILE, ConfigValues, config_text
from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox, keyframe_boxes
from mmlt.datasets.own_data.splits import (
    SPLITS,
    count_splits,
    count_videos,
    deal_videos,
    lacking_classes,
    read_splits,
    split_table,
)
from mmlt.datasets.own_data.training_plan import plan_groups, plan_schedule, plan_topk
from mmlt.fileio.annotation_formats import annotation_files, read_annotations
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox, ReadOptions, some
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.class_counts import count_training_boxes, write_class_counts
from mmlt.fileio.json_files import write_json
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.person_tracks import read_detector_record
from mmlt.fileio.video_table import VIDEO_TABLE, VideoTable, read_video_table

#: ``person_det_score_thr`` of proposals of unknown origin: mmaction2's default.
UNKNOWN_SCORE_THR = 0.9


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
    known = _known_classes(folder, options, fixed)
    ids_are_names = known is None or are_ids(known)
    class_names = None if ids_are_names else known
    boxes, remarks = _read(files, options.read._replace(class_names=class_names))
    finder = MediaFinder(table, options.images, tuple(dict.fromkeys(file.parent for file in files)))
    rules = dict(round_seconds=options.round_seconds, ignore_unknown=options.ignore_unknown)
    placed, told = keyframe_boxes(boxes, finder, **rules)
    remarks += told
    if not placed:
        found = f'of {len(boxes)} boxes none has a label' if boxes else 'no box'
        raise ValueError(f'{some(map(str, files))}: {found}; nothing to train on')
    labels = {label for box in placed for label in box.labels}
    names = number_classes(labels, fixed=fixed, known=known)
    remarks += similar_names(names.values())
    videos, counts = count_videos(placed, list(names.values()))
    if options.splits is not None:
        splits = read_splits(options.splits, videos)
    else:
        splits = deal_videos(videos, counts, options.ratios, options.seed)
    persons, is_numbered = number_persons(placed)
    if is_numbered:
        remarks.append('persons are named: numbered from 0 in each video')
    remarks += _without_annotation(table, videos)
    of_split = count_splits(splits, videos, counts)
    if not of_split['train'].any():
        raise ValueError('train has no box')
    remarks += lacking_classes(list(names.values()), of_split)
    return Imported(placed, persons, names, splits, of_split, remarks)


def _read(files: Sequence[Path], options: ReadOptions) -> tuple[list[AnnotatedBox], list[str]]:
    boxes: list[AnnotatedBox] = []
    remarks = []
    for file in files:
        name, found = read_annotations(file, options)
        remarks.append(f'{file}: {name}, {len(found.boxes)} boxes')
        remarks += found.remarks
        boxes += found.boxes
    return boxes, remarks


def _known_classes(
    folder: Path, options: ImportOptions, fixed: dict[int, str] | None
) -> dict[int, str] | None:
    """The classes that have their ids: of --label-map, --classes or an earlier import."""
    if options.read.class_names is not None:
        return dict(options.read.class_names)
    earlier = folder / ANNOTATION_FOLDER / LABEL_MAP
    return fixed or (read_label_map(earlier) if earlier.is_file() else None)


def _without_annotation(table: VideoTable, videos: Sequence[str]) -> list[str]:
    silent = [repr(video) for video in table.videos if video not in set(videos)]
    if not silent:
        return []
    count = f'{len(silent)} of {len(table.videos)} videos'
    return [f'{count} have no box, and are left out: {some(silent)}']


def target_files(folder: Path, splits: Sequence[str]) -> list[Path]:
    """The files that an import writes."""
    annotations = folder / ANNOTATION_FOLDER
    names = [*(f'{split}.csv' for split in splits), LABEL_MAP, COUNTS, SPLITS_FILE]
    return [*(annotations / name for name in names), folder / CONFIG_FILE]


def refuse_overwriting(folder: Path) -> None:
    """Raise where an earlier import lies."""
    for file in target_files(folder, SPLITS):
        if file.exists():
            raise FileExistsError(f'{file}: exists already; pass --overwrite to replace it')


def write_import(folder: Path, found: Imported, options: ImportOptions) -> list[Path]:
    """Write all files of an import, config.py last; those of a split that is no more are removed.

    Returns:
        The files.
    """
    annotations = folder / ANNOTATION_FOLDER
    overwrite = options.overwrite
    base_batch_size = _base_batch_size(options.base)
    score_thr, score_source = _person_threshold(folder)
    class_ids = {name: class_id for class_id, name in found.names.items()}
    write_label_map(annotations / LABEL_MAP, found.names, overwrite=overwrite)
    num_keyframes = {}
    for split, videos in found.splits.items():
        members = set(videos)
        rows = [(b, p) for b, p in zip(found.boxes, found.persons) if b.video_id in members]
        path = annotations / f'{split}.csv'
        write_ava_csv(path, *zip(*rows), class_ids, overwrite=overwrite)
        num_keyframes[split] = len({(box.video_id, box.second) for box, _ in rows})
    for split in set(SPLITS) - set(found.splits):
        (annotations / f'{split}.csv').unlink(missing_ok=True)
    counts = count_training_boxes(annotations / 'train.csv', found.names)
    write_class_counts(annotations / COUNTS, counts, overwrite=overwrite)
    write_json(annotations / SPLITS_FILE, found.splits, overwrite=overwrite)
    values = ConfigValues(
        base=options.base,
        names=found.names,
        train_counts=counts.counts,
        groups=plan_groups(list(counts.counts.values())),
        num_videos={split: len(videos) for split, videos in found.splits.items()},
        num_keyframes=num_keyframes,
        schedule=plan_schedule(num_keyframes['train'], base_batch_size),
        topk=plan_topk(len(found.names)),
        score_thr=score_thr,
        score_source=score_source,
    )
    with atomic_write(folder / CONFIG_FILE, overwrite=overwrite) as temporary:
        temporary.write_text(config_text(folder, values), encoding='utf-8', newline='')
    return target_files(folder, list(found.splits))


def _person_threshold(folder: Path) -> tuple[float, str]:
    """From which score on a proposal is a person, and why."""
    detector = read_detector_record(folder)
    if detector is None:
        return UNKNOWN_SCORE_THR, "mmaction2's default: set it to your detector's scores"
    why = f'from this score on a box of the detector ({detector.detector}) is a person'
    return detector.person_det_score_thr, why


def _base_batch_size(base: Path) -> int:
    if not base.is_file():
        raise FileNotFoundError(f'{base}: no such config')
    batch_size = Config.fromfile(base).get('train_dataloader', {}).get('batch_size')
    if not isinstance(batch_size, int):
        raise ValueError(f'{base}: train_dataloader has no batch_size: a base is a whole config')
    return batch_size


def summary(found: Imported) -> str:
    """The table of classes and splits, with head, medium and tail by the training boxes."""
    groups = plan_groups(found.counts['train'].tolist())
    of_class = [groups.of(count) for count in found.counts['train'].tolist()]
    return split_table(list(found.names.values()), of_class, found.counts)
