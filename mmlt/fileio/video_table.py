"""videos.json: the videos of a data set of one's own, with the rate and range of their frames.

    fps               frames a second, a whole number
    timestamp_start   the second that begins with frame 0
    filename_tmpl     file name of a frame, from 0, in rawframes/VIDEO beside the file; null: no
                      frames are on disk, clips are read from the video files by time
    videos            video id -> what is known of it, see :class:`VideoEntry`

Frame k of a video is what its file shows k / fps seconds after ``start_sec``; so frame
``fps * (second - timestamp_start)`` is that of a whole second, whatever the file's own rate is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mmlt.fileio.json_files import write_json
from mmlt.fileio.json_schema import check_keys, check_object, read_versioned
from mmlt.functional.detection.fields import name_fault

VIDEO_TABLE = 'videos.json'
FRAME_FOLDER = 'rawframes'
FRAME_TMPL = 'img_{:05}.jpg'
#: Number of the first frame: a dataset adds it to each frame twice (``SampleAVAFrames``).
START_INDEX = 0
_VERSION = 1
_KINDS = {
    'file': 'text',
    'start_sec': 'number',
    'num_frames': 'count',
    'width': 'count',
    'height': 'count',
}
_PIXEL_ASPECT = 'pixel_aspect'  # of a video whose pixels are not square alone


class VideoEntry(NamedTuple):
    """A video, or a part of a longer file.

    Attributes:
        file: The video file; a relative path starts at the folder of videos.json.
        start_sec: Where in the file it starts, s.
        num_frames: How many frames it has at the table's rate.
        width: Of the file as it is shown (a rotation flag obeyed), px.
        height: The same.
        pixel_aspect: Width of a pixel by its height as it is shown. Players stretch what is not
            square, frames are as they are stored.
    """

    file: str
    start_sec: float
    num_frames: int
    width: int
    height: int
    pixel_aspect: float = 1.0

    @property
    def player_size(self) -> tuple[int, int]:
        """Width and height in a player, as of HTML: its ``videoWidth``, ``videoHeight``, px.

        Source: HTML Living Standard, 4.8.9: one dimension is increased, the other left.
        """
        if self.pixel_aspect >= 1:
            return round(self.width * self.pixel_aspect), self.height
        return self.width, round(self.height / self.pixel_aspect)


class VideoTable(NamedTuple):
    """What a videos.json holds, see the module.

    Attributes:
        folder: Where it lies.
        fps: Frames a second.
        timestamp_start: The second that begins with frame 0.
        filename_tmpl: File name of a frame by its number; None: no frames on disk.
        videos: Video id -> entry, in the order of the file.
    """

    folder: Path
    fps: int
    timestamp_start: int
    filename_tmpl: str | None
    videos: Mapping[str, VideoEntry]

    @property
    def frame_folder(self) -> Path:
        """The folder that has a folder of frames a video."""
        return self.folder / FRAME_FOLDER

    def video_path(self, video_id: str) -> Path:
        """The file of a video, whatever links lead to the folder."""
        file = self.folder / self.videos[video_id].file
        return Path(os.path.realpath(file.parent), file.name)

    def seconds(self, video_id: str) -> range:
        """The whole seconds that begin before the video ends: its keyframes."""
        count = math.ceil(self.videos[video_id].num_frames / self.fps)
        return range(self.timestamp_start, self.timestamp_start + count)

    def frame_of(self, second: int) -> int:
        """The number of the frame that a second begins with."""
        return self.fps * (second - self.timestamp_start)


def read_video_table(path: str | os.PathLike) -> VideoTable:
    """Read a videos.json, or that of a folder.

    Raises:
        FileNotFoundError: There is none.
        ValueError: A key is missing or has a wrong value. Names file and key.
    """
    path = Path(path)
    path = path / VIDEO_TABLE if path.is_dir() else path
    content = read_versioned(path, _VERSION)
    kinds = {'fps': 'count', 'timestamp_start': 'integer', 'filename_tmpl': 'text or null'}
    check_keys(content, {**kinds, 'videos': 'object'}, str(path))
    if content['fps'] < 1:
        raise ValueError(f"{path}: key 'fps' must be at least 1, got {content['fps']}")
    videos = {}
    for video_id, values in content['videos'].items():
        where = f'{path}: video {video_id!r}'
        if name_fault(video_id):
            raise ValueError(f'{where}: {name_fault(video_id)}')
        check_object(values, where)
        check_keys(values, _KINDS, where)
        for key in ('num_frames', 'width', 'height'):
            if values[key] < 1:
                raise ValueError(f'{where}: key {key!r} must be at least 1, got {values[key]}')
        pixel_aspect = values.get(_PIXEL_ASPECT, 1.0)
        check_keys({_PIXEL_ASPECT: pixel_aspect}, {_PIXEL_ASPECT: 'number'}, where)
        if not pixel_aspect > 0:
            raise ValueError(f'{where}: key {_PIXEL_ASPECT!r} must be above 0, got {pixel_aspect}')
        videos[video_id] = VideoEntry(*(values[key] for key in _KINDS), pixel_aspect)
    if not videos:
        raise ValueError(f"{path}: key 'videos' holds no video")
    return VideoTable(path.parent, *(content[key] for key in kinds), videos)


def write_video_table(table: VideoTable, *, overwrite: bool = False) -> Path:
    """Write a table into its folder, whole or not at all.

    Raises:
        FileExistsError: There is one and ``overwrite`` is false.
    """
    path = table.folder / VIDEO_TABLE
    content = {
        'format_version': _VERSION,
        'fps': table.fps,
        'timestamp_start': table.timestamp_start,
        'filename_tmpl': table.filename_tmpl,
        'videos': {name: _written(entry) for name, entry in table.videos.items()},
    }
    write_json(path, content, overwrite=overwrite)
    return path


def _written(entry: VideoEntry) -> dict:
    values = entry._asdict()
    if entry.pixel_aspect == 1:
        del values[_PIXEL_ASPECT]
    return values
