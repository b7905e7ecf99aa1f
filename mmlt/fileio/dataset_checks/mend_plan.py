"""Which mistakes of a data set have one certain mend, and what it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np

from mmlt.fileio.dataset_checks.finding import Finding
from mmlt.fileio.dataset_checks.frame_checks import list_frames, media_names
from mmlt.fileio.dataset_checks.name_checks import similar_names
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.dataset_checks.whole import DatasetCheck
from mmlt.fileio.keyframe_images import number_pattern

_PIXELS = 2.0  # no fraction of a frame reaches there
_SLACK = 1.02  # a box may end a little outside of its frame
#: Mended by writing the rows again as they were read.
REWRITTEN = {
    'header': 'header line removed',
    'windows_line_ends': 'lines end with LF',
    'byte_order_mark': 'byte-order mark removed',
    'spaces': 'spaces around video names removed',
    'whole_float_timestamp': 'timestamps written without a point',
}


class Plan(NamedTuple):
    """What to do with one file of annotations, excluded keyframes or proposals.

    Attributes:
        names: Video name -> the right one.
        sizes: Video -> width and height, where its boxes are to be divided by them.
        add_to_ids: To each class id.
        swap: Whether x and y change places.
        changes: What is done, a sentence each.
        refused: What is not done, and why.
    """

    names: Mapping[str, str]
    sizes: Mapping[str, tuple[int, int]]
    add_to_ids: int
    swap: bool
    changes: tuple[str, ...]
    refused: tuple[str, ...]


def plan_annotations(check: DatasetCheck, split: SplitSettings) -> Plan:
    """The mend of the annotations of a split."""
    rows = check.rows[split.name]
    own = {f.kind: f for f in check.findings if f.file == rows.path}
    changes = [f'{text} ({own[kind].count:,})' for kind, text in REWRITTEN.items() if kind in own]
    refused: list[str] = []
    names = _right_names(check, split, rows.boxes.video_names.tolist())
    changes += _told_names(names)
    sizes = {}
    if 'pixel_boxes' in own:
        videos = rows.boxes.video_names[rows.boxes.video_index]
        sizes = _sizes(check, split, videos, rows.boxes.boxes_xyxy_norm, names, refused)
        changes += [f'boxes of {len(sizes)} videos divided by the size of the frames'] * bool(sizes)
    add = 0
    if 'low_class_ids' in own:
        add = int(_ids_count_from_zero(check))
        if add:
            changes.append('1 added to all class ids: so they are those of the label map')
        else:
            refused.append(
                'class ids below 1 are left: with 1 added the ids of all splits are not those of '
                'the label map, each and no other'
            )
    swap = _is_swapped(own, changes)
    return Plan(names, sizes, add, swap, tuple(changes), tuple(refused))


def plan_proposals(check: DatasetCheck, split: SplitSettings) -> Plan:
    """The mend of the proposals of a split (which others may share)."""
    proposals = check.proposals[split.proposal_file]
    own = {f.kind: f for f in check.findings if f.file == proposals.path}
    sharing = [s for s in check.splits if s.proposal_file == split.proposal_file]
    names: dict[str, str] = {}
    for each in sharing:
        names.update(_right_names(check, each, np.unique(proposals.videos).tolist(), own=False))
    changes, refused, sizes = _told_names(names), [], {}
    if proposals.in_pixels:
        videos = proposals.videos[proposals.frames]
        for each in sharing:
            sizes.update(_sizes(check, each, videos, proposals.boxes, names, refused))
        changes += [f'boxes of {len(sizes)} videos divided by the size of the frames'] * bool(sizes)
    swap = _is_swapped(own, changes)
    return Plan(names, sizes, 0, swap, tuple(changes), tuple(dict.fromkeys(refused)))


def plan_excluded(check: DatasetCheck, split: SplitSettings, videos: list[str]) -> Plan:
    """The mend of a list of excluded keyframes: its video names."""
    names = _right_names(check, split, videos, own=False)
    return Plan(names, {}, 0, False, tuple(_told_names(names)), ())


def _right_names(
    check: DatasetCheck, split: SplitSettings, names: list[str], *, own: bool = True
) -> dict[str, str]:
    """Slip -> name: of videos.json, else of the frames, else (own=False) of the annotations."""
    table = check.tables.get(split.video_table)
    if table is not None:
        right = list(table.videos)
    elif split.frame_root and os.path.isdir(split.frame_root):
        right = sorted(media_names(split.frame_root, names))
    elif own or split.name not in check.rows:
        return {}
    else:
        right = check.rows[split.name].boxes.video_names.tolist()
    found = similar_names(names, right)
    taken = {name: others[0] for name, others in found.items() if len(others) == 1}
    # two slips of one video would become one: not certain
    return {name: other for name, other in taken.items() if list(taken.values()).count(other) == 1}


def _told_names(names: Mapping[str, str]) -> list[str]:
    return [f'video {name!r} is now {right!r}' for name, right in names.items()]


def _ids_count_from_zero(check: DatasetCheck) -> bool:
    """Whether the ids of all splits with 1 added are those of the label map, each and no other."""
    ids = {i + 1 for rows in check.rows.values() for i in np.unique(rows.boxes.labels).tolist()}
    known = {i for i, name in check.label_map.items() if name != f'class {i}'}
    return bool(known) and ids == known


def _is_swapped(own: Mapping[str, Finding], changes: list[str]) -> bool:
    finding = own.get('swapped_axes')
    if finding is not None:
        changes.append(f'x and y changed about ({finding.what.partition(": ")[2]})')
    return finding is not None


def _sizes(
    check: DatasetCheck,
    split: SplitSettings,
    videos: np.ndarray,
    corners: np.ndarray,
    names: Mapping[str, str],
    refused: list[str],
) -> dict[str, tuple[int, int]]:
    """Video -> size of its frames, where all of its boxes are in pixels and fit into it.

    If those of one video do not, the file is in pixels of other frames (before they were made
    smaller, say): nothing is known then of the others, which may fit by where their people are.
    """
    sizes, is_of_other_frames = {}, False
    for video in np.unique(videos).tolist():
        own = corners[videos == video]
        if not (own > _PIXELS).any():
            continue
        size = _size_of(check, split, names.get(video, video))
        if size is None:
            refused.append(f'boxes of {video!r} in pixels are left: the size of it is not known')
        elif not (own.max(axis=1) > _PIXELS).all():
            refused.append(f'boxes of {video!r} are left: some are in pixels, some in fractions')
        elif (own.max(axis=0)[2:] > np.multiply(size, _SLACK)).any():
            is_of_other_frames = True
            reach = ' x '.join(f'{value:g}' for value in own.max(axis=0)[2:])
            refused.append(
                f'boxes of {video!r} in pixels are left: they reach to {reach}, beyond the frame '
                f'of {size[0]} x {size[1]}'
            )
        else:
            sizes[video] = size
    if is_of_other_frames and sizes:
        refused.append(
            f'boxes of {len(sizes)} more videos in pixels are left, though they fit into their '
            'frames: those of others are of other frames'
        )
    return {} if is_of_other_frames else sizes


def _size_of(check: DatasetCheck, split: SplitSettings, video: str) -> tuple[int, int] | None:
    table = check.tables.get(split.video_table)
    if table is not None and video in table.videos:
        return table.videos[video].width, table.videos[video].height
    if not split.use_frames:
        return None
    folder = list_frames(os.path.join(split.frame_root, video), number_pattern(split.filename_tmpl))
    if folder is None or not len(folder.numbers):
        return None
    name = split.filename_tmpl.format(int(folder.numbers[0]))
    image = cv2.imread(os.path.join(folder.path, name))
    return None if image is None else (image.shape[1], image.shape[0])
