from __future__ import annotations

import numpy as np
import pytest
from known_persons import BOX, write_video

from mmlt.fileio.timed_keyframes import read_timed_keyframes, table_videos
from mmlt.fileio.video_table import VideoEntry, VideoTable


def _table(folder, fps, entries):
    (folder / 'v').mkdir(exist_ok=True)
    return VideoTable(folder, fps, 900, None, {k: VideoEntry(*v) for k, v in entries.items()})


def _number(image):
    """The number of a frame of known_persons, from the left edge of its green box."""
    return int(np.flatnonzero(image[25, :, 1] > 127).mean().round() - BOX / 2 + 0.5)


def test_what_the_file_shows_when_a_second_begins(tmp_path):
    """A file of 10 frames a second, whatever the table's rate; a part starts in the middle."""
    write_video(tmp_path / 'v' / 'x.mp4', 42, fps=10)
    entries = {'x': ('v/x.mp4', 0, 21, 80, 48), 'x_2': ('v/x.mp4', 2, 6, 80, 48)}
    table = _table(tmp_path, 5, entries)
    whole, part = table_videos(table)
    assert (whole.video_id, part.video_id) == ('x', 'x_2')
    found = [(second, _number(image)) for second, image in read_timed_keyframes(whole, table)]
    assert found == [(900, 0), (901, 10), (902, 20), (903, 30), (904, 40)]
    found = [(second, _number(image)) for second, image in read_timed_keyframes(part, table)]
    assert found == [(900, 20), (901, 30)]


def test_another_size_than_the_table_says(tmp_path):
    write_video(tmp_path / 'v' / 'x.mp4', 12, fps=10)
    table = _table(tmp_path, 10, {'x': ('v/x.mp4', 0, 12, 48, 80)})
    with pytest.raises(ValueError, match=r'x.mp4: an image is 80 x 48, not 48 x 80 as videos.json'):
        next(read_timed_keyframes(table_videos(table)[0], table))
