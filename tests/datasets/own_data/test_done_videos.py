from __future__ import annotations

import pytest

from mmlt.datasets.own_data.done_videos import (
    DoneVideo,
    Settings,
    forget_done,
    has_frames,
    make_table,
    read_done,
    read_settings,
    sign_file,
    start_preparation,
    write_done,
)
from mmlt.fileio.video_probe import VideoFacts
from mmlt.fileio.video_table import VideoEntry

FACTS = VideoFacts(2.0, 29.97, False, 640, 480, 90, 0.5, 1.25)


def _done(tmp_path, video_id='a_1'):
    path = str(tmp_path / 'films' / 'a.mp4')
    return DoneVideo(video_id, path, '5 bytes, abc', 3, 20, 1, FACTS)


def test_records_there_and_back(tmp_path):
    out = tmp_path / 'out'
    for video_id in ('b', 'a_1'):
        write_done(out, _done(tmp_path, video_id))
    found = read_done(out)
    assert list(found) == ['a_1', 'b']
    assert found['a_1']._replace(path='') == _done(tmp_path)._replace(path='')
    out.rename(tmp_path / 'moved')  # paths are relative to the folder
    assert read_done(tmp_path / 'moved')['b'].path.endswith('moved/../films/a.mp4')
    forget_done(tmp_path / 'moved', 'b')
    forget_done(tmp_path / 'moved', 'b')
    assert list(read_done(tmp_path / 'moved')) == ['a_1']


def test_table(tmp_path):
    settings, done = Settings(10, 900), {'a_1': _done(tmp_path)}
    table = make_table(tmp_path / 'out', settings, done)
    assert table.videos == {'a_1': VideoEntry('../films/a.mp4', 3, 20, 640, 480, 1 / 1.25)}
    assert (table.fps, table.timestamp_start, table.filename_tmpl) == (10, 900, 'img_{:05}.jpg')
    without = make_table(tmp_path / 'out', settings._replace(short_side=None), done)
    assert without.filename_tmpl is None


def test_settings_there_and_back(tmp_path):
    assert read_settings(tmp_path) is None
    settings = Settings(25, 900, 3, None)
    start_preparation(tmp_path, settings)
    assert read_settings(tmp_path) == settings
    start_preparation(tmp_path, settings)
    with pytest.raises(FileExistsError, match='another segments: 3 in meta.json, 1 now'):
        start_preparation(tmp_path, settings._replace(segments=1))


def test_frames_are_counted(tmp_path):
    video = _done(tmp_path)._replace(num_frames=2)
    folder = tmp_path / 'rawframes' / 'a_1'
    assert has_frames(tmp_path, video, Settings(short_side=None))
    assert not has_frames(tmp_path, video, Settings())
    folder.mkdir(parents=True)
    for number, is_whole in ((0, False), (1, True), (2, False)):
        (folder / f'img_{number:05}.jpg').touch()
        assert has_frames(tmp_path, video, Settings()) is is_whole


def test_a_file_is_known_by_its_size_and_both_its_ends(tmp_path):
    path, mib = tmp_path / 'a', 2**20
    content = bytearray(3 * mib)
    path.write_bytes(content)
    first = sign_file(str(path))
    assert first.startswith(f'{3 * mib} bytes, ') and sign_file(str(path)) == first
    found = {first}
    for place in (0, mib - 1, 2 * mib, 3 * mib - 1):
        changed = bytearray(content)
        changed[place] = 1
        path.write_bytes(changed)
        found.add(sign_file(str(path)))
    path.write_bytes(content + b'\0')
    found.add(sign_file(str(path)))
    assert len(found) == 6
