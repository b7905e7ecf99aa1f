"""Which boxes of a video's keyframes are of the same person."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from mmlt.datasets.own_data.median_flow import carry_boxes
from mmlt.fileio.image_frames import read_image
from mmlt.fileio.timed_video import frames_at
from mmlt.fileio.video_table import VideoTable
from mmlt.functional.detection.link_boxes import link_boxes

#: Keyframes that a person may be away: hidden by somebody, or missed by the detector.
MAX_GAP = 3
IOU_THRESHOLD = 0.3
# The flow needs no more: images of so many pixels in height, so many of a second.
_HEIGHT, _RATE = 288, 10


def track_video(
    table: VideoTable, video_id: str, seconds: np.ndarray, boxes_xyxy_norm: np.ndarray
) -> np.ndarray:
    """The track of each box of a video.

    Boxes are carried from keyframe to keyframe by the optical flow in them, then linked by IoU,
    see :func:`~mmlt.datasets.own_data.median_flow.carry_boxes` and
    :func:`mmlt.functional.link_boxes`. The frames between are those on disk, where there are some,
    else what the file shows at their time.

    Args:
        table: Of the data set.
        video_id: A video of it.
        seconds: (n,) whole numbers, of each box.
        boxes_xyxy_norm: (n, 4), fractions of the frame.

    Returns:
        (n,) int64 person ids, from 0.

    Raises:
        FileNotFoundError: The video, or a frame of it, is not there.
        ValueError: It cannot be read.
    """
    if not len(seconds):
        return np.zeros(0, np.int64)
    images = _grey_images(table, video_id)
    carried = carry_boxes(images, seconds, boxes_xyxy_norm, max_gap=MAX_GAP)
    return link_boxes(seconds, boxes_xyxy_norm, carried, iou_threshold=IOU_THRESHOLD)


def _grey_images(table: VideoTable, video_id: str) -> Iterator[tuple[int | None, np.ndarray]]:
    """Small grey images of a video, about ten a second, and the second that begins with each."""
    stride = max(1, table.fps // _RATE)
    numbers = [k for k in range(table.videos[video_id].num_frames) if k % table.fps % stride == 0]
    for number, image in zip(numbers, _frames(table, video_id, numbers)):
        whole, rest = divmod(number, table.fps)
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        height, width = grey.shape
        if height > _HEIGHT:
            size = (max(1, round(width * _HEIGHT / height)), _HEIGHT)
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        yield None if rest else table.timestamp_start + whole, grey


def _frames(table: VideoTable, video_id: str, numbers: list[int]) -> Iterator[np.ndarray]:
    if table.filename_tmpl is None:
        entry = table.videos[video_id]
        times = [entry.start_sec + number / table.fps for number in numbers]
        yield from frames_at(table.video_path(video_id), times)
        return
    folder = table.frame_folder / video_id
    for number in numbers:
        path = folder / table.filename_tmpl.format(number)
        if not path.is_file():
            raise FileNotFoundError(f'{path}: no such file')
        yield read_image(path)
