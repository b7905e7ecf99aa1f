"""A prepared film of three parts, and labels on it, for the tests of the import."""

from __future__ import annotations

import json
from pathlib import Path

import via3

from mmlt.datasets.own_data.import_annotations import ImportOptions
from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table

OPTIONS = ImportOptions(Path(__file__).parents[1] / 'configs' / 'own_data' / 'slowonly_r50.py')
ATTRIBUTES = [
    via3.attribute('action', options=['walk', 'sit', 'fly']),
    via3.attribute('person_id', via3.TEXT),
]
WIDTH, HEIGHT = 768, 576


def prepared_film(folder):
    """Three parts of ten seconds, from timestamp 900, straight from the file."""
    videos = {f'film_{i + 1}': VideoEntry('film.avi', 10 * i, 100, WIDTH, HEIGHT) for i in range(3)}
    folder.mkdir()
    write_video_table(VideoTable(folder, 10, 900, None, videos))
    return folder


def write_project(folder, rows):
    """A VIA 3 project of (second of the film, x y width height, values of attributes)."""
    entries = [('film.avi', [t], [2, *box], av) for t, box, av in rows]
    content = via3.project(['film.avi'], entries, ATTRIBUTES)
    (folder / 'labels.json').write_text(json.dumps(content), encoding='utf-8')
    return folder / 'labels.json'


def labelled(folder):
    """Second 3 of each part: walk and sit in the first two, walk and fly in the last."""
    rows = [
        (t, (77, 58, 100, 200), {'1': '0,1' if t < 20 else '0,2', '2': '4'}) for t in (3, 13, 23)
    ]
    return write_project(folder, rows)
