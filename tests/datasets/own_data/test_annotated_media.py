"""Which prepared video and time the media of annotations are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmlt.datasets.own_data.annotated_media import ImageRule, MediaFinder, UnknownMediaError
from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox
from mmlt.fileio.video_table import FRAME_TMPL, VideoEntry, VideoTable


def _table(folder, tmpl=FRAME_TMPL, start=0, **videos):
    entries = {
        name: VideoEntry(file, start_sec, num_frames, 768, 576)
        for name, (file, start_sec, num_frames) in videos.items()
    }
    return VideoTable(folder, 10, start, tmpl, entries)


@pytest.fixture
def table(tmp_path):
    return _table(
        tmp_path,
        street=('../in/street.mp4', 0, 100),
        film_1=('../in/film.avi', 0, 100),
        film_2=('../in/film.avi', 10, 100),
        film_3=('../in/film.avi', 20.05, 95),
    )


def _find(table, media, time_sec=None, timestamp=None, **rule):
    box = AnnotatedBox('f: 1', media, time_sec, timestamp, (0, 0, 1, 1), 'pixels', (), None)
    return MediaFinder(table, ImageRule(**rule)).find(box)


@pytest.mark.parametrize(
    'media',
    ['street.mp4', 'in/street.mp4', '/d/in/street.mp4', 'C:\\\\in\\\\street.mp4', 'street']
    + ['file:///d/in/street.mp4', 'http://localhost:8000/street.mp4'],
)
def test_a_video_by_its_file(table, media):
    assert _find(table, media, 3.2) == ('street', 3.2, (768, 576), None)


@pytest.mark.parametrize('media', ['http://x/street.mp4?t=1/2', 'https://x/in/street.mp4#t=3'])
def test_what_a_server_is_asked_beside_is_no_name(table, media):
    assert _find(table, media, 1).video_id == 'street'


@pytest.mark.parametrize(('file', 'media'), [('\u00fc', 'u\u0308'), ('u\u0308', '\u00fc')])
def test_a_letter_with_its_accent_is_one_however_it_is_written(tmp_path, file, media):
    table = _table(tmp_path, **{'\u00fc': (f'in/{file}.mp4', 0, 50)})
    for name in (f'{media}.mp4', media, f'{media}_0003.jpg'):
        assert _find(table, name, 1, size=(8, 8)).video_id == '\u00fc'


def test_a_name_with_a_percent_sign_is_read_as_it_stands(tmp_path):
    table = _table(tmp_path, a=('100%20.mp4', 0, 50))
    assert _find(table, '100%20.mp4', 1).video_id == 'a'
    assert _find(table, 'http://x/100%2520.mp4', 1).video_id == 'a'


@pytest.mark.parametrize(
    ('time_sec', 'video_id', 'of_part'),
    [
        (0, 'film_1', 0),
        (9, 'film_1', 9),
        (9.96, 'film_2', -0.04),  # by half a frame: the first frame of the next part is shown
        (10, 'film_2', 0),
        (20, 'film_3', -0.05),
        (25.05, 'film_3', 5),
        (99, 'film_3', 78.95),  # outside of the film: refused where seconds are looked at
    ],
)
def test_times_of_a_film_lead_to_its_parts(table, time_sec, video_id, of_part):
    place = _find(table, 'film.avi', time_sec)
    assert (place.video_id, place.time_sec) == (video_id, pytest.approx(of_part))


def test_times_of_a_part_called_by_its_id_are_its_own(table):
    assert _find(table, 'film_2', 3)[:2] == ('film_2', 3)
    assert _find(table, 'film_2', timestamp=3)[:2] == ('film_2', 3)


def test_timestamps_count_from_timestamp_start(tmp_path):
    parts = dict(film_1=('film.avi', 0, 100), film_2=('film.avi', 10, 100))
    table = _table(tmp_path, start=900, **parts)
    assert _find(table, 'film_2', timestamp=903)[:2] == ('film_2', 3)
    assert _find(table, 'film', timestamp=913)[:2] == ('film_2', 3)


def test_of_two_files_of_one_name_the_path_tells(tmp_path):
    table = _table(tmp_path, one=('a/x/clip.mp4', 0, 50), two=('a/y/clip.mp4', 0, 50))
    assert _find(table, 'z/y/clip.mp4', 1).video_id == 'two'
    with pytest.raises(ValueError, match="'clip.mp4' may be 'a/x/clip.mp4', 'a/y/clip"):
        _find(table, 'clip.mp4', 1)


@pytest.mark.parametrize('media', ['Street.mp4', 'street.MP4', 'street.avi', 'STREET'])
def test_another_case_or_extension_is_named(table, media):
    prepared = 'street.mp4' if '.' in media else 'street'
    message = f"f: 1: '{media}' is no prepared video, but '{prepared}' is: they differ in case"
    with pytest.raises(ValueError, match=message) as error:
        _find(table, media, 1)
    assert error.type is ValueError  # --ignore-unknown leaves it an error


def test_unknown(table):
    with pytest.raises(UnknownMediaError, match=r"'x.mp4' is no prepared video \('stre.*--ignore"):
        _find(table, 'x.mp4', 1)


def test_a_box_on_a_video_needs_a_time(table):
    with pytest.raises(ValueError, match="f: 1: a box on the video 'street.mp4' without a time"):
        _find(table, 'street.mp4')


# ------------------------------------------------------------------------------------- images


def _write_image(path, width, height):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))


@pytest.mark.parametrize('prefix', ['', 'rawframes/', '/data/mine/rawframes/'])
def test_frames_on_disk(table, prefix):
    _write_image(table.frame_folder / 'street' / 'img_00030.jpg', 384, 288)
    place = _find(table, f'{prefix}street/img_00030.jpg')
    assert place[:3] == ('street', 3.0, (384, 288))
    assert place.reading == 'images VIDEO/img_{:05}.jpg: frames, 10 a second from 0'


@pytest.mark.parametrize(
    ('media', 'rule', 'time_sec', 'reading'),
    [
        ('street_0903.jpg', {}, 3, 'seconds from 900'),
        ('frames/street_0903.png', {}, 3, 'seconds from 900'),
        ('street_903.jpg', {'are_seconds': True}, 3, 'seconds from 900'),
        ('street_000091.jpg', {'fps': 30, 'first': 1}, 3, 'frames, 30 a second from 1'),
    ],
)
def test_numbered_images(tmp_path, media, rule, time_sec, reading):
    table = _table(tmp_path, start=900, street=('street.mp4', 0, 100))
    place = _find(table, media, size=(100, 50), **rule)
    assert place == ('street', time_sec, (100, 50), f'images VIDEO_NUMBER: {reading}')


def test_seconds_or_frames_is_asked(table):
    with pytest.raises(ValueError, match='f: 1: is 000091 of .* a second or a frame.*30:1'):
        _find(table, 'street_000091.jpg')


def test_size_of_an_image_that_lies_beside_the_annotations(table, tmp_path):
    _write_image(tmp_path / 'labels' / 'street_0003.jpg', 200, 100)
    box = AnnotatedBox('f', 'street_0003.jpg', None, None, (0, 0, 1, 1), 'pixels', (), None)
    finder = MediaFinder(table, ImageRule(), (tmp_path / 'labels',))
    assert finder.find(box).size == (200, 100)


def test_each_video_has_its_own_size_of_image(table, tmp_path):
    _write_image(tmp_path / 'street_0003.jpg', 200, 100)
    _write_image(tmp_path / 'film_1_0003.jpg', 30, 20)
    finder = MediaFinder(table, ImageRule())
    box = AnnotatedBox('f', '', None, None, (0, 0, 1, 1), 'pixels', (), None)
    found = [finder.find(box._replace(media=f'{v}_0003.jpg')) for v in ('street', 'film_1')]
    assert [(each.video_id, each.size) for each in found] == [
        ('street', (200, 100)),
        ('film_1', (30, 20)),
    ]


def test_an_image_that_is_not_at_hand(table):
    with pytest.raises(ValueError, match="how large is the image 'street_0003.jpg'.*--image-size"):
        _find(table, 'street_0003.jpg')


def test_an_image_that_is_none(table, tmp_path):
    (tmp_path / 'street_0003.jpg').write_bytes(b'none')
    with pytest.raises(ValueError, match='street_0003.jpg: an image that cannot be read'):
        _find(table, 'street_0003.jpg')


@pytest.mark.parametrize(
    ('media', 'message'),
    [
        ('other_0003.jpg', "'other' is no prepared video"),
        ('still.jpg', "the image 'still.jpg' tells no video and time: name it VIDEO_0003.jpg"),
    ],
)
def test_unknown_images(table, media, message):
    with pytest.raises(UnknownMediaError, match=message):
        _find(table, media)


def test_frames_without_frames_on_disk_are_not_guessed(tmp_path):
    table = _table(tmp_path, tmpl=None, street=('street.mp4', 0, 100))
    with pytest.raises(UnknownMediaError, match="'img' is no prepared video"):
        _find(table, 'street/img_00030.jpg')


def test_images_of_a_film_lead_to_its_parts(tmp_path):
    parts = dict(film_1=('my film.avi', 0, 100), film_2=('my film.avi', 10, 100))
    table = _table(tmp_path, start=900, **parts)
    assert _find(table, 'my film_0913.jpg', size=(9, 9))[:2] == ('film_2', 3)
    assert _find(table, 'film_2_0903.jpg', size=(9, 9))[:2] == ('film_2', 3)
    assert _find(table, 'my film_391.jpg', size=(9, 9), fps=30, first=1)[:2] == ('film_2', 3)


def test_images_whose_video_is_not_told(table):
    with pytest.raises(ValueError, match="of which video is the image 'img_00030.jpg'.*label per"):
        _find(table, 'img_00030.jpg')
    with pytest.raises(ValueError, match="'Street' is no prepared video, but 'street' is"):
        _find(table, 'Street_0003.jpg')


def test_the_size_that_is_looked_at_comes_first(table, tmp_path):
    _write_image(tmp_path / 'street_0003.jpg', 200, 100)
    assert _find(table, 'street_0003.jpg', size=(1, 1)).size == (200, 100)
