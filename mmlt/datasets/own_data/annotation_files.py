"""The files of AVA's format that annotations become: a CSV a split, label map, counts, splits."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox
from mmlt.fileio.atomic_write import atomic_write

ANNOTATION_FOLDER = 'annotations'
LABEL_MAP, COUNTS, SPLITS_FILE = 'label_map.pbtxt', 'counts.json', 'splits.json'


def number_persons(boxes: Iterable[KeyframeBox]) -> tuple[list[int], bool]:
    """A whole number for the person of each box, and whether names had to be numbered.

    In a video whose persons are whole numbers these are kept; otherwise names are numbered from 0
    in the order in which they come. A box without a person is one of its own.
    """
    boxes = list(boxes)
    names: dict[str, dict[str, int]] = defaultdict(dict)
    for box in boxes:
        if box.person is not None:
            of_video = names[box.video_id]
            of_video.setdefault(box.person, len(of_video))
    is_numbered = False
    for video, of_video in names.items():
        if all(name.isascii() and name.isdecimal() and len(name) < 10 for name in of_video):
            numbers = {name: int(name) for name in of_video}
            if len(set(numbers.values())) == len(numbers):
                names[video] = numbers
                continue
        is_numbered = True
    free = {video: max(of_video.values(), default=-1) + 1 for video, of_video in names.items()}
    numbers = []
    for box in boxes:
        if box.person is not None:
            numbers.append(names[box.video_id][box.person])
        else:
            numbers.append(free.setdefault(box.video_id, 0))
            free[box.video_id] += 1
    return numbers, is_numbered


def write_ava_csv(
    path: Path,
    boxes: Sequence[KeyframeBox],
    persons: Sequence[int],
    class_ids: Mapping[str, int],
    *,
    overwrite: bool,
) -> int:
    """Write a row for each label of each box.

    Args:
        path: The file.
        boxes: In the order of their rows.
        persons: Of each box.
        class_ids: Class name -> id.
        overwrite: Whether a file may be replaced.

    Returns:
        The number of rows.
    """
    text = io.StringIO(newline='')
    writer = csv.writer(text, lineterminator='\n')
    count = 0
    for box, person in zip(boxes, persons):
        corners = [f'{value:.8f}'.rstrip('0').rstrip('.') for value in box.corners]
        for class_id in sorted(class_ids[label] for label in box.labels):
            writer.writerow([box.video_id, box.second, *corners, class_id, person])
            count += 1
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(text.getvalue().encode())
    return count


def write_label_map(path: Path, names: Mapping[int, str], *, overwrite: bool) -> None:
    """Write a label map as mmaction2's line by line reader wants it.

    Raises:
        ValueError: A name that it cannot read, for it stops at a quotation mark.
    """
    for class_id, name in names.items():
        if '"' in name or '\\' in name:
            raise ValueError(
                f'class {class_id}: the name {name!r} holds a quotation mark or a backslash, which '
                'mmaction2 does not read in a label map; rename the label'
            )
    items = (f'item {{\n  name: "{name}"\n  id: {i}\n}}\n' for i, name in names.items())
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(''.join(items).encode())
