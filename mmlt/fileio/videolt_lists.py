"""VideoLT's label files: lists of videos, and the names and training counts of the classes.

A list holds lines ``videoid a,b`` (class indices from 0), a count file lines ``name index count``.
Every error names the file, the line, the field and its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mmlt.fileio.class_counts import ClassCounts, count_labels
from mmlt.functional.detection.text_files import read_fields

_INDEX = re.compile(r'[0-9]{1,6}')
_COUNT = re.compile(r'([0-9]{1,15})(\.0*)?')  # the published file writes 137.0


class LabelledVideo(NamedTuple):
    """One line of a list.

    Attributes:
        video_id: Name of the video, and of its feature file without .npy.
        labels: Class indices, in the order of the line.
        line: Number of the line, from 1.
    """

    video_id: str
    labels: list
    line: int


def read_videolt_list(
    path: str | Path, names: Mapping[int, str], *, named_by: str = 'the class names'
) -> list[LabelledVideo]:
    """Read a list of videos and their labels.

    Args:
        path: Lines ``videoid a,b``; empty ones are passed over.
        names: Class index -> name, all classes that a label can mean.
        named_by: Where ``names`` come from, for the message.

    Returns:
        The videos, in the order of the file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line of another form, an unknown class, a class or a video given twice, a
            file without a video.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'train.lst'
        >>> _ = path.write_text('-6QuS_vfVPQ 0\\n8399989318 1,0\\n')
        >>> read_videolt_list(path, {0: 'bee', 1: 'bat'})[1]
        LabelledVideo(video_id='8399989318', labels=[1, 0], line=2)
    """
    videos: list[LabelledVideo] = []
    first_lines: dict[str, int] = {}
    for number, fields in read_fields(path):
        where = f'{path}, line {number}'
        if len(fields) != 2:
            raise ValueError(
                f'{where}: {" ".join(fields)!r} has {len(fields)} fields, not 2: video id and '
                'class indices joined by commas'
            )
        video_id = _check_video_id(fields[0], where)
        first = first_lines.setdefault(video_id, number)
        if first != number:
            raise ValueError(
                f'{where}: video {video_id!r} stands in line {first} already; give it one line '
                'with all of its labels'
            )
        videos.append(LabelledVideo(video_id, _labels(fields[1], where, names, named_by), number))
    if not videos:
        raise ValueError(f'{path}: no video in the list')
    return videos


def read_video_ids(path: str | Path) -> list[str]:
    """Read the video ids of a list, each once, in their order; what follows on a line is not read.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: An id that is no file name, or a file without a video; names file and line.
    """
    ids = [
        _check_video_id(fields[0], f'{path}, line {number}') for number, fields in read_fields(path)
    ]
    if not ids:
        raise ValueError(f'{path}: no video in the list')
    return list(dict.fromkeys(ids))


def read_videolt_counts(path: str | Path) -> ClassCounts:
    """Read the names and training counts of the classes.

    Args:
        path: Lines ``name index count``, the indices 0 to C - 1 in any order; empty lines are
            passed over.

    Returns:
        Names and counts by ascending class index, of unit 'videos'.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line of another form, an index or a name given twice, an index that is
            missing, a file without a class.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / 'count-labels-train.lst'
        >>> _ = path.write_text("cat'sCradle 1 50.0\\nbee 0 269.0\\n")
        >>> read_videolt_counts(path).counts
        {0: 269, 1: 50}
    """
    names: dict[int, str] = {}
    counts: dict[int, int] = {}
    first_lines: dict[object, int] = {}
    for number, fields in read_fields(path):
        where = f'{path}, line {number}'
        if len(fields) < 3:
            raise ValueError(
                f'{where}: {" ".join(fields)!r} has {len(fields)} fields, not 3: name, class index '
                'and count'
            )
        name, index, count = ' '.join(fields[:-2]), _index(fields[-2], where), fields[-1]
        for field, value in (('class index', index), ('class name', name)):
            first = first_lines.setdefault(value, number)
            if first != number:
                raise ValueError(f'{where}: {field} {value!r} stands in line {first} already')
        found = _COUNT.fullmatch(count)
        if not found:
            raise ValueError(f'{where}: count {count!r} is not a whole number of at least 0')
        names[index], counts[index] = name, int(found[1])
    missing = next((index for index in range(len(names)) if index not in names), None)
    if not names or missing is not None:
        what = 'no class' if not names else f'no class {missing}, though {max(names)} is there'
        raise ValueError(f'{path}: {what}; the indices run from 0 without a gap')
    order = sorted(names)
    return ClassCounts(
        f'counts of {Path(path).name}',
        'videos',
        {index: names[index] for index in order},
        {index: counts[index] for index in order},
    )


def count_training_videos(path: str | Path, count_file: str | Path) -> ClassCounts:
    """Count the videos of each class in a training list; one counts for each of its labels.

    Args:
        path: The list.
        count_file: Names the classes; its own counts are not looked at.

    Returns:
        The counts by class index, of unit 'videos'; 0 for a class that does not occur.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: See :func:`read_videolt_list` and :func:`read_videolt_counts`.
    """
    names = read_videolt_counts(count_file).names
    videos = read_videolt_list(path, names, named_by=str(count_file))
    labels = (label for video in videos for label in video.labels)
    return count_labels(labels, names, f'videos of {Path(path).name}', 'videos')


def _check_video_id(video_id: str, where: str) -> str:
    """The id, if the file name made of it stays inside its folder."""
    path = PurePosixPath(video_id.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or not path.parts:
        raise ValueError(f'{where}: video id {video_id!r} is no name of a file in a folder')
    return video_id


def _labels(text: str, where: str, names: Mapping[int, str], named_by: str) -> list[int]:
    labels: list[int] = []
    for field in text.split(','):
        label = _index(field, where)
        if label not in names:
            raise ValueError(
                f'{where}: unknown class {label}: {named_by} names {len(names)} classes, 0 to '
                f'{max(names)}'
            )
        if label in labels:
            raise ValueError(f'{where}: class {label} stands twice in {text!r}')
        labels.append(label)
    return labels


def _index(field: str, where: str) -> int:
    if not _INDEX.fullmatch(field):
        raise ValueError(f'{where}: class index {field!r} is not a whole number of at least 0')
    return int(field)
