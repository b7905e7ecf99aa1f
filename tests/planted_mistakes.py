"""Mistakes planted in a copy of the small good set, and what is to be said of each."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from small_own_data import HEIGHT, WIDTH


class Trap(NamedTuple):
    """A planted mistake.

    Attributes:
        plant: Changes the files of a set.
        kind: Of the finding.
        file: Its file, relative to the set.
        place: (line, part of the value) of its first place; None where it has none.
        training: Part of the error or warning of a training.
        table: Whether the set has a videos.json.
    """

    plant: Callable[[Path], None]
    kind: str
    file: str
    place: tuple[int | None, str] | None
    training: str
    table: bool = False


def _csv(split: str) -> str:
    return f'annotations/{split}.csv'


def _edit(file: str, change: Callable[[list[str]], list[str]], end: str = '\n') -> Callable:
    """Change the lines of a text file."""

    def plant(root: Path) -> None:
        lines = (root / file).read_text().splitlines()
        (root / file).write_bytes(end.join([*change(lines), '']).encode())

    return plant


def _column(file: str, index: int, change: Callable[[str], str], rows=slice(None)) -> Callable:
    """Change a column of some rows."""

    def edit(lines: list[str]) -> list[str]:
        for at in range(len(lines))[rows]:
            fields = lines[at].split(',')
            fields[index] = change(fields[index])
            lines[at] = ','.join(fields)
        return lines

    return _edit(file, edit)


def _corners(file: str, change: Callable[[list[float]], list[float]], rows=slice(None)) -> Callable:
    def edit(lines: list[str]) -> list[str]:
        for at in range(len(lines))[rows]:
            video, second, *corners, label, person = lines[at].split(',')
            shown = [f'{value:g}' for value in change([float(c) for c in corners])]
            lines[at] = ','.join([video, second, *shown, label, person])
        return lines

    return _edit(file, edit)


def _proposals(change: Callable[[dict], dict]) -> Callable:
    def plant(root: Path) -> None:
        path = root / 'proposals.pkl'
        path.write_bytes(pickle.dumps(change(pickle.loads(path.read_bytes()))))

    return plant


def _frames(video: str, numbers: range) -> Callable:
    def plant(root: Path) -> None:
        for number in numbers:
            (root / 'rawframes' / video / f'img_{number:05d}.jpg').unlink()

    return plant


def _rename(old: str, new: str) -> Callable:
    return lambda root: (root / old).rename(root / new)


def _config(old: str, new: str) -> Callable:
    def plant(root: Path) -> None:
        text = (root / 'config.py').read_text()
        assert old in text
        (root / 'config.py').write_text(text.replace(old, new))

    return plant


def _label_map(change: Callable[[str], str]) -> Callable:
    def plant(root: Path) -> None:
        path = root / 'annotations' / 'label_map.pbtxt'
        path.write_text(change(path.read_text()))

    return plant


def _table(change: Callable[[dict], None]) -> Callable:
    def plant(root: Path) -> None:
        content = json.loads((root / 'videos.json').read_text())
        change(content)
        (root / 'videos.json').write_text(json.dumps(content))

    return plant


def _both(*plants: Callable) -> Callable:
    def plant(root: Path) -> None:
        for each in plants:
            each(root)

    return plant


def _seconds_later(proposals: dict) -> dict:
    moved = {}
    for key, boxes in proposals.items():
        video, second = key.split(',')
        moved[f'{video},{int(second) + 1:04d}'] = boxes
    return moved


_PIXELS = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
TRAIN, VAL, MAP = _csv('train'), _csv('val'), 'annotations/label_map.pbtxt'
TRAPS = {
    'ids from 0': Trap(
        _both(*(_column(_csv(s), 6, lambda v: str(int(v) - 1)) for s in ('train', 'val', 'test'))),
        'low_class_ids',
        TRAIN,
        (2, 'walk_a,0,0.83,0.3,0.98,0.95,0'),
        'ids start at 1',
    ),
    'timestamps between seconds': Trap(
        _column(TRAIN, 1, lambda v: f'{v}.5', slice(4, 6)),
        'float_timestamp',
        TRAIN,
        (5, '2.5'),
        'line 5: timestamp is .2.5.: it must be a whole number',
    ),
    'timestamps with a point': Trap(
        _column(TRAIN, 1, lambda v: f'{v}.0'),
        'whole_float_timestamp',
        TRAIN,
        (1, '0.0'),
        'timestamps written with a point',
    ),
    'boxes in pixels': Trap(
        _corners(TRAIN, lambda c: [a * b for a, b in zip(c, _PIXELS)]),
        'pixel_boxes',
        TRAIN,
        (1, 'walk_a,0,1.28,9.6,10.88,38.4,2'),
        'in pixels',
    ),
    'x and y swapped': Trap(
        _corners(TRAIN, lambda c: [c[1], c[0], c[3], c[2]]),
        'swapped_axes',
        TRAIN,
        (1, 'walk_a,0,0.2,0.02,0.8,0.17,2'),
        'order y1, x1, y2, x2',
    ),
    'x and y swapped, no proposals': Trap(
        _both(
            _corners(TRAIN, lambda c: [c[1], c[0], c[3], c[2]]),
            _config("    proposal_file=f'{root}/proposals.pkl',\n", ''),
        ),
        'wide_boxes',
        TRAIN,
        (1, 'walk_a,0,0.2,0.02,0.8,0.17,2'),
        'wider than tall',
    ),
    'proposals with x and y swapped': Trap(
        _proposals(lambda p: {k: v[:, [1, 0, 3, 2, 4]] for k, v in p.items()}),
        'swapped_axes',
        'proposals.pkl',
        (None, "'walk_a,0000': [0.21"),
        'order y1, x1, y2, x2',
    ),
    'a header line': Trap(
        _edit(TRAIN, lambda lines: ['video_id,timestamp,x1,y1,x2,y2,label,person_id', *lines]),
        'header',
        TRAIN,
        (1, 'video_id,timestamp'),
        'is line 1 a header',
    ),
    'Windows line ends': Trap(
        _edit(TRAIN, lambda lines: lines, end='\r\n'),
        'windows_line_ends',
        TRAIN,
        (1, 'CR LF'),
        'Windows line ends',
    ),
    'a byte-order mark': Trap(
        _edit(TRAIN, lambda lines: ['\ufeff' + lines[0], *lines[1:]]),
        'byte_order_mark',
        TRAIN,
        (1, 'EF BB BF'),
        'byte-order mark',
    ),
    'spaces around names': Trap(
        _column(TRAIN, 0, lambda v: f'{v} ', slice(2, 4)),
        'spaces',
        TRAIN,
        (3, "'walk_a '"),
        'walk_a ',
    ),
    'a row of seven columns': Trap(
        _edit(TRAIN, lambda lines: [*lines[:6], lines[6].rpartition(',')[0], *lines[7:]]),
        'columns',
        TRAIN,
        (7, 'walk_a,3'),
        'line 7 has 7 columns where 8 columns are due',
    ),
    'no person ids': Trap(
        _edit(TRAIN, lambda lines: [line.rpartition(',')[0] for line in lines]),
        'no_person_ids',
        TRAIN,
        (1, 'walk_a,0'),
        '7 columns; annotations need 8',
    ),
    'a label that is a word': Trap(
        _column(TRAIN, 6, lambda v: 'wave', slice(1, 2)),
        'bad_value',
        TRAIN,
        (2, "'wave'"),
        'line 2: label is .wave.: it must be a number',
    ),
    'x1 beyond x2': Trap(
        _corners(TRAIN, lambda c: [c[2], c[1], c[0], c[3]], slice(3, 4)),
        'reversed_corners',
        TRAIN,
        (4, 'walk_a,1,0.88'),
        'line 4: x1 is .* must not exceed x2',
    ),
    'boxes without an area': Trap(
        _corners(TRAIN, lambda c: [c[0], c[1], c[0], c[3]], slice(5, 6)),
        'zero_area',
        TRAIN,
        (6, 'walk_a,2,0.63,0.3,0.63,0.95,1'),
        'boxes without an area',
    ),
    'labels beyond num_classes': Trap(
        _column(TRAIN, 6, lambda v: '9', slice(1, 3)),
        'class_outside_columns',
        TRAIN,
        (2, ',9'),
        'line 2: class id 9 does not fit num_classes=4',
    ),
    'labels outside of the label map': Trap(
        _both(
            _column(TRAIN, 6, lambda v: '4', slice(1, 2)), _config('num_classes=4', 'num_classes=5')
        ),
        'class_outside_map',
        TRAIN,
        (2, ',4'),
        'class ids that the label map does not hold',
    ),
    'too many columns of scores': Trap(
        _config('num_classes=4', 'num_classes=81'),
        'unused_columns',
        MAP,
        None,
        'num_classes=81 leaves 77 columns',
    ),
    'repeated rows': Trap(
        _edit(TRAIN, lambda lines: [*lines, lines[0], lines[1]]),
        'repeated_rows',
        TRAIN,
        (33, 'walk_a,0,0.02'),
        '2 of 34 rows repeat',
    ),
    'one person twice on a keyframe': Trap(
        _column(TRAIN, 7, lambda v: '0', slice(1, 2)),
        'person_twice',
        TRAIN,
        (2, 'walk_a,0,0.83'),
        'two boxes of one person',
    ),
    'a video name in capitals': Trap(
        _column(VAL, 0, lambda v: 'Walk_C'),
        'video_name',
        VAL,
        (1, "'Walk_C', there 'walk_c'"),
        'Walk_C',
    ),
    'a video name with its extension': Trap(
        _column(TRAIN, 0, lambda v: v.replace('walk_b', 'walk_b.mp4')),
        'video_name',
        TRAIN,
        (17, "'walk_b.mp4', there 'walk_b'"),
        'walk_b.mp4',
    ),
    'a folder of frames in capitals': Trap(
        _rename('rawframes/walk_b', 'rawframes/WALK_B'),
        'video_name',
        TRAIN,
        (17, "'walk_b', there 'WALK_B'"),
        'videos lack the last frame.*walk_b',
    ),
    'proposals with another video name': Trap(
        _proposals(lambda p: {k.replace('walk_b', 'walk_b.avi'): v for k, v in p.items()}),
        'video_name',
        TRAIN,
        (17, "'walk_b', there 'walk_b.avi'"),
        "there 'walk_b.avi'",
    ),
    'one video under two names': Trap(
        _both(
            _column(TRAIN, 0, lambda v: 'Walk_A', slice(2, 4)),
            _proposals(lambda p: {**p, 'Walk_A,0001': p['walk_a,0001']}),
            lambda root: (root / 'rawframes' / 'Walk_A').symlink_to(root / 'rawframes' / 'walk_a'),
        ),
        'name_variants',
        TRAIN,
        (3, "'walk_a' and 'Walk_A'"),
        'differ in case or extension alone',
    ),
    'an excluded list of other videos': Trap(
        _edit('annotations/excluded.csv', lambda _: ['other,7', 'another,8']),
        'excluded_unknown',
        'annotations/excluded.csv',
        (None, 'another,8'),
        'excludes nothing',
    ),
    'a folder of frames that is not there': Trap(
        _rename('rawframes/walk_b', 'elsewhere'),
        'missing_frames',
        TRAIN,
        (17, 'rawframes/walk_b'),
        'videos lack the last frame',
    ),
    'frames called otherwise': Trap(
        _config('img_{:05}.jpg', 'frame_{:06}.jpg'),
        'frame_names',
        TRAIN,
        (1, "holds 'img_00000.jpg'"),
        'videos lack the last frame',
    ),
    'frames that end early': Trap(
        _frames('walk_a', range(30, 40)),
        'short_frames',
        TRAIN,
        (1, 'ends at frame 29, and a clip reaches 37'),
        'videos lack the last frame',
    ),
    'holes in the frames': Trap(
        _frames('walk_b', range(11, 14)),
        'frame_holes',
        TRAIN,
        (17, 'lacks frames 11, 12, 13'),
        'holes in the numbering',
    ),
    'keyframes after the video': Trap(
        _column(TRAIN, 1, lambda v: '12', slice(14, 15)),
        'keyframe_outside',
        TRAIN,
        (15, 'walk_a,12'),
        'outside of timestamp_start=0',
    ),
    'keyframes at the very end': Trap(
        _column(TRAIN, 1, lambda v: '8', slice(31, 32)),
        'keyframe_at_end',
        TRAIN,
        (32, 'walk_b,8'),
        'where the frames end',
    ),
    'keyframes after the end of their own video': Trap(
        _table(lambda t: t['videos']['walk_b'].update(num_frames=30)),
        'keyframe_outside',
        TRAIN,
        (29, 'walk_b,6'),
        'outside of the video',
        True,
    ),
    'a video that the table has not': Trap(
        _table(lambda t: t['videos'].pop('walk_b')),
        'video_not_in_table',
        TRAIN,
        (17, "'walk_b'"),
        "has no video 'walk_b'",
        True,
    ),
    'other frames than the table says': Trap(
        _table(lambda t: t['videos']['walk_c'].update(num_frames=37)),
        'table_frames',
        'videos.json',
        (None, "'walk_c': 40 frames on disk, 37 in the table"),
        'another number of frames',
        True,
    ),
    'a film of another length than the table says': Trap(
        _table(lambda t: t['videos']['walk_d'].update(start_sec=60.0)),
        'table_length',
        'videos.json',
        (None, 'the file lasts 32.0 s, the table has it end at 68.0'),
        'of another length',
        True,
    ),
    'parts of one film that overlap': Trap(
        _table(lambda t: t['videos']['walk_c'].update(start_sec=12.0)),
        'shared_footage',
        VAL,
        (1, "'walk_c', 12 to 20 s"),
        'same seconds of a file',
        True,
    ),
    'keyframes without a proposal': Trap(
        _proposals(
            lambda p: {k: v for k, v in p.items() if k not in ('walk_a,0002', 'walk_b,0005')}
        ),
        'no_proposal',
        TRAIN,
        (5, 'walk_a,0002'),
        'no proposal for 2 of 15 keyframes',
    ),
    'proposals of other videos': Trap(
        _proposals(lambda p: {k.replace('walk', 'run'): v for k, v in p.items()}),
        'no_keyframe_proposed',
        'proposals.pkl',
        None,
        'no keyframe of .* has a proposal',
    ),
    'proposals in pixels': Trap(
        _proposals(lambda p: {k: v * [*_PIXELS, 1] for k, v in p.items()}),
        'proposal_pixels',
        'proposals.pkl',
        (None, "'walk_a,0000': [1.6"),
        'in pixels',
    ),
    'proposals a second late': Trap(
        _proposals(_seconds_later),
        'shifted_seconds',
        'proposals.pkl',
        None,
        'seconds shifted',
    ),
    'proposals beside the people': Trap(
        _proposals(lambda p: {k: v * [1, 0.55, 1, 0.55, 1] for k, v in p.items()}),
        'low_recall',
        'proposals.pkl',
        (1, 'walk_a,0'),
        'proposals find 0% of the annotated boxes',
    ),
    'proposals of too low a score': Trap(
        _proposals(lambda p: {k: v * [1, 1, 1, 1, 0.5] for k, v in p.items()}),
        'low_scores',
        'proposals.pkl',
        (None, "'walk_a,0000': 0.495"),
        'no proposal reaches person_det_score_thr',
    ),
    'train and val share a video': Trap(
        _edit(VAL, lambda lines: [*lines, 'walk_b,6,0.1,0.2,0.3,0.9,1,0']),
        'shared_video',
        VAL,
        (17, "'walk_b'"),
        'videos that train',
    ),
    'train and test share a keyframe': Trap(
        _edit('annotations/test.csv', lambda lines: [*lines, 'walk_b,5,0.1,0.2,0.3,0.9,1,0']),
        'shared_keyframe',
        'annotations/test.csv',
        (17, 'walk_b,5'),
        'keyframes that train',
    ),
    'a class without a box in val': Trap(
        _column(VAL, 6, lambda v: v.replace('3', '1')),
        'class_without_box',
        VAL,
        (None, '3 (wave)'),
        'classes without a box in val',
    ),
    'a class without a box in train': Trap(
        _column(TRAIN, 6, lambda v: v.replace('3', '1')),
        'class_without_box',
        TRAIN,
        (None, '3 (wave)'),
        'classes without a box in train',
    ),
    'a label map with gaps': Trap(
        _both(
            *(_column(_csv(s), 6, lambda v: v.replace('3', '5')) for s in ('train', 'val', 'test')),
            _label_map(lambda text: text.replace('id: 3', 'id: 5')),
            _config('num_classes=4', 'num_classes=6'),
        ),
        'label_map_gaps',
        MAP,
        None,
        'ids without a class or a box: 3, 4',
    ),
    'a label map that repeats a name': Trap(
        _label_map(lambda text: text.replace('wave', 'walk')),
        'bad_label_map',
        MAP,
        None,
        "name 'walk' repeated",
    ),
    'a label map that mmaction2 does not read': Trap(
        _label_map(lambda text: re.sub('\n *', ' ', text).replace('} ', '}\n')),
        'label_map_layout',
        MAP,
        (1, "class 1, 'stand'"),
        'a layout that mmaction2 does not read',
    ),
}
