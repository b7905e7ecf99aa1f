"""What a video shows at given moments: the number of each frame is drawn on it."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_videos import (
    NTSC,
    draw_number,
    read_number,
    read_numbers,
    set_display_matrix,
    write_video,
)

from mmlt.fileio.timed_video import TimedVideo, frame_times, frames_at

MILLISECOND = Fraction(1, 1000)


def _numbers_at(path, times):
    return read_numbers(frames_at(path, times))


def _one_by_one(path, times):
    """Each moment as a clip of its own: by a seek."""
    return [number for sec in times for number in _numbers_at(path, [sec])]


def test_by_hand(tmp_path):
    """Three frames, at 0, 0.5 and 2 s; a frame stays until the next, the last for ever."""
    write_video(tmp_path / 'a.mp4', [0, 0.5, 2])
    times = [-1, 0, 0.49, 0.5, 1.9, 2, 2, 9]
    assert _numbers_at(tmp_path / 'a.mp4', times) == [0, 0, 0, 1, 1, 2, 2, 2]
    assert list(frames_at(tmp_path / 'a.mp4', [])) == []
    first, second = frames_at(tmp_path / 'a.mp4', [0, 0.1])
    assert first is second and first.shape == (64, 120, 3) and first.dtype == np.uint8
    assert np.abs(first.astype(int) - draw_number(0)).mean() < 5


CONTAINERS = {
    'mpeg4.mp4': dict(codec='mpeg4', tick=Fraction(1, 25)),
    'h264.mp4': dict(options={'x264-params': 'bframes=3:keyint=12:log-level=none'}),
    'open_gop.mp4': dict(options={'x264-params': 'open-gop=1:bframes=3:keyint=12:log-level=none'}),
    'refresh.mp4': dict(
        options={'x264-params': 'intra-refresh=1:bframes=0:keyint=24:log-level=none'}
    ),
    'hevc.mov': dict(
        codec='libx265', options={'x265-params': 'open-gop=1:keyint=12:log-level=none'}
    ),
    'h264.mkv': dict(tick=MILLISECOND),
    'vp8.webm': dict(codec='libvpx', tick=MILLISECOND),
    'mpeg4.avi': dict(codec='mpeg4', tick=Fraction(1, 25), options={'bf': '2'}),
    'h264.avi': dict(tick=Fraction(1, 25), options={'bf': '3', 'preset': 'fast'}),
    'mpeg2.mpg': dict(codec='mpeg2video', tick=Fraction(1, 25), options={'bf': '2'}),
    'h264.ts': dict(options={'bf': '2', 'preset': 'fast'}),
    'flv.flv': dict(codec='flv', tick=MILLISECOND),
    'wmv2.wmv': dict(codec='wmv2', tick=MILLISECOND),
}


@pytest.mark.parametrize('name', CONTAINERS)
def test_containers_and_codecs(tmp_path, name):
    """From the start on and after a seek alike, of key frames and others, with B-frames."""
    write_video(tmp_path / name, np.arange(110) / 25, **CONTAINERS[name])
    times = np.arange(110) / 25
    assert _numbers_at(tmp_path / name, times) == list(range(110))
    assert _numbers_at(tmp_path / name, times + 0.035) == list(range(110))
    chosen = times[[3, 47, 59, 60, 61, 71, 83, 100, 109]]
    assert _one_by_one(tmp_path / name, chosen) == [3, 47, 59, 60, 61, 71, 83, 100, 109]


def test_a_seek_gives_the_very_same_pixels(tmp_path):
    write_video(tmp_path / 'a.mp4', np.arange(110) / 25, **CONTAINERS['open_gop.mp4'])
    images = list(frames_at(tmp_path / 'a.mp4', np.arange(110) / 25))
    for number in range(55, 110, 6):
        (image,) = frames_at(tmp_path / 'a.mp4', [number / 25])
        np.testing.assert_array_equal(image, images[number])


@pytest.mark.parametrize(('suffix', 'tick'), [('mp4', 1 / NTSC), ('mkv', MILLISECOND)])
def test_a_rate_of_29_97_does_not_drift(tmp_path, suffix, tick):
    """After 33 s a count of 30 a second is one frame off."""
    path = tmp_path / f'a.{suffix}'
    stamps = np.arange(1020) / float(NTSC)
    write_video(path, stamps, tick=tick, rate=NTSC)
    assert _one_by_one(path, [10, 33.45]) == [299, 1002]  # of 300 and 1003 by the count
    moments = np.arange(1000) / 30
    found = np.array(_numbers_at(path, moments))
    assert (found >= np.searchsorted(stamps, moments, 'right') - 1).all()
    assert (found <= np.searchsorted(stamps, moments + 1.5e-3, 'right') - 1).all()


@pytest.mark.parametrize('codec', ['mpeg4', 'libx264'])
def test_a_variable_rate(tmp_path, codec):
    """As a phone's: 30, then 15 frames a second, then one that stays for 3 s."""
    stamps = np.cumsum([0] + [1 / 30] * 60 + [1 / 15] * 30 + [3] + [1 / 30] * 29)
    write_video(tmp_path / 'a.mp4', stamps, codec, rate=30, tick=Fraction(1, 30000))
    moments = np.arange(0, 9, 0.1) + 0.01
    due = np.searchsorted(stamps, moments, 'right') - 1
    assert _numbers_at(tmp_path / 'a.mp4', moments) == due.tolist()
    assert _one_by_one(tmp_path / 'a.mp4', moments[30::7]) == due[30::7].tolist()


@pytest.mark.parametrize('suffix', ['mp4', 'mkv'])
def test_time_zero_is_the_first_frame(tmp_path, suffix):
    """Whatever the sound begins with; stamps of a recording may start anywhere."""
    write_video(tmp_path / f'late.{suffix}', 0.7 + np.arange(75) / 25, audio_sec=4)
    assert _numbers_at(tmp_path / f'late.{suffix}', [0, 1, 2.6]) == [0, 25, 65]
    assert _one_by_one(tmp_path / f'late.{suffix}', [2.6]) == [65]


def test_stamps_before_zero(tmp_path):
    write_video(tmp_path / 'a.ts', -1 + np.arange(75) / 25)
    assert _one_by_one(tmp_path / 'a.ts', [0, 1, 2.6]) == [0, 25, 65]


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
def test_rotation_flags_as_opencv_obeys_them(tmp_path, rotation):
    path = tmp_path / 'a.mp4'
    write_video(path, np.arange(80) / 25, rotation=rotation)
    capture = cv2.VideoCapture(str(path))
    shown = capture.read()[1]
    capture.release()
    first, late = frames_at(path, [0, 3])
    assert np.abs(first.astype(int) - shown).max() <= 8
    upright = np.rot90(late, rotation // 90)  # as it was drawn
    assert read_number(upright) == 75
    with TimedVideo(path) as video:
        assert (video.height, video.width) == first.shape[:2] == late.shape[:2]
        assert video.rotation == rotation
    red = [(63, 0), (0, 0), (0, 119), (119, 63)][rotation // 90]  # its corner, turned clockwise
    assert first[red][2] > 200 and first[red][1] < 60


MIRRORED = {  # matrix: how a frame that is drawn becomes the one that is shown
    'horizontally': ((-1, 0, 0, 1), np.fliplr),
    'vertically': ((1, 0, 0, -1), np.flipud),
    'transposed': ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    'anti-transposed': ((0, -1, -1, 0), lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
}


@pytest.mark.parametrize('how', MIRRORED)
def test_mirrored_videos(tmp_path, how):
    """x' = a x + c y, y' = b x + d y."""
    matrix, shown_as = MIRRORED[how]
    write_video(tmp_path / 'a.mp4', np.arange(5) / 25)
    set_display_matrix(tmp_path / 'a.mp4', *matrix)
    (shown,) = frames_at(tmp_path / 'a.mp4', [0.13])
    due = shown_as(draw_number(3))
    assert shown.shape == due.shape and np.abs(shown.astype(int) - due).mean() < 8


def test_a_turn_that_is_no_quarter_is_refused(tmp_path):
    write_video(tmp_path / 'a.mp4', np.arange(3) / 25)
    set_display_matrix(tmp_path / 'a.mp4', 0.7071, 0.7071, -0.7071, 0.7071)
    with pytest.raises(ValueError, match=r'a\.mp4: turned by 45 degrees'):
        next(frames_at(tmp_path / 'a.mp4', [0]))


def test_a_clip_from_the_middle_does_not_decode_the_start(tmp_path):
    path = tmp_path / 'a.mp4'
    write_video(path, np.arange(1000) / 25)
    with TimedVideo(path) as video:
        frames = video.frames_from(36.0)
        assert 35.5 <= next(frames).sec <= 36.0


def test_a_cut_off_file_gives_what_decodes(tmp_path):
    path = tmp_path / 'a.mp4'
    write_video(path, np.arange(100) / 25, container={'movflags': 'faststart'}, gop=5)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    numbers = _numbers_at(path, np.arange(100) / 25)
    last = numbers[-1]
    assert 50 < last < 75 and numbers == [min(number, last) for number in range(100)]


def test_no_thread_is_left_to_a_process_that_is_forked(tmp_path):
    """It would wait for it for ever where it throws an open video away."""
    write_video(tmp_path / 'a.mp4', [k / 10 for k in range(12)])
    tasks = Path('/proc/self/task')
    next(frames_at(tmp_path / 'a.mp4', [0]))  # numpy may have started its own by now
    before = len(list(tasks.iterdir()))
    with TimedVideo(tmp_path / 'a.mp4') as video:
        images = video.images_at([0, 0.5, 1])
        assert [len(list(tasks.iterdir())) for _ in images] == [before] * 3


def test_times_must_ascend(tmp_path):
    write_video(tmp_path / 'a.mp4', [0, 1])
    for times in ([1, 0], [0, float('nan')], [[0]]):
        with pytest.raises(ValueError, match='times must be finite and ascend'):
            next(frames_at(tmp_path / 'a.mp4', times))


def test_what_is_no_video_is_refused_by_name(tmp_path):
    (tmp_path / 'empty.mp4').touch()
    (tmp_path / 'text.mp4').write_text('once upon a time\n' * 100)
    (tmp_path / 'noise.avi').write_bytes(np.random.default_rng(0).bytes(10_000))
    write_video(tmp_path / 'silent.mp4', [], audio_sec=1)
    write_video(tmp_path / 'gone.mp4', np.arange(50) / 25)
    content = (tmp_path / 'gone.mp4').read_bytes()
    (tmp_path / 'gone.mp4').write_bytes(content[: len(content) // 2])
    for name, why in (
        ('empty.mp4', r'empty\.mp4: .*the file is empty'),
        ('text.mp4', r'text\.mp4: '),
        ('noise.avi', r'noise\.avi: '),
        ('silent.mp4', r'silent\.mp4: .*(no video stream|no frame)'),
        ('gone.mp4', r'gone\.mp4: .*cut off'),
    ):
        with pytest.raises(ValueError, match=why):
            next(frames_at(tmp_path / name, [0]))
    with pytest.raises(FileNotFoundError, match=r'none\.mp4'):
        next(frames_at(tmp_path / 'none.mp4', [0]))


def test_without_pyav_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / 'a.mp4').touch()
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ImportError, match=r"pip install 'mmlt\[video\]'"):
        next(frames_at(tmp_path / 'a.mp4', [0]))


def test_frame_times():
    np.testing.assert_array_equal(frame_times(2, [0, 1, 30], 30), [2, 2 + 1 / 30, 3])
