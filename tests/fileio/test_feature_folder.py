from __future__ import annotations

import json

import numpy as np
import pytest

from mmlt.fileio.feature_folder import (
    Failure,
    Video,
    find_videos,
    missing_videos,
    remove_unfinished,
    start_folder,
    write_failures,
    write_features,
)

META = {'weights_sha256': 'a' * 64, 'feature_dim': 3}
A, B = Video('a', 'a.mp4'), Video('sub/b', 'sub/b.mkv')


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / 'videos'
    (folder / 'sub').mkdir(parents=True)
    for name in ('b.mp4', 'a.MKV', 'sub/c.webm', 'notes.txt'):
        (folder / name).touch()
    return folder


@pytest.fixture
def out(tmp_path):
    start_folder(tmp_path / 'out', META)
    return tmp_path / 'out'


def test_videos_of_a_folder(videos):
    found = find_videos(videos)
    assert [video.video_id for video in found] == ['a', 'b', 'sub/c']
    assert found[0].path == str(videos / 'a.MKV')


def test_videos_of_lists(videos, tmp_path):
    (tmp_path / 'train.lst').write_text('sub/c 0\nlost 1,2\n')
    (tmp_path / 'val.lst').write_text('b\nsub/c 3\n')
    found = find_videos(videos, [tmp_path / 'train.lst', tmp_path / 'val.lst'])
    expected = [('b', 'b.mp4'), ('lost', None), ('sub/c', 'sub/c.webm')]
    assert found == [Video(name, str(videos / file) if file else '') for name, file in expected]


def test_no_videos(videos, tmp_path):
    with pytest.raises(FileNotFoundError, match='absent: no such folder'):
        find_videos(tmp_path / 'absent')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty: no video file'):
        find_videos(tmp_path / 'empty')
    (videos / 'a.mp4').touch()
    with pytest.raises(ValueError, match=r"a\.MKV and .*a\.mp4 are both video 'a'"):
        find_videos(videos)
    (videos / 'a.mp4').unlink()
    (tmp_path / 'train.lst').write_text('\n')
    with pytest.raises(ValueError, match=r'train\.lst: no video in the list'):
        find_videos(videos, [tmp_path / 'train.lst'])


def test_whole_files_are_not_missing(out):
    assert missing_videos(out, [A, B], 3) == [A, B]
    write_features(out, A, np.ones((2, 3)), 'float32')
    write_features(out, B, np.ones((2, 3)), 'float16')
    assert missing_videos(out, [A, B], 3) == []
    assert np.load(out / 'a.npy').dtype == np.float32
    assert np.load(out / 'sub' / 'b.npy').dtype == np.float16
    (out / 'a.npy').write_bytes((out / 'a.npy').read_bytes()[:-1])
    assert missing_videos(out, [A, B], 3) == [A]
    assert missing_videos(out, [A, B], 4) == [A, B]


@pytest.mark.parametrize(('value', 'dtype'), [(np.nan, 'float32'), (1e5, 'float16')])
def test_features_that_are_not_finite(out, value, dtype):
    with pytest.raises(ValueError, match=f'a feature is not finite as {dtype}'):
        write_features(out, A, np.full((2, 3), value), dtype)
    assert [path.name for path in out.iterdir()] == ['meta.json']


def test_features_of_something_else_stay(out):
    write_features(out, A, np.ones((2, 3)), 'float32')
    start_folder(out, META)
    other = {**META, 'weights_sha256': 'b' * 64}
    with pytest.raises(FileExistsError, match='another weights_sha256: a{16} in meta.json, b{16}'):
        start_folder(out, other)
    assert (out / 'a.npy').exists()
    (out / 'mine.txt').touch()
    start_folder(out, other, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ['meta.json', 'mine.txt']
    assert json.loads((out / 'meta.json').read_text())['weights_sha256'] == 'b' * 64


def test_a_folder_of_other_features_inside_stays(out):
    inner = out / 'other_model'
    start_folder(inner, META)
    write_features(inner, A, np.ones((2, 3)), 'float32')
    with pytest.raises(FileExistsError, match='other_model in it holds other features; move them'):
        start_folder(out, {**META, 'feature_dim': 4}, overwrite=True)
    assert (inner / 'a.npy').exists()
    assert json.loads((out / 'meta.json').read_text())['feature_dim'] == 3


def test_features_of_unknown_origin_stay_in_any_case(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((2, 3)))
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match=r'holds a\.npy but no meta\.json; choose anothe'):
            start_folder(tmp_path, META, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ['a.npy']


def test_failures_are_brought_up_to_date(out):
    assert write_failures(out, [], [A]) is None
    failed_b = Failure('sub/b', 'sub/b.mkv', 'comma, "quote"')
    file = write_failures(out, [failed_b], [A, B])
    rows = 'video_id,file,reason\nsub/b,sub/b.mkv,"comma, ""quote"""\n'
    assert file.read_text() == rows
    write_failures(out, [Failure('a', 'a.mp4', 'broken')], [A])
    assert file.read_text() == rows.replace('sub/b,', 'a,a.mp4,broken\nsub/b,', 1)
    write_failures(out, [], [A])
    assert file.read_text() == rows, 'the failure of another run was lost'
    assert write_failures(out, [], [B]) is None
    assert not file.exists()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            'video_id,file,reason\na,a.mp4\n',
            r"failures\.csv, line 2: \['a', 'a\.mp4'\] has 2 fields",
        ),
        ('a,a.mp4,broken\n', r'failures\.csv, line 1: the header video_id,file,reason is missing'),
        ('video_id,file,reason\na,a.mp4,"bro\n', r'failures\.csv, line 2: unexpected end of data'),
    ],
)
def test_damaged_failures_stay_as_they_are(out, content, message):
    (out / 'failures.csv').write_text(content)
    with pytest.raises(ValueError, match=message):
        write_failures(out, [], [A])
    assert (out / 'failures.csv').read_text() == content


def test_what_killed_processes_left_goes(out):
    (out / 'sub').mkdir()
    (out / 'sub' / '.b.npy.1.abc.tmp').touch()
    remove_unfinished(out)
    assert [path.name for path in (out / 'sub').iterdir()] == []
