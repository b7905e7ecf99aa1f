from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numbered_videos import write_video

from mmlt.fileio.stamped_video import StampedVideo

TICK = Fraction(1, 25)


def _stamps(path):
    video = StampedVideo(path)
    try:
        return [frame.sec for frame in video.decode()], video.num_bad_packets
    finally:
        video.close()


@pytest.mark.parametrize('name', ['a.mp4', 'a.avi', 'a.mpg'])
def test_stamps_ascend_with_b_frames(tmp_path, name):
    codec = {'a.mp4': 'libx264', 'a.avi': 'mpeg4', 'a.mpg': 'mpeg2video'}[name]
    options = {'bf': '2', **({'preset': 'fast'} if codec == 'libx264' else {})}
    write_video(tmp_path / name, np.arange(50) / 25, codec, tick=TICK, options=options)
    stamps, num_bad = _stamps(tmp_path / name)
    np.testing.assert_allclose(np.diff(stamps), 1 / 25, atol=2e-5)
    assert (len(stamps), num_bad) == (50, 0)


def test_packets_that_cannot_be_decoded_are_counted(tmp_path):
    path = tmp_path / 'a.mp4'
    faststart = dict(container={'movflags': 'faststart'}, gop=1)
    write_video(path, np.arange(50) / 25, 'mpeg4', tick=TICK, **faststart)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    stamps, num_bad = _stamps(path)
    assert 15 < len(stamps) < 35 and len(stamps) + num_bad in (49, 50)


class _Frame:
    """What a decoder gives, as far as stamps go."""

    def __init__(self, stamp):
        self.pts, self.dts, self.time_base = stamp, None, Fraction(1, 10)


@pytest.fixture
def decode(tmp_path, monkeypatch):
    """The stamps that are made of given ones, in tenths of a second."""
    write_video(tmp_path / 'a.mp4', [0, 0.1], rate=10)
    video = StampedVideo(tmp_path / 'a.mp4')

    def of(*stamps):
        monkeypatch.setattr(video, '_decode', lambda: map(_Frame, stamps))
        return [frame.sec for frame in video.decode()]

    yield of
    video.close()


def test_a_stamp_that_is_missing_is_one_frame_after_the_one_before(decode):
    assert decode(5, None, None, 8) == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert decode(None, None, 5) == [0.5]


def test_stamps_that_go_back_a_little_are_of_frames_in_a_wrong_order(decode):
    assert decode(0, 2, 1, 3) == pytest.approx([0, 0.2, 0.2, 0.3])


def test_stamps_that_go_back_far_are_refused(decode):
    message = r'a\.mp4: its time stamps go back from 1\.200 s to 0\.100 s: .*written anew'
    with pytest.raises(ValueError, match=message):
        decode(0, 12, 1, 2)


def test_a_recording_in_two_pieces_is_refused(tmp_path):
    """Two transport streams in one file: the clock begins again."""
    write_video(tmp_path / 'a.ts', np.arange(100) / 25)
    content = (tmp_path / 'a.ts').read_bytes()
    (tmp_path / 'two.ts').write_bytes(2 * content)
    with pytest.raises(ValueError, match=r'two\.ts: its time stamps go back'):
        _stamps(tmp_path / 'two.ts')


@pytest.mark.parametrize(
    ('name', 'tolerance'), [('a.mkv', 1e-3), ('a.avi', 1e-3), ('a.ts', 1 / 90_000)]
)
def test_stamps_may_be_off_by_a_tick_of_the_container_or_a_millisecond(tmp_path, name, tolerance):
    """Whose clock ticks in milliseconds, in frames of 0.1 s, and 90,000 times a second."""
    codec = 'mpeg4' if name == 'a.avi' else 'libx264'
    write_video(tmp_path / name, np.arange(20) / 10, codec, rate=10, tick=Fraction(1, 10))
    video = StampedVideo(tmp_path / name)
    assert video.tolerance == pytest.approx(tolerance, abs=2e-6)
    video.close()
