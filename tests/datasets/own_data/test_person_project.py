from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from mmlt.datasets.own_data.annotated_media import ImageRule, MediaFinder
from mmlt.datasets.own_data.person_project import take_persons, write_person_project
from mmlt.fileio.annotation_formats import read_annotations
from mmlt.fileio.person_tracks import VideoPersons
from mmlt.fileio.video_table import VideoEntry, VideoTable

TMPL = 'img_{:05}.jpg'
# x, a part that starts at 2 s of the film, and y, the part behind it: of 3 and of 2 seconds
VIDEOS = {
    'x': VideoEntry('v/film.mp4', 2, 25, 400, 300),
    'y': VideoEntry('v/film.mp4', 5, 20, 400, 300),
}
PERSONS = {
    'x': VideoPersons(
        np.array([8, 9]),
        np.array([[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]]),
        np.array([0.9, 0.8]),
        np.array([4, 0]),
    ),
    'y': VideoPersons(np.array([7]), np.array([[0, 0, 0.5, 0.5]]), np.ones(1), np.zeros(1, int)),
}


def _table(folder, filename_tmpl):
    table = VideoTable(folder, 10, 7, filename_tmpl, VIDEOS)
    for video_id in VIDEOS if filename_tmpl else ():
        for second in table.seconds(video_id):
            path = table.frame_folder / video_id / TMPL.format(table.frame_of(second))
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.zeros((60, 80, 3), np.uint8))
    return table


def test_images_of_all_keyframes(tmp_path):
    """Also of those without a person; boxes in pixels of the images, which are a fifth as large."""
    table = _table(tmp_path, TMPL)
    path = tmp_path / 'p.json'
    assert write_person_project(path, table, PERSONS, ['a']) == 3
    files = [entry['src'] for entry in json.loads(path.read_text())['file'].values()]
    assert files == [
        *(f'rawframes/x/img_{number:05}.jpg' for number in (0, 10, 20)),
        *(f'rawframes/y/img_{number:05}.jpg' for number in (0, 10)),
    ]
    boxes = read_annotations(path)[1].boxes
    assert [box.media for box in boxes] == [files[1], files[2], files[3]]
    assert [box.corners for box in boxes] == [(8, 12, 24, 24), (0, 0, 80, 60), (0, 0, 40, 30)]
    assert [box.person for box in boxes] == ['4', '0', '0']


def test_one_file_for_all_parts_of_it(tmp_path):
    path = tmp_path / 'sub' / 'p.json'
    assert write_person_project(path, _table(tmp_path, None), PERSONS, ['a']) == 3
    (file,) = json.loads(path.read_text())['file'].values()
    assert (file['src'], file['type']) == ('../v/film.mp4', 4)
    boxes = read_annotations(path)[1].boxes
    assert [box.time_sec for box in boxes] == [3, 4, 5]
    assert boxes[0].corners == (40, 60, 120, 120)


def test_a_video_that_a_browser_stretches(tmp_path):
    table = _table(tmp_path, None)
    wide = {name: each._replace(pixel_aspect=1.5) for name, each in table.videos.items()}
    write_person_project(tmp_path / 'p.json', table._replace(videos=wide), PERSONS, ['a'])
    assert read_annotations(tmp_path / 'p.json')[1].boxes[0].corners == (60, 60, 180, 120)


@pytest.mark.parametrize('filename_tmpl', [None, TMPL])
def test_the_importer_finds_the_keyframes_again(tmp_path, filename_tmpl):
    table = _table(tmp_path, filename_tmpl)
    actions = {'x': [['b', 'a'], []], 'y': [['b']]}
    write_person_project(tmp_path / 'p.json', table, PERSONS, ['a', 'b'], actions=actions)
    boxes = read_annotations(tmp_path / 'p.json')[1].boxes
    assert [box.labels for box in boxes] == [('b', 'a'), (), ('b',)]
    finder = MediaFinder(table, ImageRule())
    places = [finder.find(box) for box in boxes]
    assert [(place.video_id, place.time_sec) for place in places] == [('x', 1), ('x', 2), ('y', 0)]
    rows = [np.array(box.corners) / (*place.size, *place.size) for box, place in zip(boxes, places)]
    expected = np.concatenate([found.boxes_xyxy_norm for found in PERSONS.values()])
    np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_some_of_the_boxes():
    found = take_persons(PERSONS['x'], np.array([False, True]))
    assert [column.tolist() for column in found] == [[9], [[0, 0, 1, 1]], [0.8], [0]]
