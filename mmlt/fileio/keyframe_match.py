"""Which videos, keyframes and boxes two files of AVA's format have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from mmlt.functional import AVABoxes
from mmlt.functional.detection.box_overlap import pair_iou, pairs_of_same_key
from mmlt.functional.detection.keyframes import keyframe_keys

_MAX_NAMES = 5
_BLOCK = 1 << 16  # rows
_EXTENSION = re.compile(r'\.(mp4|avi|mkv|webm|mov|m4v|mpe?g|flv|wmv)$')


def boxes_meet(detections: AVABoxes, ground_truth: AVABoxes) -> bool:
    """Whether any detection overlaps an annotated box of its keyframe."""
    keys = keyframe_keys(detections, ground_truth, None)
    order = np.argsort(keys.ground_truth, kind='stable')
    gt_keys, gt_boxes = keys.ground_truth[order], ground_truth.boxes_xyxy_norm[order]
    for start in range(0, len(detections.labels), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(detections.labels)))
        row, other = pairs_of_same_key(keys.of_detections(keys.detection_runs, block), gt_keys)
        corners = detections.boxes_xyxy_norm[block]
        if (pair_iou(corners[row], gt_boxes[other]) > 0).any():
            return True
    return False


def match_videos(
    detections: AVABoxes, ground_truth: AVABoxes, excluded: Iterable[tuple[str, int]] | None
) -> tuple[list[str], list[str], str]:
    """Videos with and without a detection on an evaluated keyframe, and a hint on their names."""
    keys = keyframe_keys(detections, ground_truth, excluded)
    is_evaluated = ~np.isin(keys.ground_truth, keys.excluded)
    index = ground_truth.video_index[is_evaluated]
    is_met = np.isin(keys.ground_truth[is_evaluated], keys.detection_runs)
    met = set(np.unique(index[is_met]).tolist())
    names = ground_truth.video_names.tolist()
    every = [(i, names[i]) for i in np.unique(index).tolist()]
    silent = [name for i, name in every if i not in met]
    others = {plain_name(n): n for n in sorted(set(detections.video_names.tolist()) - set(names))}
    pairs = [(name, others[plain_name(name)]) for name in silent if plain_name(name) in others]
    hint = ''
    if pairs:
        hint = '; the detections have {1!r} for {0!r}'.format(*pairs[0])
        hint += ', a name that differs in case, extension or padding alone'
    elif silent and others:
        hint = f'; the detections name {listed(list(others.values()))}, which is not annotated'
    return [name for i, name in every if i in met], silent, hint


def plain_name(name: str) -> str:
    """The name without folder, case, extension and zeros that pad its numbers."""
    name = _EXTENSION.sub('', name.strip().casefold().rpartition('/')[2])
    return re.sub(r'[0-9]+', lambda digits: digits.group().lstrip('0') or '0', name)


def listed(names: Sequence[str]) -> str:
    """The first names, quoted, and how many more there are."""
    more = f' and {len(names) - _MAX_NAMES} more' if len(names) > _MAX_NAMES else ''
    return ', '.join(map(repr, names[:_MAX_NAMES])) + more
