"""Which keyframes a page shows, and the pictures of them as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.evaluation.dataset_page.classes import ClassRow
from mmlt.evaluation.report.html import escape, section, tag
from mmlt.fileio.dataset_checks.overlap import IOU_THRESHOLD
from mmlt.fileio.dataset_checks.whole import DatasetCheck

RANDOM_OF_SPLIT = 6
WORST_OF_SPLIT = 6
RARE_CLASSES = 8
OF_RARE_CLASS = 4
_MOST_NAMES = 3  # of labels below a picture
_SAMPLES = 'One annotated box each, and its labels. Are they right?'


class Keyframe(NamedTuple):
    """A keyframe to be shown.

    Attributes:
        split: Its split.
        video: Video id.
        second: Timestamp in s.
        annotated: (k, 4) boxes.
        proposed: (m, 4) boxes of person_det_score_thr or more.
        caption: What is to be seen, as text.
        around: (4,) the box that it is about; None: the whole frame.
    """

    split: str
    video: str
    second: int
    annotated: np.ndarray
    proposed: np.ndarray
    caption: str
    around: np.ndarray | None = None


class Picture(NamedTuple):
    """A picture for an ``<img>``, or why there is none."""

    uri: str
    width: int
    height: int
    reason: str = ''


Draw = Callable[[Keyframe], Picture]


def random_keyframes(check: DatasetCheck, split: str, seed: int = 0) -> list[Keyframe]:
    """A few keyframes of a split, in their order."""
    starts = _first_rows(check, split)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(starts))[:RANDOM_OF_SPLIT])
    return [keyframe_of(check, split, int(starts[i])) for i in chosen]


def worst_keyframes(check: DatasetCheck, split: str) -> list[Keyframe]:
    """Keyframes with the boxes that the proposals meet worst; only those missed (IoU below .5)."""
    if split not in check.fits:
        return []
    fit = check.fits[split]
    missed = np.argsort(fit.best_iou, kind='stable')
    missed = missed[fit.best_iou[missed] < IOU_THRESHOLD]
    keys = fit.boxes.keys[missed]
    missed = missed[np.sort(np.unique(keys, return_index=True)[1])]  # a keyframe once
    shown = []
    for box in _of_many_videos(missed, fit.boxes.keys >> 32)[:WORST_OF_SPLIT]:
        keyframe = keyframe_of(check, split, int(fit.boxes.rows[box]))
        text = f'{keyframe.caption}: best IoU {fit.best_iou[box]:.2f}'
        shown.append(keyframe._replace(caption=text))
    return shown


def _of_many_videos(boxes: np.ndarray, videos: np.ndarray) -> list[int]:
    """The first box of each video, then the second of each, and so on."""
    seen: dict[int, int] = {}
    turns = []
    for box in boxes.tolist():
        video = int(videos[box])
        turns.append(seen.get(video, 0))
        seen[video] = turns[-1] + 1
    return boxes[np.argsort(turns, kind='stable')].tolist()


def rare_samples(check: DatasetCheck, row: ClassRow, seed: int = 0) -> list[Keyframe]:
    """Up to four boxes of a class, of training first, then of the other splits."""
    found = []
    for split, rows in check.rows.items():
        own = np.flatnonzero(rows.boxes.labels == row.class_id)
        chosen = np.sort(np.random.default_rng(seed).permutation(own)[: OF_RARE_CLASS - len(found)])
        found += [_sample(check, split, index) for index in chosen.tolist()]
    return found


def _sample(check: DatasetCheck, split: str, row: int) -> Keyframe:
    """A keyframe cut to one box, with the labels of that box alone."""
    keyframe, boxes = keyframe_of(check, split, row), check.rows[split].boxes
    box = boxes.boxes_xyxy_norm[row]
    own = (boxes.video_index == boxes.video_index[row]) & (boxes.boxes_xyxy_norm == box).all(axis=1)
    own &= boxes.timestamps == boxes.timestamps[row]
    caption = _caption(check, keyframe.video, keyframe.second, boxes.labels[own])
    return keyframe._replace(
        annotated=box[None], proposed=np.empty((0, 4)), caption=caption, around=box
    )


def _caption(check: DatasetCheck, video: str, second: int, labels: np.ndarray) -> str:
    names = list(dict.fromkeys(check.label_map.get(i, f'class {i}') for i in labels.tolist()))
    shown = ', '.join(names[:_MOST_NAMES]) + (', …' if names[_MOST_NAMES:] else '')
    return f'{video}, {second} s: {shown}'


def _first_rows(check: DatasetCheck, split: str) -> np.ndarray:
    boxes = check.rows[split].boxes
    keys = (boxes.video_index.astype(np.int64) << 32) + boxes.timestamps
    return np.sort(np.unique(keys, return_index=True)[1])


def keyframe_of(check: DatasetCheck, split: str, row: int) -> Keyframe:
    """The keyframe of a row, with all of its boxes and labels."""
    settings = next(s for s in check.splits if s.name == split)
    boxes = check.rows[split].boxes
    own = np.flatnonzero(
        (boxes.video_index == boxes.video_index[row]) & (boxes.timestamps == boxes.timestamps[row])
    )
    video, second = str(boxes.video_names[boxes.video_index[row]]), int(boxes.timestamps[row])
    proposals, proposed = check.proposals.get(settings.proposal_file), np.empty((0, 4))
    if proposals is not None and not proposals.in_pixels:
        frames = np.flatnonzero((proposals.videos == video) & (proposals.seconds == second))
        is_own = np.isin(proposals.frames, frames)
        is_own &= proposals.scores >= settings.person_det_score_thr
        proposed = proposals.boxes[is_own]
    annotated = np.unique(boxes.boxes_xyxy_norm[own], axis=0)
    caption = _caption(check, video, second, boxes.labels[own])
    return Keyframe(split, video, second, annotated, proposed, caption)


def picture_sections(check: DatasetCheck, rows: Sequence[ClassRow], draw: Draw) -> str:
    """Random keyframes, those that the proposals meet worst, and samples of the rarest classes."""
    key = (
        '<b class="annotated">Green</b>: annotated, drawn over <b class="detected">orange</b>: '
        'proposed (person_det_score_thr or more). '
    )
    random = {split: random_keyframes(check, split) for split in check.rows}
    worst = {split: worst_keyframes(check, split) for split in check.rows}
    rare = [row for row in reversed(rows) if sum(row.counts)][:RARE_CLASSES]
    samples = {f'{row.name} ({_told(row)})': rare_samples(check, row) for row in rare}
    return (
        _gallery(
            'Keyframes by chance', key + 'Are boxes and people in the same place?', random, draw
        )
        + _gallery(
            'Keyframes that the proposals meet worst',
            key + 'Boxes that no proposal meets with an IoU of .5.',
            worst,
            draw,
        )
        + _gallery('Samples of the rarest classes', _SAMPLES, samples, draw)
    )


def _told(row: ClassRow) -> str:
    return ' + '.join(f'{count:,}' for count in row.counts)


def _gallery(heading: str, hint: str, groups: Mapping[str, Sequence[Keyframe]], draw: Draw) -> str:
    parts = []
    for name, keyframes in groups.items():
        if keyframes:
            items = ''.join(_item(keyframe, draw(keyframe)) for keyframe in keyframes)
            parts.append(tag('h3', escape(name)) + tag('ul', items, 'thumbs'))
    return section(heading, tag('p', hint, 'hint'), *parts) if parts else ''


def _item(keyframe: Keyframe, picture: Picture) -> str:
    size = f'width="{picture.width}" height="{picture.height}"'
    shown = f'<img src="{picture.uri}" {size} alt="{escape(keyframe.caption)}">'
    if picture.reason:
        shown = tag('div', escape(picture.reason), 'absent')
    style = f'style="width: {max(picture.width, 150)}px"'
    return tag('li', tag(f'figure {style}', shown + tag('figcaption', escape(keyframe.caption))))
