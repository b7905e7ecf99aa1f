from __future__ import annotations

import unicodedata

import pytest

from mmlt.datasets.own_data.video_parts import choose_fps, cut_video, list_videos
from mmlt.fileio.feature_folder import Video
from mmlt.fileio.video_probe import VideoFacts

A = Video('a', 'films/a.mp4')


def _facts(seconds, fps=25.0):
    return VideoFacts(seconds, fps, True, 64, 48, 0, 0.0)


def _cut(seconds, fps, segments=1):
    parts = cut_video(A, _facts(seconds), fps, segments)
    assert {part.path for part in parts} == {'films/a.mp4'}
    return [(part.video_id, part.start_sec, part.num_frames) for part in parts]


def test_a_file_is_a_video():
    # frame k begins at k / fps: of 2.4 s at 10 a second the frames 0 to 23
    assert _cut(2.4, 10) == [('a', 0, 24)]
    assert _cut(2.41, 10) == [('a', 0, 25)]
    assert _cut(0.01, 10) == [('a', 0, 1)]
    # 300 frames of 29.97 last 10.01 s: one of 30 a second begins after 10 s
    assert _cut(300 * 1001 / 30000, 30) == [('a', 0, 301)]
    # a length that is a rounding off does not add one
    assert _cut(2.4000001, 10) == [('a', 0, 24)] == _cut(2.3999999, 10)


def test_segments_are_cut_at_whole_seconds():
    # 10 s and a bit in three: 3, 3 and the rest
    assert _cut(10.5, 10, 3) == [('a_1', 0, 30), ('a_2', 3, 30), ('a_3', 6, 45)]
    assert _cut(3.0, 5, 3) == [('a_1', 0, 5), ('a_2', 1, 5), ('a_3', 2, 5)]
    # the last half second is no segment of its own
    assert _cut(3.5, 2, 3) == [('a_1', 0, 2), ('a_2', 1, 2), ('a_3', 2, 3)]


@pytest.mark.parametrize('seconds', [2.99, 0.5])
def test_too_short_for_its_segments(seconds):
    message = rf'films/a\.mp4: {seconds:.2f} s are too short for 3 segments of at least a second'
    with pytest.raises(ValueError, match=message):
        _cut(seconds, 10, 3)


@pytest.mark.parametrize(
    ('rates', 'fps'),
    [
        ([29.97], 30),
        ([23.976], 24),
        ([10.0], 10),
        ([60.0], 30),
        ([59.94], 30),
        ([50.0], 25),  # frames evenly apart, not 3 of 5
        ([120.0], 30),
        ([0.2], 1),
        ([10.0, 25.0, 60.0], 25),
        ([10.0, 25.0], 10),  # a rate that one of them has, not their mean
        ([24.81], 25),
    ],
)
def test_rate(rates, fps):
    assert choose_fps(rates) == fps


def _touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_ids_of_a_folder(tmp_path):
    _touch(tmp_path, 'b.mp4', 'A.MTS', 'day 1/my walk, 2.final.mkv', 'notes.txt', 'x.3gp')
    _touch(tmp_path, '._b.mp4', '.trash/c.mp4', 'день/é"x\'.mov')
    found = {video.video_id: video.path for video in list_videos(tmp_path)}
    assert found == {
        'A': str(tmp_path / 'A.MTS'),
        'b': str(tmp_path / 'b.mp4'),
        'day_1_my_walk__2.final': str(tmp_path / 'day 1/my walk, 2.final.mkv'),
        'x': str(tmp_path / 'x.3gp'),
        'день_é_x_': str(tmp_path / 'день/é"x\'.mov'),
    }


def test_a_letter_is_one_character_however_it_is_written(tmp_path):
    name = unicodedata.normalize('NFD', 'Café.mp4')
    _touch(tmp_path, name)
    assert [video.video_id for video in list_videos(tmp_path)] == ['Café']


def test_one_file(tmp_path):
    _touch(tmp_path, 'my film.dat')
    assert list_videos(tmp_path / 'my film.dat') == [Video('my_film', f'{tmp_path}/my film.dat')]


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (('a.mp4', 'a.avi'), r"a\.avi and .*a\.mp4 are both video 'a'"),
        (('a b.mp4', 'a,b.mp4'), r"a b\.mp4 and .*a,b\.mp4 are both video 'a_b': rename one"),
        (('d/a.mp4', 'd_a.mp4'), r"d/a\.mp4 and .*d_a\.mp4 are both video 'd_a': rename one"),
        (('a.txt',), r'no video file \(\.3gp, \.avi'),
        (('.a.mp4',), r'no video file'),
        (('a\nb.mp4',), r'a\\nb\.mp4.*control character'),
    ],
)
def test_what_is_refused(tmp_path, names, message):
    _touch(tmp_path, *names)
    with pytest.raises(ValueError, match=message):
        list_videos(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='none: no such file or folder'):
        list_videos(tmp_path / 'none')
