"""Folders of small videos, whose frames carry their number, made into a data set."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction

import cv2
import numpy as np
import pytest
from numbered_videos import NTSC, read_number, write_video

from mmlt.datasets.own_data import prepare
from mmlt.datasets.own_data.done_videos import Settings
from mmlt.datasets.own_data.prepare import prepare_videos
from mmlt.fileio.feature_folder import Failure
from mmlt.fileio.video_table import VideoEntry, read_video_table

TEN = Settings(fps=10)


@pytest.fixture(scope='module')
def films(tmp_path_factory):
    """A fast one and one of 10 a second, each 6 s, one of half a second and one of one frame."""
    folder = tmp_path_factory.mktemp('films')
    (folder / 'sub').mkdir()
    write_video(folder / 'ntsc.mp4', np.arange(180) / float(NTSC), rate=NTSC, tick=1 / NTSC)
    ten = dict(codec='mpeg4', rate=10, tick=Fraction(1, 10))
    write_video(folder / 'sub' / 'ten.avi', np.arange(60) / 10, **ten)
    write_video(folder / 'half.mp4', np.arange(5) / 10, **ten)
    write_video(folder / 'one.mkv', [0], **ten)
    return folder


@pytest.fixture
def videos(films, tmp_path):
    shutil.copytree(films, tmp_path / 'videos')
    return tmp_path / 'videos'


def _numbers(out, video):
    files = sorted((out / 'rawframes' / video).iterdir())
    assert [file.name for file in files] == [f'img_{i:05}.jpg' for i in range(len(files))]
    return [read_number(cv2.imread(str(file))) for file in files]


def _content(folder):
    files = (path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_frames_and_table(videos, tmp_path):
    out = tmp_path / 'out'
    prepared = prepare_videos(videos, out, TEN)
    table = read_video_table(out)
    assert (table.fps, table.timestamp_start, table.filename_tmpl) == (10, 0, 'img_{:05}.jpg')
    assert table.videos == {
        'half': VideoEntry('../videos/half.mp4', 0, 5, 120, 64),
        'ntsc': VideoEntry('../videos/ntsc.mp4', 0, 61, 120, 64),  # 6.006 s
        'one': VideoEntry('../videos/one.mkv', 0, 1, 120, 64),
        'sub_ten': VideoEntry('../videos/sub/ten.avi', 0, 60, 120, 64),
    }
    assert prepared.table == table and prepared.failures == [] and prepared.num_before == 0
    assert _numbers(out, 'sub_ten') == list(range(60))
    assert _numbers(out, 'half') == [0, 1, 2, 3, 4] and _numbers(out, 'one') == [0]
    stamps = np.arange(180) / float(NTSC)
    due = np.searchsorted(stamps, np.arange(61) / 10 + 5e-5, 'right') - 1
    assert _numbers(out, 'ntsc') == due.tolist()
    assert not (out / 'prepare.parts' / 'failures.csv').exists()


def test_the_rate_is_the_median_and_stays_that_of_the_folder(videos, tmp_path):
    out = tmp_path / 'out'
    prepared = prepare_videos(videos / 'sub', out, Settings())
    assert prepared.table.fps == 10 and prepared.rates == pytest.approx([10])
    again = prepare_videos(videos, out, Settings())  # the others' is three times as much
    assert again.table.fps == 10 and list(again.rates) == [] and again.num_before == 0
    assert again.table.videos['ntsc'].num_frames == 61
    # both videos of the first run, by other ids: the ids are of the folder that is given
    assert set(again.table.videos) == {'ten', 'half', 'ntsc', 'one', 'sub_ten'}


def test_segments(videos, tmp_path):
    out = tmp_path / 'out'
    prepare_videos(videos / 'sub' / 'ten.avi', out, Settings(segments=4, timestamp_start=900))
    table = read_video_table(out)
    entries = [(name, e.start_sec, e.num_frames) for name, e in table.videos.items()]
    assert entries == [('ten_1', 0, 10), ('ten_2', 1, 20), ('ten_3', 3, 10), ('ten_4', 4, 20)]
    assert _numbers(out, 'ten_3') == list(range(30, 40))
    assert _numbers(out, 'ten_4') == list(range(40, 60))
    assert table.seconds('ten_2') == range(900, 902)


def test_one_that_is_too_short_for_its_segments_fails_alone(videos, tmp_path):
    prepared = prepare_videos(videos, tmp_path / 'out', TEN._replace(segments=2))
    assert [failure.video_id for failure in prepared.failures] == ['half', 'one']
    assert 'half.mp4: 0.50 s are too short for 2 segments' in prepared.failures[0].reason
    assert set(prepared.table.videos) == {'ntsc_1', 'ntsc_2', 'sub_ten_1', 'sub_ten_2'}


@pytest.mark.parametrize(
    ('short_side', 'shape'), [(32, (32, 60)), (64, (64, 120)), (256, (64, 120))]
)
def test_frames_are_shrunk_and_never_enlarged(videos, tmp_path, short_side, shape):
    settings = TEN._replace(short_side=short_side)
    prepare_videos(videos / 'half.mp4', tmp_path / 'out', settings)
    image = cv2.imread(str(tmp_path / 'out' / 'rawframes' / 'half' / 'img_00000.jpg'))
    assert image.shape == (*shape, 3)
    entry = read_video_table(tmp_path / 'out').videos['half']
    assert (entry.width, entry.height) == (120, 64)  # of the file


def test_no_frames(videos, tmp_path):
    prepared = prepare_videos(videos, tmp_path / 'out', TEN._replace(short_side=None))
    assert not (tmp_path / 'out' / 'rawframes').exists()
    assert read_video_table(tmp_path / 'out').filename_tmpl is None
    with_frames = prepare_videos(videos, tmp_path / 'frames', TEN)
    assert prepared.table.videos == with_frames.table.videos


def test_bad_files_are_left_out_and_tried_again(videos, tmp_path):
    out = tmp_path / 'out'
    (videos / 'empty.mp4').touch()
    (videos / 'text.mp4').write_text('once upon a time')
    prepared = prepare_videos(videos, out, TEN)
    assert set(prepared.table.videos) == {'ntsc', 'sub_ten', 'half', 'one'}
    reasons = {failure.video_id: failure.reason for failure in prepared.failures}
    assert reasons.keys() == {'empty', 'text'} and 'the file is empty' in reasons['empty']
    listed = (out / 'prepare.parts' / 'failures.csv').read_text()
    assert f'empty,{videos / "empty.mp4"},' in listed and 'text,' in listed
    shutil.copy(videos / 'half.mp4', videos / 'empty.mp4')
    again = prepare_videos(videos, out, TEN)
    assert 'empty' in again.table.videos and again.num_before == 4
    assert 'empty,' not in (out / 'prepare.parts' / 'failures.csv').read_text()


def test_only_bad_files_leave_no_table(tmp_path):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos' / 'a.mp4').touch()
    prepared = prepare_videos(tmp_path / 'videos', tmp_path / 'out', Settings())
    assert prepared.table is None and len(prepared.failures) == 1
    assert not (tmp_path / 'out' / 'videos.json').exists()


def test_several_processes_write_the_same(videos, tmp_path):
    (videos / 'empty.mp4').touch()
    first = prepare_videos(videos, tmp_path / 'one', TEN._replace(segments=2))
    told = {}

    class Watch:
        def __init__(self, text, total):
            self.text = text
            told[text] = [total, 0]

        def __enter__(self):
            return self.tell

        def __exit__(self, *_):
            pass

        def tell(self, number):
            told[self.text][1] += number

    how = dict(num_workers=2, watch=Watch)
    second = prepare_videos(videos, tmp_path / 'two', TEN._replace(segments=2), **how)
    assert _content(tmp_path / 'one') == _content(tmp_path / 'two')
    assert first.failures == second.failures
    assert told == {'looking at files': [5, 5], 'frames': [121, 121]}


def test_only_what_is_new_is_done(videos, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    prepare_videos(videos / 'sub', out, TEN)
    before = _content(out)
    made = []
    write = prepare.write_part
    monkeypatch.setattr(
        prepare,
        'write_part',
        lambda folder, *rest: made.append(folder.name) or write(folder, *rest),
    )
    assert prepare_videos(videos / 'sub', out, TEN).num_before == 1
    assert made == [] and _content(out) == before
    prepared = prepare_videos(videos / 'half.mp4', out, TEN)
    assert made == ['half'] and list(prepared.table.videos) == ['half', 'ten']
    assert [each.video_id for each in prepared.done] == ['half'] and prepared.num_before == 0


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(fps=5), 'another fps: 10 in meta.json, 5 now'),
        (dict(segments=2), 'another segments: 1 in meta.json, 2 now'),
        (dict(short_side=32), 'another short_side: 256 in meta.json, 32 now'),
        (dict(short_side=None), 'another short_side: 256 in meta.json, None now'),
        (dict(timestamp_start=900), 'another timestamp_start: 0 in meta.json, 900 now'),
    ],
)
def test_other_settings_are_refused_and_replaced_on_demand(videos, tmp_path, change, message):
    out, settings = tmp_path / 'out', TEN._replace(**change)
    prepare_videos(videos / 'sub', out, TEN)
    before = _content(out)
    with pytest.raises(FileExistsError, match=f'holds videos with {message}; pass --overwrite'):
        prepare_videos(videos / 'sub', out, settings)
    assert _content(out) == before
    prepare_videos(videos / 'sub', out, settings, overwrite=True)
    prepare_videos(videos / 'sub', tmp_path / 'fresh', settings)
    assert _content(out) == _content(tmp_path / 'fresh')


def test_a_folder_of_something_else_is_left_alone(videos, tmp_path):
    (tmp_path / 'rawframes' / 'a').mkdir(parents=True)
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match='holds rawframes but no meta.json'):
            prepare_videos(videos, tmp_path, TEN, overwrite=overwrite)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['rawframes', 'videos']


def test_a_file_that_has_changed_is_noticed(videos, tmp_path):
    out = tmp_path / 'out'
    prepare_videos(videos, out, TEN)
    shutil.copy(videos / 'half.mp4', videos / 'sub' / 'ten.avi')
    before = _content(out)
    with pytest.raises(
        FileExistsError, match=r"ten\.avi: video 'sub_ten' was made of another file"
    ):
        prepare_videos(videos, out, TEN)
    assert _content(out) == before
    prepared = prepare_videos(videos, out, TEN, overwrite=True)
    assert prepared.num_before == 3 and _numbers(out, 'sub_ten') == [0, 1, 2, 3, 4]
    (videos / 'sub' / 'ten.avi').write_bytes(b'')  # and if it is now broken, it is gone
    prepared = prepare_videos(videos, out, TEN, overwrite=True)
    assert 'sub_ten' not in prepared.table.videos
    assert not (out / 'rawframes' / 'sub_ten').exists()


def test_a_file_that_was_moved_or_touched_is_the_same(videos, tmp_path):
    out = tmp_path / 'out'
    prepare_videos(videos, out, TEN)
    os.utime(videos / 'half.mp4', (0, 0))
    (videos).rename(tmp_path / 'elsewhere')
    prepared = prepare_videos(tmp_path / 'elsewhere', out, TEN)
    assert prepared.num_before == 4
    assert prepared.table.videos['half'].file == '../elsewhere/half.mp4'


def test_links_to_the_folder_and_to_a_file(videos, tmp_path):
    (tmp_path / 'deep' / 'er').mkdir(parents=True)
    (tmp_path / 'link').symlink_to(tmp_path / 'deep' / 'er')
    (videos / 'half.mp4').rename(tmp_path / 'blob')
    (videos / 'half.mp4').symlink_to(tmp_path / 'blob')
    prepare_videos(videos / 'half.mp4', tmp_path / 'link', TEN)
    for folder in (tmp_path / 'link', tmp_path / 'deep' / 'er'):
        table = read_video_table(folder)
        assert table.video_path('half') == videos / 'half.mp4'
        assert table.videos['half'].file == '../../videos/half.mp4'


def test_frames_that_were_lost_are_written_again(videos, tmp_path):
    out = tmp_path / 'out'
    prepare_videos(videos, out, TEN)
    before = _content(out)
    (out / 'rawframes' / 'half' / 'img_00003.jpg').unlink()
    shutil.rmtree(out / 'rawframes' / 'ntsc')
    assert prepare_videos(videos, out, TEN).num_before == 2
    assert _content(out) == before


def test_a_rotated_video(tmp_path):
    write_video(tmp_path / 'a.mp4', np.arange(10) / 10, rotation=270)
    prepare_videos(tmp_path / 'a.mp4', tmp_path / 'out', TEN)
    entry = read_video_table(tmp_path / 'out').videos['a']
    assert (entry.width, entry.height) == (64, 120)
    image = cv2.imread(str(tmp_path / 'out' / 'rawframes' / 'a' / 'img_00007.jpg'))
    assert image.shape == (120, 64, 3) and read_number(np.rot90(image, -1)) == 7


@pytest.mark.parametrize(('rotation', 'size'), [(0, (160, 64)), (90, (64, 160))])
def test_pixels_are_stretched_before_they_are_turned(tmp_path, rotation, size):
    path = tmp_path / 'a.mp4'
    write_video(path, np.arange(10) / 10, rotation=rotation, pixel_aspect=Fraction(4, 3))
    prepare_videos(path, tmp_path / 'out', TEN)
    assert read_video_table(tmp_path / 'out').videos['a'].player_size == size


def test_what_happens_while_frames_are_written_fails_one_video(videos, tmp_path, monkeypatch):
    """As a file that is removed meanwhile: its frames stay out, and so does its entry."""
    write = prepare.write_part

    def fail(folder, part, *rest):
        if part.video_id == 'ntsc':
            raise FileNotFoundError(f'{part.path}: no such video')
        return write(folder, part, *rest)

    monkeypatch.setattr(prepare, 'write_part', fail)
    prepared = prepare_videos(videos, tmp_path / 'out', TEN)
    path = str(videos / 'ntsc.mp4')
    assert prepared.failures == [Failure('ntsc', path, f'{path}: no such video')]
    assert list(prepared.table.videos) == ['half', 'one', 'sub_ten']


def test_records_say_what_was_seen(videos, tmp_path):
    content = (videos / 'half.mp4').read_bytes()
    prepare_videos(videos / 'half.mp4', tmp_path / 'out', TEN)
    record = tmp_path / 'out' / 'prepare.parts' / 'videos' / 'half.json'
    found = json.loads(record.read_text())
    assert found['path'] == '../videos/half.mp4'
    assert found['signature'].startswith(f'{len(content)} bytes, ')
    assert found['facts']['fps'] == pytest.approx(10)
