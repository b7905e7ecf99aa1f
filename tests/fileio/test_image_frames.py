from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from mmlt.fileio.image_frames import (
    Frame,
    read_frame_folder,
    read_video,
    shrink,
    video_fps,
    write_frame_folder,
    write_video,
)


def _image(value, shape=(48, 64, 3)):
    return np.full(shape, value, np.uint8)


def _frames(*values):
    return [Frame(i, f'img_{i + 1:05d}.png', _image(value)) for i, value in enumerate(values)]


def test_folder_there_and_back(tmp_path):
    write_frame_folder(tmp_path / 'out', _frames(10, 20, 30))
    frames = list(read_frame_folder(tmp_path / 'out'))
    assert [(frame.index, frame.name) for frame in frames] == [
        (0, 'img_00001.png'), (1, 'img_00002.png'), (2, 'img_00003.png'),
    ]  # fmt: skip
    assert [frame.image.mean() for frame in frames] == [10, 20, 30]


def test_video_there_and_back(tmp_path):
    path = tmp_path / 'out.mp4'
    write_video(path, _frames(20, 120, 220), 25.0)
    assert video_fps(path) == 25
    frames = list(read_video(path))
    assert [frame.index for frame in frames] == [0, 1, 2]
    np.testing.assert_allclose([frame.image.mean() for frame in frames], [20, 120, 220], atol=6)
    assert os.listdir(tmp_path) == ['out.mp4']


def test_frame_numbers_count_not_places(tmp_path):
    for number in (10, 9, 12):
        cv2.imwrite(str(tmp_path / f'img_{number}.png'), _image(number))
    (tmp_path / 'notes.txt').write_text('no image')
    frames = list(read_frame_folder(tmp_path, start_index=9))
    assert [(frame.index, frame.image.mean()) for frame in frames] == [(0, 9), (1, 10), (3, 12)]


def test_bad_frame_folders(tmp_path):
    with pytest.raises(ValueError, match='no image'):
        list(read_frame_folder(tmp_path))
    cv2.imwrite(str(tmp_path / 'img_0.png'), _image(0))
    with pytest.raises(ValueError, match='img_0.png: frame 0 is before start_index 1'):
        list(read_frame_folder(tmp_path))
    cv2.imwrite(str(tmp_path / 'img_00.jpg'), _image(0))
    with pytest.raises(ValueError, match='frame 0 is also img_0'):
        list(read_frame_folder(tmp_path, start_index=0))
    (tmp_path / 'img_00.jpg').unlink()
    (tmp_path / 'img_1.png').write_bytes(b'no png')
    with pytest.raises(ValueError, match='img_1.png: not a readable image'):
        list(read_frame_folder(tmp_path, start_index=0))
    cv2.imwrite(str(tmp_path / 'cover.png'), _image(0))
    with pytest.raises(ValueError, match='cover.png: the name does not end in a frame number'):
        list(read_frame_folder(tmp_path, start_index=0))


def test_a_number_in_other_digits_is_none(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), _image(0))
    (tmp_path / 'a.png').rename(tmp_path / 'img_\uff11.png')
    with pytest.raises(ValueError, match='the name does not end in a frame number'):
        list(read_frame_folder(tmp_path))


def test_an_image_that_claims_to_be_huge(tmp_path):
    image = cv2.imencode('.bmp', _image(0))[1].tobytes()
    size = (2**30).to_bytes(4, 'little')
    (tmp_path / 'img_1.bmp').write_bytes(image[:18] + size + size + image[26:])
    with pytest.raises(ValueError, match='img_1.bmp: not a readable image'):
        list(read_frame_folder(tmp_path))


def test_bad_videos(tmp_path):
    with pytest.raises(FileNotFoundError, match='no.mp4: no such video'):
        list(read_video(tmp_path / 'no.mp4'))
    (tmp_path / 'text.mp4').write_text('text')
    with pytest.raises(ValueError, match='text.mp4: not a video'):
        video_fps(tmp_path / 'text.mp4')


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / 'out.mp4'
    path.write_text('precious')
    with pytest.raises(FileExistsError, match='out.mp4: exists already'):
        write_video(path, _frames(1), 25.0)
    assert path.read_text() == 'precious'
    write_video(path, _frames(1), 25.0, overwrite=True)
    assert len(list(read_video(path))) == 1

    folder = tmp_path / 'frames'
    write_frame_folder(folder, _frames(1, 2))
    (folder / 'notes.txt').write_text('precious')
    with pytest.raises(FileExistsError, match='frames: the folder is not empty'):
        write_frame_folder(folder, _frames(3))
    write_frame_folder(folder, _frames(3), overwrite=True)
    assert [frame.image.mean() for frame in read_frame_folder(folder)] == [3, 2]
    assert (folder / 'notes.txt').read_text() == 'precious'


def test_an_error_in_between_leaves_no_half_video(tmp_path):
    other = Frame(1, 'img_00002.png', _image(1, (24, 64, 3)))
    with pytest.raises(ValueError, match=r'img_00002.png: shape \(24, 64, 3\)'):
        write_video(tmp_path / 'out.mp4', [*_frames(1), other], 25.0)
    with pytest.raises(ValueError, match='out.mp4: no frame to write'):
        write_video(tmp_path / 'out.mp4', [], 25.0)
    assert os.listdir(tmp_path) == []


def test_frames_that_cannot_be_read_leave_no_folder(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='no image'):
        write_frame_folder(tmp_path / 'out', read_frame_folder(tmp_path / 'empty'))
    assert not (tmp_path / 'out').exists()
    (tmp_path / 'file').write_text('mine')
    with pytest.raises(NotADirectoryError, match='file: is a file, not a folder'):
        write_frame_folder(tmp_path / 'file', [])


@pytest.mark.parametrize(
    ('shape', 'short_side', 'expected'),
    [
        ((576, 768), 256, (256, 341)),  # 768 * 256 / 576 = 341.3
        ((1920, 1080), 256, (455, 256)),  # 1920 * 256 / 1080 = 455.1
        ((100, 100), 50, (50, 50)),
        ((200, 300), 200, (200, 300)),
        ((200, 300), 256, (200, 300)),  # never enlarged
        ((200, 300), None, (200, 300)),
    ],
)
def test_shrink(shape, short_side, expected):
    image = np.zeros((*shape, 3), np.uint8)
    image[: shape[0] // 2, : shape[1] // 2] = 200
    small = shrink(image, short_side)
    assert small.shape == (*expected, 3) and small.dtype == np.uint8
    height, width = expected
    assert (small[: height // 2 - 1, : width // 2 - 1] == 200).all()
    assert not small[height // 2 + 1 :].any() and not small[:, width // 2 + 1 :].any()
