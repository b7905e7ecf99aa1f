"""Mended copies of the files of a data set; the files themselves are left as they are."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.dataset_checks.annotation_rows import is_header
from mmlt.fileio.dataset_checks.mend_plan import (
    Plan,
    plan_annotations,
    plan_excluded,
    plan_proposals,
)
from mmlt.fileio.dataset_checks.proposal_checks import swap_columns
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.dataset_checks.whole import DatasetCheck, check_splits
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.plain_pickle import read_pickled_arrays
from mmlt.fileio.proposals import write_proposals
from mmlt.functional import read_excluded_timestamps
from mmlt.functional.detection.ava_csv import rows_of_file
from mmlt.functional.detection.fields import parse_number

_MOST_ROUNDS = 4  # a mend may bring another mistake to light: pixels hide swapped axes
_FILES = ('ann_file', 'exclude_file', 'label_file', 'proposal_file')


class Mended(NamedTuple):
    """What was mended.

    Attributes:
        changes: (file, what was done), in order.
        refused: (file, what was not done, and why).
        copies: Original file -> its mended copy.
        check: Of the copies, and of the files that needed none.
    """

    changes: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    copies: Mapping[str, str]
    check: DatasetCheck


def mend_splits(
    splits: Sequence[SplitSettings], out: str | os.PathLike, *, frames: bool = True
) -> Mended:
    """Write mended copies of the annotations, label maps, exclusions and proposals into a folder.

    Args:
        splits: As they are in the config.
        out: A folder that is not there, or is empty.
        frames: As in :func:`~mmlt.fileio.dataset_checks.whole.check_splits`.

    Raises:
        FileExistsError: ``out`` holds something.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f'{out}: exists already; give a new folder for the mended copies')
    writer = _CopyWriter(out, splits)
    check = check_splits(splits, frames=frames)
    for _ in range(_MOST_ROUNDS):
        if not writer.write_round(check):
            break
        check = check_splits([writer.renamed(split) for split in splits], frames=frames)
    refused = [(writer.origin(file), text) for file, text in writer.refused.values()]
    return Mended(tuple(writer.changes), tuple(refused), writer.copies, check)


class _CopyWriter:
    """Writes the copies; a file that was mended before is mended on."""

    def __init__(self, out: Path, splits: Sequence[SplitSettings]) -> None:
        self.out = out
        self.copies: dict[str, str] = {}
        self.changes: list[tuple[str, str]] = []
        self.refused: dict[tuple[str, str], tuple[str, str]] = {}
        self.names = _copy_names(splits)

    def renamed(self, split: SplitSettings) -> SplitSettings:
        """A split with its copies in place of the originals."""
        paths = {key: getattr(split, key) for key in _FILES}
        return split._replace(**{key: self.copies.get(path, path) for key, path in paths.items()})

    def origin(self, path: str) -> str:
        """The original of a copy."""
        return {copy: original for original, copy in self.copies.items()}.get(path, path)

    def write_round(self, check: DatasetCheck) -> bool:
        """Mend what the check found; whether there was anything to do."""
        done: set[str] = set()
        changed = False
        self.refused.clear()
        for split in check.splits:
            for file, mend in (
                (split.label_file, self._mend_label_map),
                (split.ann_file if split.name in check.rows else None, self._mend_annotations),
                (split.exclude_file, self._mend_excluded),
                (split.proposal_file, self._mend_proposals),
            ):
                if file is None or file in done or not os.path.isfile(file):
                    continue
                done.add(file)
                changed |= mend(check, split, file)
        return changed

    def _tell(self, file: str, plan: Plan) -> bool:
        self.changes += [(self.origin(file), change) for change in plan.changes]
        self.refused.update({(file, text): (file, text) for text in plan.refused})
        return bool(plan.changes)

    def _copy_of(self, file: str) -> Path:
        original = self.origin(file)
        self.copies[original] = str(self.out / self.names[original])
        return Path(self.copies[original])

    def _write_text(self, file: str, text: str) -> None:
        with atomic_write(self._copy_of(file), overwrite=True) as temporary:
            temporary.write_bytes(text.encode())

    def _mend_annotations(self, check: DatasetCheck, split: SplitSettings, file: str) -> bool:
        plan = plan_annotations(check, split)
        if self._tell(file, plan):
            self._write_text(file, _as_csv(_mended_rows(file, plan)))
        return bool(plan.changes)

    def _mend_excluded(self, check: DatasetCheck, split: SplitSettings, file: str) -> bool:
        try:
            excluded = sorted(read_excluded_timestamps(file))
        except ValueError:
            return False
        plan = plan_excluded(check, split, sorted({video for video, _ in excluded}))
        if self._tell(file, plan):
            rows = [[plan.names.get(video, video), f'{second:04d}'] for video, second in excluded]
            self._write_text(file, _as_csv(rows))
        return bool(plan.changes)

    def _mend_label_map(self, check: DatasetCheck, split: SplitSettings, file: str) -> bool:
        if not any(f.kind == 'label_map_layout' and f.file == file for f in check.findings):
            return False
        items = read_label_map(file).items()
        if any('"' in name or '\\' in name for _, name in items):
            key = file, 'names'
            self.refused[key] = file, 'the layout is left: mmaction2 reads no quote in a name'
            return False
        self.changes.append((self.origin(file), 'written as mmaction2 reads it'))
        self._write_text(
            file, ''.join(f'item {{\n  name: "{name}"\n  id: {i}\n}}\n' for i, name in items)
        )
        return True

    def _mend_proposals(self, check: DatasetCheck, split: SplitSettings, file: str) -> bool:
        if file not in check.proposals:
            return False
        plan = plan_proposals(check, split)
        if self._tell(file, plan):
            content = {}
            for key, boxes in read_pickled_arrays(file).items():
                video, _, second = key.rpartition(',')
                own = boxes.astype(np.float64)
                if video in plan.sizes:
                    own[:, :4] /= [*plan.sizes[video], *plan.sizes[video]]
                own = swap_columns(own) if plan.swap else own
                content[f'{plan.names.get(video, video)},{int(second):04d}'] = own
            write_proposals(self._copy_of(file), content, overwrite=True)
        return bool(plan.changes)


def _copy_names(splits: Sequence[SplitSettings]) -> dict[str, str]:
    """Original file -> name of its copy; files of one name in several folders get their split's."""
    names: dict[str, str] = {}
    for split in splits:
        for path in (getattr(split, key) for key in _FILES):
            if path is None or path in names:
                continue
            name = os.path.basename(path)
            stem = split.name.replace(' ', '_')
            names[path] = f'{stem}_{name}' if name in names.values() else name
    return names


def _mended_rows(path: str, plan: Plan) -> list[list[str]]:
    rows = [fields for _, fields in rows_of_file(path) if not is_header(fields)]
    return [_mended_row(fields, plan) if len(fields) in (7, 8) else fields for fields in rows]


def _mended_row(fields: list[str], plan: Plan) -> list[str]:
    video = fields[0].strip()
    second, corners, label = fields[1].strip(), [f.strip() for f in fields[2:6]], fields[6].strip()
    whole, point, rest = second.partition('.')
    if point and not rest.strip('0'):
        second = whole
    if video in plan.sizes:
        width, height = plan.sizes[video]
        values = [parse_number(c) / s for c, s in zip(corners, (width, height) * 2)]
        corners = [f'{min(value, 1.0):.6f}' for value in values]
    if plan.swap:
        corners = [corners[i] for i in (1, 0, 3, 2)]
    if plan.add_to_ids:
        label = str(int(label) + plan.add_to_ids)
    return [plan.names.get(video, video), second, *corners, label, *(f.strip() for f in fields[7:])]


def _as_csv(rows: Sequence[Sequence[str]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator='\n').writerows(rows)
    return stream.getvalue()
