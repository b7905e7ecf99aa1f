"""The keyframe images of the videos of a videos.json, out of the video files by time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmlt.fileio.feature_folder import Video
from mmlt.fileio.timed_video import frames_at
from mmlt.fileio.video_table import VideoTable


def table_videos(table: VideoTable) -> list[Video]:
    """The videos of a table, in its order."""
    return [Video(video_id, str(table.video_path(video_id))) for video_id in table.videos]


def read_timed_keyframes(video: Video, table: VideoTable) -> Iterator[tuple[int, np.ndarray]]:
    """(second, image) of each keyframe of a video: what its file shows when the second begins.

    Args:
        video: Of the table.
        table: Says where in its file the video starts, and how long it is.

    Yields:
        The second and (H, W, 3) uint8, BGR, as large as the file shows it.

    Raises:
        ValueError: The file cannot be read, or shows images of another size than the table says.
    """
    entry, seconds = table.videos[video.video_id], table.seconds(video.video_id)
    times = [entry.start_sec + second - seconds.start for second in seconds]
    for second, image in zip(seconds, frames_at(video.path, times)):
        height, width = image.shape[:2]
        if (width, height) != (entry.width, entry.height):
            raise ValueError(
                f'{video.path}: an image is {width} x {height}, not {entry.width} x {entry.height} '
                f'as videos.json says of {video.video_id!r}'
            )
        yield second, image
