"""What is known of a video file, against what it was written with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numbered_videos import NTSC, write_video

from mmlt.fileio.video_probe import probe_video

MILLISECOND = Fraction(1, 1000)


@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.webm', 'a.ts', 'a.avi', 'a.mpg', 'a.flv'])
def test_length_and_rate(tmp_path, name):
    codec = {'a.webm': 'libvpx', 'a.avi': 'mpeg4', 'a.mpg': 'mpeg2video'}.get(name, 'libx264')
    write_video(tmp_path / name, np.arange(60) / 25, codec, tick=Fraction(1, 25))
    facts = probe_video(tmp_path / name)
    assert facts.duration_sec == pytest.approx(2.4, abs=1.1e-3)
    assert facts.fps == pytest.approx(25, abs=0.02)
    assert facts.is_constant and facts.lost_sec == 0
    assert (facts.width, facts.height, facts.rotation) == (120, 64, 0)


@pytest.mark.parametrize(('suffix', 'tick'), [('mp4', 1 / NTSC), ('mkv', MILLISECOND)])
def test_29_97_is_constant_also_where_stamps_are_rounded(tmp_path, suffix, tick):
    write_video(tmp_path / f'a.{suffix}', np.arange(90) / float(NTSC), tick=tick, rate=NTSC)
    facts = probe_video(tmp_path / f'a.{suffix}')
    assert facts.is_constant and facts.fps == pytest.approx(29.97, abs=0.02)
    assert facts.duration_sec == pytest.approx(3.003, abs=1.1e-3)


def test_a_variable_rate(tmp_path):
    """A frame that stays for 3 s; the mean of 121 frames."""
    stamps = np.cumsum([0] + [1 / 30] * 60 + [3] + [1 / 30] * 59)
    write_video(tmp_path / 'a.mp4', stamps, rate=30)
    facts = probe_video(tmp_path / 'a.mp4')
    assert not facts.is_constant
    assert facts.duration_sec == pytest.approx(stamps[-1] + 1 / 30, abs=2e-3)
    assert facts.fps == pytest.approx(121 / facts.duration_sec)


@pytest.mark.parametrize('rotation', [0, 90, 180, 270])
def test_the_size_is_as_shown(tmp_path, rotation):
    write_video(tmp_path / 'a.mp4', np.arange(3) / 25, rotation=rotation)
    facts = probe_video(tmp_path / 'a.mp4')
    size = (120, 64) if rotation in (0, 180) else (64, 120)
    assert (facts.width, facts.height, facts.rotation) == (*size, rotation)


def test_one_frame(tmp_path):
    write_video(tmp_path / 'a.mp4', [0], tick=Fraction(1, 25))
    facts = probe_video(tmp_path / 'a.mp4')
    assert facts.duration_sec == pytest.approx(0.04, abs=1e-3) and facts.is_constant


def test_sound_does_not_make_it_longer(tmp_path):
    """Video from 0.7 to 2.7 s, sound from 0 to 4 s: 2 s, and nothing is lost."""
    for name in ('a.mp4', 'a.mkv'):
        write_video(tmp_path / name, 0.7 + np.arange(50) / 25, audio_sec=4)
        facts = probe_video(tmp_path / name)
        assert facts.duration_sec == pytest.approx(2, abs=2e-3)
        assert facts.lost_sec == 0 and facts.fps == pytest.approx(25, abs=0.05)


def _spoil(path, share, fill=b''):
    """Cut a file off, or overwrite its end."""
    content = path.read_bytes()
    keep = int(len(content) * share)
    path.write_bytes(content[:keep] + fill * (len(content) - keep))


@pytest.mark.parametrize('fill', [b'', b'\0'], ids=['cut', 'zeros'])
@pytest.mark.parametrize('name', ['a.mp4', 'a.mkv', 'a.avi', 'a.flv'])
def test_what_is_lost_of_a_file_that_was_cut_off(tmp_path, name, fill):
    """8 s of pictures of one size each, of which 60 % are there."""
    codec = 'mpeg4' if name == 'a.avi' else 'libx264'
    options = dict(container={'movflags': 'faststart'}) if name == 'a.mp4' else {}
    write_video(tmp_path / name, np.arange(200) / 25, codec, tick=Fraction(1, 25), gop=1, **options)
    whole = probe_video(tmp_path / name)
    assert whole.lost_sec == 0 and whole.duration_sec == pytest.approx(8, abs=2e-3)
    _spoil(tmp_path / name, 0.6, fill)
    facts = probe_video(tmp_path / name)
    assert 3 < facts.duration_sec < 6
    assert facts.duration_sec + facts.lost_sec == pytest.approx(8, abs=0.15)


def test_what_no_container_promises_is_not_lost(tmp_path):
    """A transport stream says nothing of its length: what is there is the video."""
    write_video(tmp_path / 'a.ts', np.arange(200) / 25, gop=5)
    _spoil(tmp_path / 'a.ts', 0.6)
    facts = probe_video(tmp_path / 'a.ts')
    assert 3 < facts.duration_sec < 6 and facts.lost_sec == 0


def test_no_video_is_refused_by_name(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'nothing')
    with pytest.raises(ValueError, match=r'a\.mp4: not a video that can be read'):
        probe_video(tmp_path / 'a.mp4')
    with pytest.raises(FileNotFoundError, match=r'b\.mp4'):
        probe_video(tmp_path / 'b.mp4')
