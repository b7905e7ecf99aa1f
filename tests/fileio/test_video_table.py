from __future__ import annotations

import json

import pytest

from mmlt.fileio.video_table import (
    VideoEntry,
    VideoTable,
    read_video_table,
    write_video_table,
)


@pytest.fixture
def table(tmp_path):
    videos = {
        'a': VideoEntry('../films/a.mp4', 0.0, 30, 64, 48),
        'b_2': VideoEntry('../films/b.mov', 12.0, 31, 48, 64),
    }
    return VideoTable(tmp_path, 10, 0, 'img_{:05}.jpg', videos)


def test_seconds_are_those_that_begin_before_the_end(table):
    # 30 frames at 10 a second are 3 seconds to the frame; the 31st begins a fourth
    assert list(table.seconds('a')) == [0, 1, 2]
    assert list(table.seconds('b_2')) == [0, 1, 2, 3]
    assert table.frame_of(3) == 30


def test_a_written_table_is_read_back(table, tmp_path):
    path = write_video_table(table)
    assert read_video_table(tmp_path) == read_video_table(path) == table
    assert table.video_path('a') == tmp_path.parent / 'films' / 'a.mp4'
    with pytest.raises(FileExistsError, match='videos.json'):
        write_video_table(table)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'fps': 0}, "key 'fps' must be at least 1, got 0"),
        ({'fps': 29.97}, "key 'fps' must be count, got 29.97"),
        ({'videos': {}}, "key 'videos' holds no video"),
        ({'videos': {'a': 3}}, "video 'a' must be an object, got 3"),
        ({'videos': {'a\n': {}}}, 'control character'),
        ({'videos': {'a': {'file': 'x', 'start_sec': 0}}}, "key 'num_frames' is missing"),
        ({'format_version': 2}, 'update mmlt'),
    ],
)
def test_what_is_wrong_is_named(table, tmp_path, change, message):
    path = write_video_table(table)
    content = {**json.loads(path.read_text(encoding='utf-8')), **change}
    path.write_text(json.dumps(content), encoding='utf-8')
    with pytest.raises(ValueError, match=message) as caught:
        read_video_table(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ('pixel_aspect', 'size'), [(1, (720, 576)), (16 / 15, (768, 576)), (0.9, (720, 640))]
)
def test_players_stretch_one_side_of_pixels_that_are_not_square(tmp_path, pixel_aspect, size):
    entry = VideoEntry('a.mp4', 0, 9, 720, 576, pixel_aspect)
    path = write_video_table(VideoTable(tmp_path, 10, 0, None, {'a': entry}))
    assert read_video_table(path).videos['a'] == entry
    assert entry.player_size == size
    content = json.loads(path.read_text(encoding='utf-8'))
    assert ('pixel_aspect' in content['videos']['a']) == (pixel_aspect != 1)
    content['videos']['a']['pixel_aspect'] = -1
    path.write_text(json.dumps(content), encoding='utf-8')
    with pytest.raises(ValueError, match="video 'a': key 'pixel_aspect' must be above 0, got -1"):
        read_video_table(path)


def test_a_video_without_frames_is_refused(table, tmp_path):
    path = write_video_table(table)
    content = json.loads(path.read_text(encoding='utf-8'))
    content['videos']['a']['num_frames'] = 0
    path.write_text(json.dumps(content), encoding='utf-8')
    with pytest.raises(ValueError, match="video 'a': key 'num_frames' must be at least 1, got 0"):
        read_video_table(path)
