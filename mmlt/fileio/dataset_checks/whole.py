"""All checks over all splits of a data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.fileio.dataset_checks.across_splits import class_findings, shared_findings
from mmlt.fileio.dataset_checks.annotation_rows import AnnotatedRows, read_annotated_rows
from mmlt.fileio.dataset_checks.finding import Finding, by_severity, find
from mmlt.fileio.dataset_checks.frame_checks import FrameFolder, frame_findings, media_names
from mmlt.fileio.dataset_checks.label_checks import column_findings, layout_findings
from mmlt.fileio.dataset_checks.loose_proposals import (
    LooseProposals,
    loose_proposals,
    read_loose_proposals,
)
from mmlt.fileio.dataset_checks.name_checks import name_findings, similar_names
from mmlt.fileio.dataset_checks.overlap import Fit, fit_of
from mmlt.fileio.dataset_checks.proposal_checks import proposal_findings
from mmlt.fileio.dataset_checks.row_checks import count_rows, row_findings, wide_boxes
from mmlt.fileio.dataset_checks.settings import SplitSettings, with_table
from mmlt.fileio.dataset_checks.table_checks import table_findings
from mmlt.fileio.dataset_checks.timestamp_checks import timestamp_findings
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.video_table import VideoTable, read_video_table
from mmlt.functional import read_excluded_timestamps


class DatasetCheck(NamedTuple):
    """What was read of a data set, and what was found.

    Attributes:
        splits: The splits, with what videos.json says filled in.
        findings: The worst first, each once.
        rows: Split -> annotations, of those that could be read.
        fits: Split -> how the proposals fit its boxes.
        proposals: Path -> proposals.
        label_map: Class id -> name, of all label maps; of ids that have none 'class 7'.
        tables: Path -> videos.json.
        counts: Split -> class id -> rows, those of excluded keyframes left out.
    """

    splits: tuple[SplitSettings, ...]
    findings: tuple[Finding, ...]
    rows: Mapping[str, AnnotatedRows]
    fits: Mapping[str, Fit]
    proposals: Mapping[str, LooseProposals]
    label_map: Mapping[int, str]
    tables: Mapping[str, VideoTable]
    counts: Mapping[str, Mapping[int, int]]


def check_splits(
    splits: Sequence[SplitSettings],
    *,
    frames: bool = True,
    known_proposals: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> DatasetCheck:
    """Check the files of all splits, and what they have in common.

    Args:
        splits: As of :func:`~mmlt.fileio.dataset_checks.settings.splits_of_config`.
        frames: Whether to look for frames and video files: a listing a video.
        known_proposals: Path -> content of proposal files that have been read already.
        advance: Called when a split is done.
    """
    checker = _Checker(frames, known_proposals or {})
    for split in splits:
        checker.check(split)
        advance()
    return checker.finish()


class _Checker:
    """Reads each file once and collects what is found."""

    def __init__(self, frames: bool, known_proposals: Mapping) -> None:
        self.frames, self.known_proposals = frames, known_proposals
        self.findings: list[Finding] = []
        self.splits: list[SplitSettings] = []
        self.rows: dict[str, AnnotatedRows] = {}
        self.fits: dict[str, Fit] = {}
        self.files: dict[tuple[str, str], object] = {}
        self.folders: dict[str, FrameFolder | None] = {}
        self.counts: dict[str, dict[int, int]] = {}

    def read(self, path: str | None, split: str, role: str, reader: Callable) -> object:
        """The content of a file, read once; None without one, or where it cannot be read."""
        if path is None:
            return None
        path = os.fspath(path)
        if (role, path) in self.files:
            return self.files[role, path]
        content = None
        try:
            content = reader(path)
        except FileNotFoundError:
            self.findings.append(find('missing_file', path, role=role, split=split))
        except (ValueError, OSError) as error:
            why = str(error).removeprefix(path).lstrip(':, ')
            kind = 'bad_label_map' if role == 'label_file' else 'unreadable_file'
            self.findings.append(find(kind, path, why=why, role=role))
        self.files[role, path] = content
        return content

    def check(self, split: SplitSettings) -> None:
        """Check one split on its own."""
        table = self.read(split.video_table, split.name, 'video_table', read_video_table)
        split = with_table(split, table)
        self.splits.append(split)
        label_map = self.read(split.label_file, split.name, 'label_file', self._read_label_map)
        rows = self.read(split.ann_file, split.name, 'ann_file', read_annotated_rows)
        excluded = self.read(
            split.exclude_file, split.name, 'exclude_file', read_excluded_timestamps
        )
        proposals = self.read(
            split.proposal_file, split.name, 'proposal_file', self._read_proposals
        )
        if rows is None:
            return
        self.findings += row_findings(rows, split, label_map)
        if not len(rows.boxes.labels):
            return
        self.findings += self._name_findings(rows, split, table, proposals, excluded)
        used = rows.without(excluded or frozenset())
        if not len(used.boxes.labels):
            self.findings.append(find('no_rows', rows.path))
            return
        self.rows[split.name] = used
        self.findings += timestamp_findings(used, split, table)
        if self.frames:
            self.findings += frame_findings(used, split, table, self.folders)
        self._check_proposals(used, split, proposals)
        self.counts[split.name] = count_rows(used, split)

    def _read_label_map(self, path: str) -> dict[int, str]:
        label_map = read_label_map(path)
        self.findings += layout_findings(path, label_map)
        return label_map

    def _read_proposals(self, path: str) -> LooseProposals:
        known = self.known_proposals.get(path)
        proposals = read_loose_proposals(path) if known is None else loose_proposals(known, path)
        self.findings += proposals.findings
        return proposals

    def _name_findings(
        self, rows: AnnotatedRows, split: SplitSettings, table, proposals, excluded
    ) -> list[Finding]:
        others, lost = {}, {}
        if table is not None:
            others[split.video_table], lost[split.video_table] = table.videos, 'rate and length'
        if proposals is not None:
            others[proposals.path] = set(proposals.videos.tolist())
            lost[proposals.path] = 'proposals'
        videos = set(rows.boxes.video_names.tolist())
        if self.frames and os.path.isdir(split.frame_root):
            others[split.frame_root] = media_names(split.frame_root, videos)
            lost[split.frame_root] = 'frames'
        if excluded:  # a name that is annotated too is a matter of the annotations
            others[split.exclude_file] = {video for video, _ in excluded} - videos
            lost[split.exclude_file] = 'exclusions'
        findings = name_findings(rows, others, lost)
        if table is not None:
            like = similar_names(videos, table.videos)  # told of already
            gone = {v: repr(v) for v in sorted(videos - set(table.videos) - set(like))}
            findings += rows.find_videos('video_not_in_table', gone, table=split.video_table)
        if excluded and videos.isdisjoint(video for video, _ in excluded):
            first = min(excluded)
            places = [(None, f'{first[0]},{first[1]}')]
            count = len(excluded)
            findings.append(find('excluded_unknown', split.exclude_file, places, count=count))
        return findings

    def _check_proposals(self, rows: AnnotatedRows, split: SplitSettings, proposals) -> None:
        in_pixels = any(f.file == rows.path and f.kind == 'pixel_boxes' for f in self.findings)
        if proposals is None or in_pixels:
            return
        fit = fit_of(rows.boxes, proposals, split.person_det_score_thr)
        self.findings += proposal_findings(rows, split, proposals, fit)
        if not proposals.in_pixels:
            self.fits[split.name] = fit

    def finish(self) -> DatasetCheck:
        """The checks across splits, and all that was found."""
        tables = {
            path: table
            for (role, path), table in self.files.items()
            if role == 'video_table' and table
        }
        if self.frames:
            for path, table in tables.items():
                self.findings += table_findings(table, path, self.folders)
        for split in self.splits:
            if split.name in self.rows and split.name not in self.fits:
                table = tables.get(split.video_table)
                aspects = {v: e.width / e.height for v, e in table.videos.items()} if table else {}
                self.findings += wide_boxes(self.rows[split.name], aspects)
        self.findings += shared_findings(self.splits, self.rows, tables)
        names = self._names()
        self.findings += self._class_findings(names)
        proposals = {p: c for (role, p), c in self.files.items() if role == 'proposal_file' and c}
        findings = tuple(by_severity(list(dict.fromkeys(self.findings))))
        return DatasetCheck(
            tuple(self.splits),
            findings,
            self.rows,
            self.fits,
            proposals,
            names,
            tables,
            self.counts,
        )

    def _label_map_of(self, split: SplitSettings) -> dict[int, str] | None:
        return self.files.get(('label_file', split.label_file))

    def _names(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for split in self.splits:
            names.update(self._label_map_of(split) or {})
        for own in self.counts.values():
            for class_id in own:
                names.setdefault(class_id, f'class {class_id}')
        return dict(sorted(names.items()))

    def _class_findings(self, names: Mapping[int, str]) -> list[Finding]:
        annotated = {i for own in self.counts.values() for i in own}
        findings, files = [], {}
        for split in self.splits:
            label_map = self._label_map_of(split)
            if label_map:
                findings += column_findings(split, label_map, annotated)
            files[split.name] = split.ann_file
        classes = {i for split in self.splits for i in split.custom_classes or names}
        due = {i: name for i, name in names.items() if i in classes}
        return findings + class_findings(self.counts, files, due)
