from __future__ import annotations

import numpy as np
import pytest
from known_persons import expected_box, write_frames, write_video

from mmlt.datasets.own_data.track_persons import track_video
from mmlt.fileio.video_table import VideoEntry, VideoTable

TMPL = 'img_{:05}.jpg'


def _table(folder, filename_tmpl, start_sec=0, num_frames=45, fps=10):
    entry = VideoEntry('x.mp4', start_sec, num_frames, 80, 48)
    return VideoTable(folder, fps, 900, filename_tmpl, {'x': entry})


@pytest.mark.parametrize('filename_tmpl', [None, TMPL])
def test_one_who_leaves_his_own_box_every_second(tmp_path, filename_tmpl):
    """Ten pixels a second in a box of eight; a false box that jumps about; and one more missed."""
    write_video(tmp_path / 'x.mp4', 45, fps=10)
    write_frames(tmp_path / 'rawframes' / 'x', 45, TMPL, 0)
    seconds = np.array([900, 901, 901, 902, 904])
    boxes = np.array([expected_box(10 * k) for k in (0, 1, 4, 2, 4)])
    boxes[2, [0, 2]] += 0.2
    found = track_video(_table(tmp_path, filename_tmpl), 'x', seconds, boxes)
    assert found.tolist() == [0, 0, 1, 0, 0]


def test_a_part_of_a_file_and_another_rate(tmp_path):
    """The table has 25 frames a second and the file 10; the part starts a second in."""
    write_video(tmp_path / 'x.mp4', 45, fps=10)
    table = _table(tmp_path, None, start_sec=1, num_frames=60, fps=25)
    boxes = np.array([expected_box(10 * k) for k in (1, 2, 3)])
    assert track_video(table, 'x', np.arange(900, 903), boxes).tolist() == [0, 0, 0]


def test_nobody(tmp_path):
    found = track_video(_table(tmp_path, None), 'x', np.zeros(0, np.int64), np.zeros((0, 4)))
    assert found.tolist() == []


def test_what_is_not_there(tmp_path):
    seconds, boxes = np.array([900]), np.array([expected_box(0)])
    with pytest.raises(FileNotFoundError, match=r'x.mp4'):
        track_video(_table(tmp_path, None), 'x', seconds, boxes)
    write_frames(tmp_path / 'rawframes' / 'x', 3, TMPL, 0)
    with pytest.raises(FileNotFoundError, match=r'img_00003.jpg: no such file'):
        track_video(_table(tmp_path, TMPL), 'x', seconds, boxes)
