from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmlt.fileio.image_frames import Frame, write_video
from mmlt.fileio.keyframe_images import KeyframeRule
from mmlt.fileio.keyframe_reader import open_keyframes
from mmlt.fileio.video_table import VideoEntry, VideoTable, write_video_table

FPS = 5


def _gray(level):
    return np.full((48, 64, 3), level, np.uint8)


def _level(image):
    assert image.shape == (48, 64, 3)
    return float(image.mean())


def _write_frames(folder, count, start_index):
    """Frame i is of gray 8 i."""
    folder.mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / f'img_{index + start_index:05d}.png'), _gray(8 * index))


@pytest.fixture
def prepared(tmp_path):
    """Two parts of a file of 6 s; the second begins after 3 s, and its seconds at 10 again."""

    def make(filename_tmpl):
        frames = (Frame(i, f'{i}', _gray(8 * i)) for i in range(6 * FPS))
        write_video(tmp_path / 'long.mp4', frames, FPS)
        parts = {
            f'long_{part + 1}': VideoEntry('long.mp4', 3.0 * part, 3 * FPS, 64, 48)
            for part in range(2)
        }
        write_video_table(VideoTable(tmp_path, FPS, 10, filename_tmpl, parts))
        return tmp_path

    return make


def test_frames_of_a_prepared_set(prepared):
    folder = prepared('img_{:05}.png')
    _write_frames(folder / 'rawframes' / 'long_1', 3 * FPS, 0)
    read = open_keyframes(folder)
    assert [_level(read('long_1', second)) for second in (10, 11, 12)] == [0, 40, 80]
    with pytest.raises(ValueError, match=r'^long_2/img_00005\.png does not exist$'):
        read('long_2', 11)
    (folder / 'rawframes' / 'long_1' / 'img_00005.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'^long_1/img_00005\.png: not a readable image$'):
        read('long_1', 11)


def test_a_prepared_set_without_frames_is_read_by_time(prepared):
    read = open_keyframes(prepared(None))
    levels = [_level(read(video, s)) for video in ('long_1', 'long_2') for s in (12, 10, 11)]
    np.testing.assert_allclose(levels, [80, 0, 40, 200, 120, 160], atol=6)


def test_the_video_file_is_preferred_where_full_size_is_wanted(prepared):
    folder = prepared('img_{:05}.png')
    _write_frames(folder / 'rawframes' / 'long_2', 3 * FPS, 0)
    shrunk, full = (open_keyframes(folder, in_full_size=wish) for wish in (False, True))
    levels = [_level(read('long_2', 11)) for read in (shrunk, full)]
    np.testing.assert_allclose(levels, [40, 160], atol=6)  # on disk is something else here
    (folder / 'long.mp4').write_bytes(b'no video')
    assert _level(full('long_2', 11)) == 40
    (folder / 'long.mp4').unlink()
    assert _level(full('long_2', 12)) == 80


def test_what_a_table_does_not_hold_is_said(prepared):
    folder = prepared(None)
    read = open_keyframes(folder)
    with pytest.raises(ValueError, match=r'^long_1 has seconds 10 to 12$'):
        read('long_1', 13)
    with pytest.raises(ValueError, match=r'^videos\.json has no video short$'):
        read('short', 10)
    (folder / 'long.mp4').unlink()
    with pytest.raises(ValueError, match=r'^long\.mp4 does not exist$'):
        read('long_1', 10)
    with pytest.raises(ValueError, match=r'videos\.json says which frame is which second'):
        open_keyframes(folder, KeyframeRule(5.0, filename_tmpl='img_{:05}.png'))


def test_folders_of_frames_by_a_rule(tmp_path):
    """Of frames counted from 1 SampleAVAFrames takes the second of each second."""
    _write_frames(tmp_path / 'v', 12, 1)
    read = open_keyframes(tmp_path, KeyframeRule(5.0, 1, 902, filename_tmpl='img_{:05}.png'))
    assert [_level(read('v', second)) for second in (902, 903, 904)] == [8, 48, 88]
    with pytest.raises(ValueError, match=r'^v has no second 905$'):
        read('v', 905)
    with pytest.raises(ValueError, match=r'^w: no such folder of frames$'):
        read('w', 902)
    (tmp_path / 'v' / 'img_00007.png').unlink()
    with pytest.raises(ValueError, match=r'^v/img_00007\.png does not exist$'):
        read('v', 903)


def test_without_a_rule_frames_are_as_avas(tmp_path):
    (tmp_path / 'v').mkdir()
    for number in range(1, 63):
        cv2.imwrite(str(tmp_path / 'v' / f'img_{number:05d}.jpg'), _gray(4 * number))
    read = open_keyframes(tmp_path)
    levels = [_level(read('v', second)) for second in (900, 901, 902)]
    np.testing.assert_allclose(levels, [8, 128, 248], atol=1)


def test_a_folder_that_holds_nothing_of_use_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='no such folder'):
        open_keyframes(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match=r'neither videos\.json nor folders of frames'):
        open_keyframes(tmp_path)
