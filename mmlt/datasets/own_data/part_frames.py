"""Writing the frames of a video as a folder of JPEG files, whole or not at all."""

from __future__ import annotations

import shutil
import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from mmlt.datasets.own_data.video_parts import VideoPart
from mmlt.fileio.timed_video import frames_at
from mmlt.fileio.video_table import FRAME_TMPL
from mmlt.fileio.image_frames import shrink

JPEG_QUALITY = 95


def frame_times(start_sec: float, frame_indices: Iterable[int], fps: float) -> np.ndarray:
    """When frames of a part are shown in its file, s."""
    return start_sec + np.asarray(frame_indices) / fps


def write_part(folder: Path, part: VideoPart, fps: int, short_side: int) -> None:
    """Write the frames of a part into ``folder``; what is there is replaced.

    Args:
        folder: Of the part; made beside under another name and renamed.
        part: Of a file.
        fps: Frames a second.
        short_side: Larger frames are shrunk to so many pixels, see ``shrink``.

    Raises:
        ValueError: The file cannot be read.
    """
    unfinished = folder.with_name(f'.{folder.name}.tmp')
    for each in (unfinished, folder):
        if each.exists():
            shutil.rmtree(each)
    unfinished.mkdir(parents=True)
    times = frame_times(part.start_sec, range(part.num_frames), fps)
    shown, encoded = None, b''
    for number, image in enumerate(frames_at(part.path, times)):
        if image is not shown:
            shown = image
            how = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            encoded = cv2.imencode('.jpg', shrink(image, short_side), how)[1].tobytes()
        (unfinished / FRAME_TMPL.format(number)).write_bytes(encoded)
    os.replace(unfinished, folder)
