"""Mistakes that no split shows alone: what two of them share, and classes that one lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import Finding, find
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.video_table import VideoTable

_WITHOUT = {
    'train': 'They cannot be learned.',
    'val': 'They have no AP there: a mean over classes leaves them out or counts them as 0.',
}

#: What it does that a split shares {what} with train; and that test shares it with val.
_JUDGED_ON = 'The model is judged on {what} it was trained on: its numbers are too good.'
_CHOSEN_ON = (
    'The checkpoint, and thresholds if any, are chosen on {what} it is then tested on: the numbers '
    'of the test are too good.'
)


def is_training(name: str) -> bool:
    """Whether a split is trained on: 'train', 'train 2'."""
    return name.split()[0] == 'train'


def shared_findings(
    splits: Sequence[SplitSettings],
    rows: Mapping[str, AnnotatedRows],
    tables: Mapping[str, VideoTable],
) -> list[Finding]:
    """Videos, keyframes and footage that two splits share.

    Args:
        splits: Those that were read; two that are trained on may share what they like.
        rows: Split -> its annotations.
        tables: Path of a videos.json -> what it holds.
    """
    findings = []
    for first, second in combinations((s for s in splits if s.name in rows), 2):
        if is_training(first.name) and is_training(second.name):
            continue
        trained = is_training(first.name)
        severity, harm = (None, _JUDGED_ON) if trained else ('warning', _CHOSEN_ON)  # val and test
        details = dict(
            other=f'{first.name} ({rows[first.name].path})', harm=harm.format(what='what')
        )
        ours, theirs = rows[first.name], rows[second.name]
        shared = sorted(set(_videos(ours)) & set(_videos(theirs)))
        found = _shared_keyframes(ours, theirs, details)
        footage = _shared_footage(first, second, ours, theirs, tables)
        found += theirs.find_videos('shared_footage', footage, **details)
        videos = {video: repr(video) for video in shared}
        details['harm'] = harm.format(what='persons and scenes that')
        found += theirs.find_videos('shared_video', videos, **details)
        findings += [finding._replace(severity=severity or finding.severity) for finding in found]
    return findings


def _videos(rows: AnnotatedRows) -> list[str]:
    return rows.boxes.video_names[np.unique(rows.boxes.video_index)].tolist()


def _keyframes(rows: AnnotatedRows) -> list[tuple[str, int]]:
    names = rows.boxes.video_names.tolist()
    pairs = zip(rows.boxes.video_index.tolist(), rows.boxes.timestamps.tolist())
    return [(names[video], second) for video, second in pairs]


def _shared_keyframes(
    ours: AnnotatedRows, theirs: AnnotatedRows, details: Mapping
) -> list[Finding]:
    common = set(ours.boxes.video_names.tolist()) & set(theirs.boxes.video_names.tolist())
    if not common:
        return []
    known, seen, at = set(_keyframes(ours)), set(), []
    for row, keyframe in enumerate(_keyframes(theirs)):
        if keyframe in known and keyframe not in seen:
            seen.add(keyframe)
            at.append(row)
    return theirs.find('shared_keyframe', np.array(at, dtype=np.int64), **details)


def _shared_footage(
    first: SplitSettings,
    second: SplitSettings,
    ours: AnnotatedRows,
    theirs: AnnotatedRows,
    tables: Mapping[str, VideoTable],
) -> dict[str, str]:
    """Videos of other names that are parts of one file and overlap in time."""
    table, other_table = (tables.get(split.video_table) for split in (first, second))
    if table is None or other_table is None:
        return {}
    spans = [_span(table, video) for video in _videos(ours) if video in table.videos]
    shared = {}
    for video in _videos(theirs):
        if video not in other_table.videos or video in _videos(ours):
            continue
        path, start, end = _span(other_table, video)
        if any(path == p and start < e and s < end for p, s, e in spans):
            shared[video] = f'{video!r}, {start:g} to {end:g} s of {path}'
    return shared


def _span(table: VideoTable, video: str) -> tuple[str, float, float]:
    entry = table.videos[video]
    end = entry.start_sec + entry.num_frames / table.fps
    return str(table.video_path(video)), entry.start_sec, end


def class_findings(
    counts: Mapping[str, Mapping[int, int]],
    files: Mapping[str, str],
    names: Mapping[int, str],
) -> list[Finding]:
    """Classes without a box in a split.

    Args:
        counts: Split -> class id -> rows.
        files: Split -> its annotations.
        names: Class id -> name, of all classes that are to be there.
    """
    findings = []
    for split, own in counts.items():
        lacking = [(None, f'{i} ({names[i]})') for i in names if not own.get(i)]
        if lacking and len(lacking) < len(names):
            what = _WITHOUT['train' if is_training(split) else 'val']
            details = dict(split=split, without=what)
            findings.append(find('class_without_box', files[split], lacking, **details))
    return findings
