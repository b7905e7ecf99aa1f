from __future__ import annotations

import numpy as np
import pytest

from mmlt.fileio.feature_folder import Video
from mmlt.fileio.person_boxes import (
    join_persons,
    missing_persons,
    parts_folder,
    read_persons,
    start_persons,
    write_persons,
)
from mmlt.fileio.proposals import read_proposals

A, B, C = (Video(name, f'{name}.mp4') for name in ('a', 'sub/b', 'c'))
ROWS = [
    [903, 0.1, 0.2, 0.3, 0.4, 0.5],
    [902, 0, 0, 0.5, 0.5, 0.2],
    [902, 0, 0, 1, 1, 0.9],
    [902, 0.1, 0, 1, 1, 0.9],
]


@pytest.fixture
def out(tmp_path):
    start_persons(tmp_path / 'p.pkl', {'score_thr': 0.05})
    return tmp_path / 'p.pkl'


def test_boxes_become_proposals(out):
    """Seconds in order, the best first, equals as they were; a video of nobody has no keyframe."""
    folder = parts_folder(out)
    write_persons(folder, B, ROWS)
    write_persons(folder, A, np.zeros((0, 6)))
    assert missing_persons(folder, [A, B, C]) == [C]
    assert join_persons(out, [A, B, C]) == (2, 4)
    found = read_proposals(out)
    assert {key: boxes.tolist() for key, boxes in found.items()} == {
        'sub/b,0902': [ROWS[2][1:], ROWS[3][1:], ROWS[1][1:]],
        'sub/b,0903': [ROWS[0][1:]],
    }
    assert list(found) == ['sub/b,0902', 'sub/b,0903']


def test_damaged_files_are_missing(out):
    folder = parts_folder(out)
    for video, array in ((A, np.zeros((2, 5))), (B, np.zeros((2, 6), np.float32))):
        write_persons(folder, video, ROWS)
        np.save(folder / f'{video.video_id}.npy', array)
        with pytest.raises(ValueError, match=rf'{video.video_id}\.npy: float.* not float64 \(n, 6'):
            read_persons(folder, video)
    write_persons(folder, C, ROWS)
    whole = (folder / 'c.npy').read_bytes()
    (folder / 'c.npy').write_bytes(whole[:-1])
    assert missing_persons(folder, [A, B, C]) == [A, B, C]


def test_another_detection_is_refused(out):
    write_persons(parts_folder(out), A, ROWS)
    start_persons(out, {'score_thr': 0.05})
    with pytest.raises(FileExistsError, match=r'p\.pkl\.parts: holds boxes with another score_thr'):
        start_persons(out, {'score_thr': 0.1})
    start_persons(out, {'score_thr': 0.1}, overwrite=True)
    assert missing_persons(parts_folder(out), [A]) == [A]


def test_a_file_that_is_not_ours_is_kept(tmp_path):
    (tmp_path / 'p.pkl').write_bytes(b'x')
    with pytest.raises(FileExistsError, match=r'p\.pkl: exists already; pass --overwrite'):
        start_persons(tmp_path / 'p.pkl', {})
    assert not parts_folder(tmp_path / 'p.pkl').exists()
    start_persons(tmp_path / 'p.pkl', {}, overwrite=True)
