"""The label map: whether it is read, by mmaction2 too, and how it fits the columns of scores."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Set

from mmlt.fileio.dataset_checks.finding import Finding, find
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.functional.detection.text_files import read_lines

# What mmaction2's read_labelmap takes for a name and for an id: lines that begin so.
_NAME, _IDS = '  name:', ('  id:', '  label_id:')


def mmaction2_classes(path: str | os.PathLike) -> dict[int, str]:
    """The classes that mmaction2's line by line reading of a label map finds."""
    found, name = {}, ''
    for line in read_lines(path):
        if line.startswith(_NAME) and '"' in line:
            name = line.split('"')[1]
        elif line.startswith(_IDS) and re.fullmatch(r'.* \+?[0-9]+', line.strip()):
            found[int(line.split()[-1])] = name
    return found


def layout_findings(path: str, label_map: Mapping[int, str]) -> list[Finding]:
    """That mmaction2 would read another label map out of the file."""
    theirs = mmaction2_classes(path)
    if theirs == label_map:
        return []
    lost = [i for i in label_map if theirs.get(i) != label_map[i]]
    places = [(_line_of(path, i), f'class {i}, {label_map[i]!r}') for i in lost]
    numbers = dict(theirs=len(label_map) - len(lost), ours=len(label_map))
    return [find('label_map_layout', path, places, **numbers)] if lost else []


def _line_of(path: str, class_id: int) -> int | None:
    pattern = re.compile(rf'\b(?:label_)?id\s*:\s*\+?0*{class_id}\b')
    return next((n for n, line in enumerate(read_lines(path), 1) if pattern.search(line)), None)


def column_findings(
    split: SplitSettings, label_map: Mapping[int, str], annotated: Set[int]
) -> list[Finding]:
    """Ids without a class or a box, and columns beyond the highest id.

    Args:
        split: One that has the label map.
        label_map: Class id -> name.
        annotated: The class ids that have a box in any split.
    """
    if split.custom_classes is not None:
        return []
    findings, highest = [], max(*label_map, *annotated, 1)
    gaps = sorted(set(range(1, highest)) - set(label_map) - annotated)
    if gaps:
        ids = ', '.join(map(str, gaps[:10])) + (', ...' if len(gaps) > 10 else '')
        findings.append(find('label_map_gaps', split.label_file, ids=ids))
    unused = split.num_classes - 1 - highest
    if unused > 0:
        numbers = dict(highest=highest, num_classes=split.num_classes, unused=unused)
        findings.append(find('unused_columns', split.label_file, due=highest + 1, **numbers))
    return findings
