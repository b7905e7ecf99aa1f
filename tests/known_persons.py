"""A detector of mmdet that finds what is green, and frames whose green box tells their number."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmdet.models.detectors.base import BaseDetector
from mmdet.registry import MODELS
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

HEIGHT, WIDTH, BOX = 48, 80, 8
CONFIG = """
default_scope = 'mmdet'
model = dict(
    type='GreenDetector',
    data_preprocessor=dict(type='DetDataPreprocessor', bgr_to_rgb=False, pad_size_divisor=32),
)
pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='Resize', scale=(160, 96), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
classes = ('dog', 'person')
dataset = dict(type='CocoDataset', metainfo=dict(classes=classes), pipeline=pipeline)
test_dataloader = dict(dataset=dataset)
"""


@MODELS.register_module(force=True)
class GreenDetector(BaseDetector):
    """The green box: a person of score .9, a dog of .95; the whole frame: persons of .3, .01."""

    def __init__(self, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.scale = torch.nn.Parameter(torch.ones(1))

    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        for image, sample in zip(batch_inputs, batch_data_samples):
            height, width = sample.img_shape
            rows, columns = torch.where(image[1, :height, :width] * self.scale > 127)
            box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            whole = [-4, 0, width + 4, height]  # regressed out of the frame
            scale = [*sample.scale_factor, *sample.scale_factor]
            boxes = torch.tensor([whole, whole, box, box], dtype=torch.float32)
            sample.pred_instances = InstanceData(
                bboxes=boxes / torch.tensor(scale),
                scores=torch.tensor([0.01, 0.3, 0.95, 0.9]),
                labels=torch.tensor([1, 1, 0, 1]),
            )
        return batch_data_samples

    def loss(self, batch_inputs, batch_data_samples):
        raise NotImplementedError

    _forward = extract_feat = loss


def draw_frame(number):
    """Black, with a green box whose left edge is the number: (H, W, 3) BGR."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[10:40, number : number + BOX] = (0, 255, 0)
    return frame


def expected_box(number):
    """Fractions of the frame of the box that :func:`draw_frame` draws."""
    return [number / WIDTH, 10 / HEIGHT, (number + BOX) / WIDTH, 40 / HEIGHT]


def write_frames(folder, count, filename_tmpl='img_{:05}.jpg', start_index=1):
    """The frames of a video as files, numbered from start_index."""
    folder.mkdir(parents=True)
    for number in range(start_index, start_index + count):
        quality = [cv2.IMWRITE_JPEG_QUALITY, 100]
        cv2.imwrite(str(folder / filename_tmpl.format(number)), draw_frame(number), quality)


def write_video(path, count, fps):
    """The frames of a video as a file, counted from 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (WIDTH, HEIGHT)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
    for number in range(count):
        writer.write(draw_frame(number))
    writer.release()


@pytest.fixture(scope='module', autouse=True)
def own_scope():
    """What reads a config of mmdet makes mmdet's the default scope: not for other tests."""
    before = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)
