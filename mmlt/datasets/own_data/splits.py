"""Which video is in which split, and what each split has of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmlt.datasets.own_data.keyframe_boxes import KeyframeBox
from mmlt.fileio.annotation_formats.annotated_box import counted, some
from mmlt.fileio.json_files import read_json_object
from mmlt.fileio.json_schema import check_keys
from mmlt.functional.sampling.split_videos import split_videos

SPLITS = ('train', 'val', 'test')


def count_videos(
    boxes: Sequence[KeyframeBox], names: Sequence[str]
) -> tuple[list[str], np.ndarray]:
    """The annotated videos, and (V, C) how many boxes of each class they have.

    Args:
        boxes: All of them.
        names: (C,) classes.
    """
    videos = sorted({box.video_id for box in boxes})
    counts = np.zeros((len(videos), len(names)), dtype=np.int64)
    row, column = ({name: i for i, name in enumerate(each)} for each in (videos, names))
    for box in boxes:
        for label in box.labels:
            counts[row[box.video_id], column[label]] += 1
    return videos, counts


def deal_videos(
    videos: Sequence[str], counts: np.ndarray, ratios: Sequence[float], seed: int
) -> dict[str, list[str]]:
    """Split -> videos, by :func:`mmlt.functional.split_videos`; a ratio of 0 is a split without.

    Raises:
        ValueError: Too few videos.
    """
    names = [name for name, ratio in zip(SPLITS, ratios) if ratio > 0]
    if len(videos) < len(names):
        raise ValueError(
            f'{counted(len(videos), "annotated video")} ({some(videos)}) cannot be '
            f'split into {", ".join(names)}: a video is in one of them; cut a long one into parts '
            'with prepare_videos.py --segments, or give fewer splits, as --split 0.8 0.2 0'
        )
    dealt = split_videos(counts, ratios=[ratio for ratio in ratios if ratio > 0], seed=seed)
    return {name: [v for v, to in zip(videos, dealt) if to == i] for i, name in enumerate(names)}


def read_splits(path: str | Path, videos: Sequence[str]) -> dict[str, list[str]]:
    """Split -> annotated videos, of a JSON object with lists of video ids.

    Args:
        path: The file; the key test may be missing.
        videos: Those that are annotated: each must be in one split.

    Raises:
        ValueError: A split is missing or empty, a video in none or in two. Names file and video.
    """
    content = read_json_object(path)
    check_keys(content, {'train': 'texts', 'val': 'texts'}, str(path))
    unknown = sorted(set(content) - set(SPLITS))
    if unknown:
        raise ValueError(f'{path}: key {unknown[0]!r}: the splits are {", ".join(SPLITS)}')
    check_keys(content, dict.fromkeys(content, 'texts'), str(path))
    split_of: dict[str, str] = {}
    for split, members in content.items():
        for video in members:
            if video in split_of:
                where = f'in {split_of[video]} and in {split}'
                raise ValueError(f'{path}: video {video!r} stands twice, {where}')
            split_of[video] = split
    missing = [repr(video) for video in videos if video not in split_of]
    if missing:
        raise ValueError(f'{path}: annotated videos that are in no split: {some(missing)}')
    splits = {split: [v for v in videos if split_of[v] == split] for split in SPLITS}
    for split in content:
        if not splits[split]:
            raise ValueError(f'{path}: no video of {split} is annotated')
    return {split: members for split, members in splits.items() if split in content}


def count_splits(
    splits: Mapping[str, Sequence[str]], videos: Sequence[str], counts: np.ndarray
) -> dict[str, np.ndarray]:
    """Split -> (C,) boxes of each class."""
    rows = {video: row for row, video in enumerate(videos)}
    return {
        split: counts[[rows[v] for v in members]].sum(axis=0) for split, members in splits.items()
    }


def split_table(
    names: Sequence[str],
    groups: Sequence[str],
    of_split: Mapping[str, np.ndarray],
) -> str:
    """Classes and their boxes in each split, the commonest in training first, as text."""
    order = sorted(range(len(names)), key=lambda i: (-of_split['train'][i], i))
    rows = [('class', *of_split, 'group')]
    rows += [(names[i], *(str(each[i]) for each in of_split.values()), groups[i]) for i in order]
    rows.append(('all', *(str(each.sum()) for each in of_split.values()), ''))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for name, *cells in rows:
        text = '  '.join(cell.rjust(width) for cell, width in zip(cells, widths[1:]))
        lines.append(f'{name.ljust(widths[0])}  {text}'.rstrip())
    return '\n'.join(lines)


def lacking_classes(names: Sequence[str], of_split: Mapping[str, np.ndarray]) -> list[str]:
    """A sentence a split that has no box of a class, with the classes."""
    lacking = {
        split: [repr(name) for name, count in zip(names, counts) if count == 0]
        for split, counts in of_split.items()
    }
    return [
        f'{split} has no box of {counted(len(classes), "class")} '
        f'({"not learned" if split == "train" else "not measured there"}): {some(classes)}'
        for split, classes in lacking.items()
        if classes
    ]


def changed_splits(path: Path, splits: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence where videos were trained on in an earlier import and are not now.

    Args:
        path: The splits.json of that import; there may be none.
        splits: Split -> videos, now.
    """
    if not path.is_file():
        return []
    trained = read_json_object(path).get('train', [])
    moved = [repr(v) for split in splits if split != 'train' for v in splits[split] if v in trained]
    if not moved:
        return []
    return [
        f'{path}: {counted(len(moved), "video")} of its train are in val or test now: train no '
        f'model of before on; --splits keeps videos where they are: {some(moved)}'
    ]
