from __future__ import annotations

import cv2
import numpy as np
import pytest
from numbered_videos import read_number, write_video

from mmlt.datasets.own_data.part_frames import write_part
from mmlt.datasets.own_data.video_parts import VideoPart


def _read(folder):
    return [read_number(cv2.imread(str(file))) for file in sorted(folder.iterdir())]


def test_the_frames_of_a_part(tmp_path):
    """From second 3 on, 5 a second of a video of 10: each other frame; what was there is gone."""
    write_video(tmp_path / 'a.mp4', np.arange(60) / 10, rate=10)
    folder = tmp_path / 'rawframes' / 'a_2'
    folder.mkdir(parents=True)
    (folder / 'img_00099.jpg').touch()
    told = []
    part = VideoPart('a_2', str(tmp_path / 'a.mp4'), 3, 7)
    assert write_part(folder, part, 5, 256, told.append) == 0
    assert [file.name for file in sorted(folder.iterdir())] == [
        f'img_{number:05}.jpg' for number in range(7)
    ]
    assert _read(folder) == [30, 32, 34, 36, 38, 40, 42] and sum(told) == 7


def test_a_frame_that_stays_is_the_same_file_again(tmp_path):
    write_video(tmp_path / 'a.mp4', np.arange(4) / 2, rate=2)
    folder = tmp_path / 'a'
    write_part(folder, VideoPart('a', str(tmp_path / 'a.mp4'), 0, 8), 4, 256)
    assert _read(folder) == [0, 0, 1, 1, 2, 2, 3, 3]
    files = [file.read_bytes() for file in sorted(folder.iterdir())]
    assert files[::2] == files[1::2] and len(set(files)) == 4


def test_jpeg_keeps_what_a_detector_sees(tmp_path):
    """Quality 95: on a picture of edges less than two grey values off on average."""
    write_video(tmp_path / 'a.mp4', [0, 1], options={'qp': '0', 'preset': 'ultrafast'})
    write_part(tmp_path / 'a', VideoPart('a', str(tmp_path / 'a.mp4'), 0, 1), 1, 256)
    shown = cv2.VideoCapture(str(tmp_path / 'a.mp4')).read()[1]
    written = cv2.imread(str(tmp_path / 'a' / 'img_00000.jpg'))
    assert np.abs(shown.astype(int) - written).mean() < 2


def test_half_a_folder_is_never_seen(tmp_path):
    write_video(tmp_path / 'a.mp4', np.arange(5) / 10)

    def stop(number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path / 'a', VideoPart('a', str(tmp_path / 'a.mp4'), 0, 5), 10, 256, stop)
    assert not (tmp_path / 'a').exists()
