"""Video names that differ between annotations, proposals, frames, excluded keyframes and table."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping

from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows
from mmlt.fileio.dataset_checks.finding import Finding
from mmlt.fileio.feature_folder import VIDEO_SUFFIXES
from mmlt.fileio.keyframe_match import plain_name


def similar_names(names: Iterable[str], others: Iterable[str]) -> dict[str, list[str]]:
    """Name -> the other names that differ from it in case, folder, extension or padding alone.

    Args:
        names: Those that may be slips.
        others: Those that there are.

    Returns:
        Names that are not among the others but like one of them.

    Example:
        >>> similar_names(['Clip_1.mp4', 'b', 'c'], ['clip_01', 'b', 'd'])
        {'Clip_1.mp4': ['clip_01']}
    """
    others = set(others)
    by_plain = defaultdict(list)
    for name in sorted(others):
        by_plain[plain_name(name)].append(name)
    lost = sorted(set(names) - others)
    return {name: by_plain[plain_name(name)] for name in lost if plain_name(name) in by_plain}


def name_findings(
    rows: AnnotatedRows, others: Mapping[str, Iterable[str]], lost: Mapping[str, str]
) -> list[Finding]:
    """Names of a split that another source writes otherwise, and names that differ by case alone.

    Args:
        rows: The annotations.
        others: Source, such as 'the proposals' -> its video names.
        lost: Source -> what is not found, such as 'proposals'.
    """
    names, findings = rows.boxes.video_names.tolist(), []
    for other, known in others.items():
        slips = {
            name: f'{name!r}, there {" or ".join(map(repr, found))}'
            for name, found in similar_names(names, known).items()
        }
        findings += rows.find_videos('video_name', slips, other=other, lost=lost[other])
    return findings + _variants(rows, names)


def _variants(rows: AnnotatedRows, names: list[str]) -> list[Finding]:
    by_fold = defaultdict(list)
    for name in names:
        stem, suffix = os.path.splitext(name.casefold())
        by_fold[stem if suffix in VIDEO_SUFFIXES else stem + suffix].append(name)
    groups = {group[1]: ' and '.join(map(repr, group)) for group in by_fold.values() if group[1:]}
    return rows.find_videos('name_variants', groups)
