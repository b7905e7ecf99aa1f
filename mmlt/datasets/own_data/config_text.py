"""The config of a data set of one's own: what depends on the data, over a base config."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from mmlt.datasets.own_data.training_plan import Groups, Schedule

CONFIG_FILE = 'config.py'
_MAX_NAMES = 5
_TEMPLATE = '''"""{title}

{counts}
Written by tools/data/import_annotations.py; yours to edit.
Command: tools/dist_train.sh {config} GPUS
"""

_base_ = {base!r}

root = "{{{{ fileDirname }}}}"  # the folder of this file
annotations = f'{{root}}/annotations'
num_classes = {highest} + 1  # the highest class id, and column 0, which is mmaction2's

classes = dict(label_file=f'{{annotations}}/label_map.pbtxt', num_classes=num_classes)
groups = dict(
    class_counts=f'{{annotations}}/counts.json',
    head_min={head_min},  # head: more training boxes; {head}
    tail_max={tail_max},  # tail: at most so many; {tail}
)


def dataset(split):
    return dict(
        ann_file=f'{{annotations}}/{{split}}.csv',
        proposal_file=f'{{root}}/proposals.pkl',
        person_det_score_thr={score_thr},  # {score_source}
        video_table=f'{{root}}/videos.json',  # rate and length of the videos, and their frames
        **classes,
    )


def evaluator(split):
    return dict(ann_file=f'{{annotations}}/{{split}}.csv', **classes, **groups)


{flips}train_dataloader = dict(batch_size={batch_size}, dataset={train})
val_dataloader = dict(dataset=dataset('val'))
test_dataloader = dict(dataset=dataset({test!r}))
val_evaluator = evaluator('val')
test_evaluator = evaluator({test!r})

model = dict(roi_head=dict(bbox_head=dict(num_classes=num_classes, topk={topk})))
train_cfg = dict(max_epochs={max_epochs})  # of {num_keyframes} clips
work_dir = {work_dir!r}
'''
_NO_FLIPS = """# {names}: in a mirror another class
pipeline = [step for step in _base_.train_dataloader.dataset.pipeline if step['type'] != 'Flip']
"""
#: Words of a class that becomes another one when the clip is flipped.
_SIDES = re.compile(r'\b(left|right|(counter|anti)?-?clockwise)\b', re.IGNORECASE)


class ConfigValues(NamedTuple):
    """What goes into a config.

    Attributes:
        base: The base config.
        names: Class id -> name.
        train_counts: Class id -> training boxes.
        groups: Where head and tail end.
        num_videos: Split -> videos.
        num_keyframes: Split -> annotated keyframes.
        schedule: Epochs and batch size.
        topk: Of the head.
        score_thr: ``person_det_score_thr``.
        score_source: Where it comes from, in words.
    """

    base: Path
    names: Mapping[int, str]
    train_counts: Mapping[int, int]
    groups: Groups
    num_videos: Mapping[str, int]
    num_keyframes: Mapping[str, int]
    schedule: Schedule
    topk: tuple[int, ...]
    score_thr: float
    score_source: str


def config_text(folder: Path, values: ConfigValues) -> str:
    """The text of the config in a folder.

    Args:
        folder: Where it is to lie.
        values: What it says.
    """
    members = {
        group: [
            values.names[class_id]
            for class_id, count in values.train_counts.items()
            if values.groups.of(count) == group
        ]
        for group in ('head', 'tail')
    }
    splits = ', '.join(
        f'{split} {count} ({values.num_keyframes[split]} keyframes)'
        for split, count in values.num_videos.items()
    )
    sided = sided_classes(values.names.values())
    return _TEMPLATE.format(
        flips=_NO_FLIPS.format(names=_listed(sided)) if sided else '',
        train="dict(**dataset('train'), pipeline=pipeline)" if sided else "dataset('train')",
        work_dir=f'work_dirs/{folder.resolve().name}',
        title=f'Own data in {folder.resolve().name}: {len(values.names)} classes.',
        counts=f'Videos: {splits}.',
        config=shlex.quote((folder / CONFIG_FILE).as_posix()),
        base=_base_path(folder, values.base),
        highest=max(values.names),
        head_min=values.groups.head_min,
        tail_max=values.groups.tail_max,
        head=_listed(members['head']),
        tail=_listed(members['tail']),
        score_thr=values.score_thr,
        score_source=values.score_source,
        batch_size=values.schedule.batch_size,
        test='test' if 'test' in values.num_videos else 'val',
        topk=values.topk,
        max_epochs=values.schedule.max_epochs,
        num_keyframes=values.num_keyframes['train'],
    )


def sided_classes(names: Iterable[str]) -> list[str]:
    """The classes that a flipped clip would be labelled wrongly with, by their names.

    Example:
        >>> sided_classes(['turn left', 'Right-hand wave', 'bright', 'stand', 'leftover'])
        ['turn left', 'Right-hand wave']
    """
    return [name for name in names if _SIDES.search(name.replace('_', ' '))]


def config_remarks(path: Path, names: Iterable[str]) -> list[str]:
    """What a written config decides and its reader should know: the schedule, and flips.

    Args:
        path: The config.
        names: Of its classes.
    """
    cfg = Config.fromfile(path)
    loader, epochs = cfg.train_dataloader, cfg.train_cfg.max_epochs
    schedule = f'{epochs} epochs, {loader.batch_size} clips a step and GPU'
    sided = sided_classes(names)
    if sided:
        flips = f'not flipped, for in a mirror {sided[0]!r} would be another class'
    elif any(step.type == 'Flip' for step in loader.dataset.pipeline):
        flips = 'flipped by chance: if a class has a side, as left and right have, take Flip out'
    else:
        flips = 'not flipped'
    return [f'{path}: {schedule}; clips are {flips}']


def _base_path(folder: Path, base: Path) -> str:
    """Relative where both lie in one checkout, so that it may be moved; else absolute."""
    folder, base = folder.resolve(), base.resolve()
    checkout = next((each for each in base.parents if (each / 'configs').is_dir()), None)
    if checkout is not None and checkout in folder.parents:
        return Path(os.path.relpath(base, folder)).as_posix()
    return base.as_posix()


def _listed(names: Sequence[str]) -> str:
    """The first names on one line of a comment."""
    more = f' and {len(names) - _MAX_NAMES} more' if len(names) > _MAX_NAMES else ''
    return (', '.join(names[:_MAX_NAMES]) + more) if names else 'none'
