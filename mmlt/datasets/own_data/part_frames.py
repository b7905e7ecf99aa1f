"""Writing the frames of a video as a folder of JPEG files, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mmlt.datasets.own_data.video_parts import VideoPart
from mmlt.fileio.image_frames import shrink
from mmlt.fileio.timed_video import TimedVideo, frame_times
from mmlt.fileio.video_table import FRAME_TMPL

JPEG_QUALITY = 95


def write_part(
    folder: Path,
    part: VideoPart,
    fps: int,
    short_side: int,
    tell: Callable[[int], object] = lambda number: None,
) -> int:
    """Write the frames of a part into ``folder``; what is there is replaced.

    They are written into a folder beside, which is renamed at the end.

    Args:
        folder: Of the part.
        part: Of a file.
        fps: Frames a second.
        short_side: Larger frames are shrunk to so many pixels, see ``shrink``.
        tell: Called with 1 when a frame is written.

    Returns:
        How many packets of the file could not be decoded.

    Raises:
        ValueError: The file cannot be read.
    """
    unfinished = folder.with_name(f'.{folder.name}.tmp')
    for each in (unfinished, folder):
        if each.exists():
            shutil.rmtree(each)
    unfinished.mkdir(parents=True)
    shown, encoded = None, b''
    with TimedVideo(part.path) as video:
        times = frame_times(part.start_sec, range(part.num_frames), fps)
        for number, image in enumerate(video.images_at(times)):
            if image is not shown:
                shown, encoded = image, _encode(shrink(image, short_side))
            (unfinished / FRAME_TMPL.format(number)).write_bytes(encoded)
            tell(1)
    os.replace(unfinished, folder)
    return video.file.num_bad_packets


def _encode(image: np.ndarray) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode('.jpg', image, quality)[1].tobytes()
