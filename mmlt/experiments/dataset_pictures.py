"""Pictures for the page about a data set: keyframes read, boxes drawn in."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mmlt.evaluation.dataset_page.pictures import Draw, Keyframe, Picture
from mmlt.fileio.dataset_checks.settings import SplitSettings
from mmlt.fileio.dataset_checks.whole import DatasetCheck
from mmlt.fileio.keyframe_images import KeyframeRule
from mmlt.fileio.keyframe_reader import ReadKeyframe, open_keyframes
from mmlt.visualization.boxes import DETECTION_COLOR, GROUND_TRUTH_COLOR
from mmlt.visualization.thumbnails import (
    HEIGHT,
    Outline,
    encode_thumbnail,
    jpeg_uri,
    thumbnail_size,
)

KEYFRAME_HEIGHT = 240  # px of a whole keyframe: people are small in it


def keyframe_drawer(check: DatasetCheck) -> Callable[[int], Draw]:
    """What draws the keyframes of a data set at a JPEG quality, read from its frames or videos."""
    readers = {split.name: _reader(check, split) for split in check.splits}

    @lru_cache(maxsize=256)
    def read(split: str, video: str, second: int) -> np.ndarray:
        return readers[split](video, second)

    def draw_at(quality: int) -> Draw:
        def draw(keyframe: Keyframe) -> Picture:
            try:
                frame = read(keyframe.split, keyframe.video, keyframe.second)
            except (ValueError, RuntimeError, OSError, ImportError) as error:
                return Picture('', HEIGHT, HEIGHT, str(error))
            outlines = [
                *(Outline(box, DETECTION_COLOR) for box in keyframe.proposed),
                *(Outline(box, GROUND_TRUTH_COLOR) for box in keyframe.annotated),
            ]
            height = KEYFRAME_HEIGHT if keyframe.around is None else HEIGHT
            place = dict(around=keyframe.around, height=height)
            jpeg = encode_thumbnail(frame, outlines, **place, quality=quality)
            return Picture(jpeg_uri(jpeg), *thumbnail_size(frame, **place))

        return draw

    return draw_at


def _reader(check: DatasetCheck, split: SplitSettings) -> ReadKeyframe:
    table = check.tables.get(split.video_table)
    if table is not None:
        return open_keyframes(table.folder)
    rule = KeyframeRule(
        split.fps, split.start_index, split.timestamp_start, filename_tmpl=split.filename_tmpl
    )
    try:
        if not split.use_frames:
            raise ValueError('frames of video files are not shown without a videos.json')
        return open_keyframes(split.frame_root, rule)
    except (ValueError, OSError) as error:
        reason = str(error)

    def fail(video: str, second: int) -> np.ndarray:
        raise ValueError(reason)

    return fail
