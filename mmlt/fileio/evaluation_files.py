"""The files that an evaluation of AVA's format takes, read and checked together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.fileio.data_checks import check_annotations, check_detections
from mmlt.fileio.detections import read_detections
from mmlt.fileio.label_map import (
    read_label_map,
    select_classes,
    unknown_label_warning,
    unmatched_exclusions_warning,
)
from mmlt.functional import (
    AVABoxes,
    read_ava_csv,
    read_ava_kinetics_csv,
    read_excluded_timestamps,
)
from mmlt.functional.checks import check_choice

_READERS = {'ava': read_ava_csv, 'ava_kinetics': read_ava_kinetics_csv}


class AnnotationFiles(NamedTuple):
    """Files of annotated boxes.

    Attributes:
        ann_file: The boxes (CSV).
        exclude_file: Keyframes to leave out; None leaves out none.
        ann_format: 'ava' or 'ava_kinetics'.
    """

    ann_file: str | Path
    exclude_file: str | Path | None = None
    ann_format: str = 'ava'

    def read(self) -> tuple[AVABoxes, frozenset[tuple[str, int]]]:
        """The boxes, and (video id, timestamp) of the keyframes to leave out.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: A malformed file, or another format.
        """
        read = _READERS[check_choice('ann_format', self.ann_format, tuple(_READERS))]
        exclude_file = self.exclude_file
        excluded = read_excluded_timestamps(exclude_file) if exclude_file else frozenset()
        return read(self.ann_file), excluded


class AnnotatedSplit(NamedTuple):
    """What detections are judged by, and what is odd about it, a sentence each."""

    label_map: dict[int, str]
    ground_truth: AVABoxes
    excluded: frozenset[tuple[str, int]]
    warnings: list[str]


def read_annotated_split(
    ann_file: str | Path,
    label_file: str | Path,
    exclude_file: str | Path | None = None,
    *,
    custom_classes: Sequence[int] | None = None,
    ann_format: str = 'ava',
) -> AnnotatedSplit:
    """Read the classes, the annotated boxes and the keyframes that are left out.

    Args:
        ann_file: Annotations of the split (AVA CSV).
        label_file: Label map (pbtxt).
        exclude_file: Excluded keyframes, lines of ``video_id,timestamp``; None leaves out none.
        custom_classes: The classes of the label map to keep; None keeps all.
        ann_format: 'ava', or 'ava_kinetics' as :func:`mmlt.functional.read_ava_kinetics_csv` reads
            it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A malformed file; annotations that make every number wrong, see
            :func:`mmlt.fileio.data_checks.check_annotations`; a class that is not in the label map.
    """
    label_map = read_label_map(label_file)
    if custom_classes is not None:
        label_map = select_classes(label_map, custom_classes, label_file)
    ground_truth, excluded = AnnotationFiles(ann_file, exclude_file, ann_format).read()
    findings = check_annotations(ground_truth, ann_file)
    findings.raise_errors()
    warnings = [
        # of custom classes the rest of the annotations is left out on purpose
        None if custom_classes else unknown_label_warning(ground_truth, label_map, ann_file),
        unmatched_exclusions_warning(ground_truth, excluded, exclude_file),
        *findings.warnings,
    ]
    return AnnotatedSplit(label_map, ground_truth, excluded, list(filter(None, warnings)))


def read_evaluation(
    detections_file: str | Path,
    ann_file: str | Path,
    label_file: str | Path,
    exclude_file: str | Path | None = None,
) -> tuple[AVABoxes, AnnotatedSplit]:
    """Read detections and what they are judged by; the warnings are about both.

    Args:
        detections_file: Detections, see :func:`mmlt.fileio.detections.read_detections`.
        ann_file: As of :func:`read_annotated_split`.
        label_file: As of :func:`read_annotated_split`.
        exclude_file: As of :func:`read_annotated_split`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A malformed file; files that make every number wrong, see
            :func:`mmlt.fileio.data_checks.check_detections`.
    """
    split = read_annotated_split(ann_file, label_file, exclude_file)
    detections = read_detections(detections_file)
    paths = dict(path=detections_file, ground_truth_path=ann_file)
    findings = check_detections(detections, split.ground_truth, split.excluded, **paths)
    findings.raise_errors()
    unknown = unknown_label_warning(detections, split.label_map, detections_file)
    if not np.isin(detections.labels, list(split.label_map)).any():
        raise ValueError(f'{unknown}: nothing is left; see {label_file}')
    warnings = [*filter(None, [unknown]), *split.warnings, *findings.warnings]
    return detections, split._replace(warnings=warnings)
