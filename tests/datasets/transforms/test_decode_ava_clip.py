from __future__ import annotations

import cv2
import numpy as np
import pytest
from numbered_videos import draw_number, read_numbers, write_video

from mmlt.datasets.transforms import DecodeAVAClip

NUMBERS = [3, 3, 7, 11]


@pytest.fixture
def sample():
    boxes = np.array([[0.25, 0.5, 0.5, 1.0]])
    return dict(frame_inds=np.array(NUMBERS), gt_bboxes=boxes, proposals=boxes.copy())


def _check(results, shape):
    assert read_numbers(results['imgs']) == NUMBERS
    assert results['imgs'][0].shape == (*shape, 3)
    assert results['img_shape'] == results['original_shape'] == shape
    height, width = shape
    due = [[width / 4, height / 2, width / 2, height]]
    np.testing.assert_allclose(results['gt_bboxes'], due)
    np.testing.assert_allclose(results['proposals'], due)
    red = results['imgs'][0][-8, 8].astype(int)
    assert red[0] > red[2] + 100  # RGB


def test_images_where_a_sample_names_a_folder(sample, tmp_path):
    for number in range(12):
        cv2.imwrite(str(tmp_path / f'img_{number:05}.jpg'), draw_number(number))
    sample.update(frame_dir=str(tmp_path), filename_tmpl='img_{:05}.jpg', modality='RGB')
    _check(DecodeAVAClip(short_side=32)(sample), (64, 120))  # as they are on disk


def test_the_video_where_a_sample_names_a_file(sample, tmp_path):
    write_video(tmp_path / 'a.mp4', np.arange(40) / 10, rate=10)
    sample.update(filename=str(tmp_path / 'a.mp4'), start_sec=0.0, fps=10, modality='RGB')
    _check(DecodeAVAClip(short_side=32)(sample), (32, 60))
