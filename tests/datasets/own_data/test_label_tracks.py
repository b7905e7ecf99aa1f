from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlt.datasets.own_data.label_tracks import label_tracks
from mmlt.fileio.annotation_formats import read_annotations
from mmlt.fileio.person_tracks import (
    DetectorRecord,
    VideoPersons,
    write_detector_record,
    write_persons_csv,
)
from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table

TOOL = Path(__file__).parents[3] / 'tools' / 'data' / 'label_tracks.py'
SECONDS, HEIGHT = np.arange(5, 9), 0.2


def _track(start, step, score=0.9):
    """Four boxes of one track, a tenth wide: seconds, boxes, scores."""
    lefts = start[0] + step * np.arange(4)
    ones = np.ones(4)
    boxes = np.stack([lefts, start[1] * ones, lefts + 0.1, (start[1] + HEIGHT) * ones], axis=1)
    return SECONDS, boxes, score * ones


def _persons(*tracks):
    columns = [np.concatenate(column) for column in zip(*tracks)]
    order = np.argsort(columns[0], kind='stable')
    ids = np.repeat(np.arange(len(tracks)), [len(track[0]) for track in tracks])
    return VideoPersons(*(column[order] for column in (*columns, ids)))


def _write(folder, filename_tmpl=None, score=0.9):
    """Two who walk right side by side, one who walks left far away, a post and a ghost."""
    right, beside = _track((0.1, 0.3), 0.1, score), _track((0.15, 0.3), 0.1, score)
    left, post = _track((0.6, 0.7), -0.1, score), _track((0.8, 0.1), 0, score)
    ghost = _track((0.4, 0.1), 0.1, score / 2)
    persons = _persons(right, beside, left, post, ghost)
    entry = VideoEntry('v.mp4', 0, 40, 400, 300)
    table = VideoTable(folder, 10, 5, filename_tmpl, {'v': entry})
    write_video_table(table)
    write_persons_csv(folder / 'persons.csv', {'v': persons})
    write_detector_record(folder, DetectorRecord('hog', 0.5, 0.7))
    for second in SECONDS if filename_tmpl else ():
        path = table.frame_folder / 'v' / filename_tmpl.format(table.frame_of(second))
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((30, 40, 3), np.uint8))


@pytest.mark.parametrize('filename_tmpl', [None, 'img_{:05}.jpg'])
def test_labels_of_known_tracks(tmp_path, filename_tmpl):
    _write(tmp_path, filename_tmpl)
    counts = label_tracks(tmp_path, tmp_path / 'sub' / 'out.json')
    assert (counts.boxes_before, counts.boxes, counts.tracks) == (20, 12, 3)
    expected = {'walking left': 4, 'walking right': 8, 'alone': 4, 'beside another person': 8}
    assert {name: number for name, number in counts.labels.items() if number} == expected
    _, (boxes, _) = read_annotations(tmp_path / 'sub' / 'out.json')
    labels = {(box.person, box.labels) for box in boxes}
    beside = ('walking right', 'beside another person')
    assert labels == {('0', beside), ('1', beside), ('2', ('walking left', 'alone'))}
    first = boxes[0]
    if filename_tmpl is None:
        assert (first.media, first.time_sec) == ('../v.mp4', 0)
        np.testing.assert_allclose(first.corners, (40, 90, 80, 150))  # of 400 x 300
    else:
        assert (first.media, first.time_sec) == ('../rawframes/v/img_00000.jpg', None)
        np.testing.assert_allclose(first.corners, (4, 9, 8, 15))  # of the image, 40 x 30


def test_thresholds(tmp_path):
    _write(tmp_path)
    out = tmp_path / 'out.json'
    assert label_tracks(tmp_path, out, min_travel=0).boxes == 16
    assert label_tracks(tmp_path, out, score_thr=0.4, overwrite=True).boxes == 16
    with pytest.raises(
        ValueError, match='no track of 5 boxes scored 0.7 or more that moves by 0.5'
    ):
        label_tracks(tmp_path, out, min_boxes=5, overwrite=True)
    with pytest.raises(FileExistsError, match='out.json'):
        label_tracks(tmp_path, out)


def test_what_is_not_there(tmp_path):
    _write(tmp_path, 'img_{:05}.jpg')
    out = tmp_path / 'out.json'
    (tmp_path / 'rawframes' / 'v' / 'img_00010.jpg').unlink()
    with pytest.raises(FileNotFoundError, match='img_00010.jpg: no such file'):
        label_tracks(tmp_path, out)
    (tmp_path / 'prepare.parts' / 'persons.json').unlink()
    with pytest.raises(ValueError, match='no record of its detector: say by --score-thr'):
        label_tracks(tmp_path, out)
    write_persons_csv(tmp_path / 'persons.csv', {'w': _persons(_track((0.1, 0.3), 0.1))})
    with pytest.raises(ValueError, match="persons.csv: video 'w' is not in videos.json"):
        label_tracks(tmp_path, out, score_thr=0.5)
    (tmp_path / 'persons.csv').unlink()
    with pytest.raises(FileNotFoundError, match='persons.csv: no such file'):
        label_tracks(tmp_path, out, score_thr=0.5)
    assert not out.exists()


def test_the_tool(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location('label_tracks_tool', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    _write(tmp_path)
    out = tmp_path / 'rule.json'
    assert tool.main([str(tmp_path), '--out', str(out)]) == 0
    printed = capsys.readouterr().out
    assert f'{out}: 12 of 20 boxes labelled by rule, of 3 tracks' in printed
    assert '       8  walking right\n' in printed
    assert tool.main([str(tmp_path), '--out', str(out)]) == 2
    assert 'rule.json: exists already; pass --overwrite' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path), '--out', str(out), '--min-boxes', '1'])
