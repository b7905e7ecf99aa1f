"""A small good data set in AVA's format, drawn: two people walk past each other in each video."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np

from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table

WIDTH, HEIGHT, FPS, NUM_SECONDS = 64, 48, 5, 8
VIDEOS = {'train': ('walk_a', 'walk_b'), 'val': ('walk_c',), 'test': ('walk_d',)}
CLASSES = {1: 'stand', 2: 'walk', 3: 'wave'}
LABEL_MAP = ''.join(f'item {{\n  name: "{n}"\n  id: {i}\n}}\n' for i, n in CLASSES.items())
CONFIG = """
default_scope = 'mmaction'
root = '{{{{ fileDirname }}}}'
pipeline = [
    dict(type='SampleAVAFrames', clip_len=4, frame_interval=2, test_mode=True),
    dict(type='RawFrameDecode'),
    dict(type='FormatShape', input_format='NCTHW', collapse=True),
    dict(type='PackActionInputs'),
]
shared = dict(
    type='{type}',
    pipeline=pipeline,
    label_file=f'{{root}}/annotations/label_map.pbtxt',
    proposal_file=f'{{root}}/proposals.pkl',
    exclude_file=f'{{root}}/annotations/excluded.csv',
    num_classes=4,
    {place}
)
{loaders}
"""
_LOADER = """
{name}_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(ann_file=f'{{root}}/annotations/{name}.csv', {mode}**shared),
)
"""
_ON_DISK = """data_prefix=dict(img=f'{root}/rawframes'),
    filename_tmpl='img_{:05}.jpg',
    start_index=0,
    fps=5,
    timestamp_start=0,
    timestamp_end=8,"""


def person_boxes(second: int) -> list[list[float]]:
    """Two people: one comes from the left, one from the right."""
    left, right = 0.02 + 0.1 * second, 0.83 - 0.1 * second
    return [[left, 0.2, left + 0.15, 0.8], [right, 0.3, right + 0.15, 0.95]]


def rows_of(video: str) -> list[str]:
    """Rows of a CSV: the first walks, the second stands, and in the middle waves."""
    rows = []
    for second in range(NUM_SECONDS):
        for person, box in enumerate(person_boxes(second)):
            label = 2 if person == 0 else 3 if second in (3, 4) else 1
            corners = ','.join(f'{value:.3f}' for value in box)
            rows.append(f'{video},{second},{corners},{label},{person}')
    return rows


def write_small_set(root: Path, *, dataset: str = 'mmlt.AVADataset', table: bool = False) -> Path:
    """Write frames, annotations, proposals and config.py; of a table, videos.json too."""
    proposals = {}
    for split, videos in VIDEOS.items():
        path = root / 'annotations' / f'{split}.csv'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes('\n'.join([*sum(map(rows_of, videos), []), '']).encode())
        for video in videos:
            _draw_frames(root / 'rawframes' / video)
            for second in range(NUM_SECONDS):
                boxes = np.array(person_boxes(second)) + [0.005, 0.01, -0.005, 0.01]
                proposals[f'{video},{second:04d}'] = np.column_stack([boxes, [0.99, 0.95]])
    (root / 'proposals.pkl').write_bytes(pickle.dumps(proposals))
    (root / 'annotations' / 'label_map.pbtxt').write_text(LABEL_MAP)
    (root / 'annotations' / 'excluded.csv').write_text('walk_a,7\nwalk_c,7\nwalk_d,7\n')
    place = "video_table=f'{root}/videos.json'," if table else _ON_DISK
    if table:
        _write_table(root)
    modes = {'train': '', 'val': 'test_mode=True, ', 'test': 'test_mode=True, '}
    loaders = ''.join(_LOADER.format(name=n, mode=mode) for n, mode in modes.items())
    text = CONFIG.format(type=dataset, place=place, loaders=loaders)
    (root / 'config.py').write_text(text)
    return root


def _draw_frames(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(FPS * NUM_SECONDS):
        frame = np.full((HEIGHT, WIDTH, 3), 210, np.uint8)
        for x1, y1, x2, y2 in person_boxes(number / FPS):
            corners = [
                (round(x1 * WIDTH), round(y1 * HEIGHT)),
                (round(x2 * WIDTH), round(y2 * HEIGHT)),
            ]
            cv2.rectangle(frame, *corners, (60, 60, 160), cv2.FILLED)
        cv2.imwrite(str(folder / f'img_{number:05d}.jpg'), frame)


def _write_table(root: Path) -> None:
    film = root / 'film.avi'
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*'MJPG'), FPS, (WIDTH, HEIGHT))
    names = sorted(sum(VIDEOS.values(), ()))
    for _ in names:
        for number in range(FPS * NUM_SECONDS):
            writer.write(np.full((HEIGHT, WIDTH, 3), number, np.uint8))
    writer.release()
    videos = {
        name: VideoEntry('film.avi', float(NUM_SECONDS * i), FPS * NUM_SECONDS, WIDTH, HEIGHT)
        for i, name in enumerate(names)
    }
    write_video_table(VideoTable(root, FPS, 0, 'img_{:05}.jpg', videos))
