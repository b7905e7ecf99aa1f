"""The length of a video file against that of videos.json, where the file was cut off."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_videos import HEIGHT, WIDTH, write_video

from mmlt.fileio.dataset_checks import table_checks
from mmlt.fileio.dataset_checks.table_checks import table_findings
from mmlt.fileio.video_probe import probe_video
from mmlt.fileio.video_table import VideoEntry, VideoTable

FPS = 5
FILE = 'a.mp4'


@pytest.fixture
def cut_sec(tmp_path):
    """How much can be decoded of a film whose header says 8 s, s."""
    container = {'movflags': 'faststart'}
    write_video(tmp_path / FILE, np.arange(200) / 25, gop=1, container=container)
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[: len(content) * 6 // 10])
    seconds = probe_video(tmp_path / FILE).duration_sec
    assert 4 < seconds < 6
    return seconds


def _findings(folder, *parts):
    """Of a table with parts of the film: (start and end, s)."""
    entries = {
        f'a_{i}': VideoEntry(FILE, start, int((end - start) * FPS), WIDTH, HEIGHT)
        for i, (start, end) in enumerate(parts)
    }
    table = VideoTable(folder, FPS, 0, None, entries)
    return table_findings(table, str(folder / 'videos.json'), {})


def test_film_that_was_cut_off_lasts_to_its_last_frame(cut_sec, tmp_path):
    assert _findings(tmp_path, (0.0, cut_sec)) == []
    assert _findings(tmp_path, (0.0, 3.0), (3.0, cut_sec)) == []


def test_table_that_does_not_fit_the_film_that_was_cut_off(cut_sec, tmp_path):
    (finding,) = _findings(tmp_path, (0.0, 2.0))
    assert finding.kind == 'table_length'
    assert f'lasts {cut_sec:.1f} s, the table has it end at 2.0 s' in finding.places[0].value


def test_film_whose_header_agrees_is_not_looked_through(cut_sec, tmp_path, monkeypatch):
    monkeypatch.setattr(table_checks, 'probe_video', None)
    assert _findings(tmp_path, (0.0, 8.0)) == []


def test_header_is_believed_where_the_film_cannot_be_looked_through(cut_sec, tmp_path, monkeypatch):
    def without_av(path):
        raise ImportError('no PyAV')

    monkeypatch.setattr(table_checks, 'probe_video', without_av)
    (finding,) = _findings(tmp_path, (0.0, cut_sec))
    assert 'the file lasts 8.0 s' in finding.places[0].value
