"""Where an AVA dataset finds the frames of each video, and how many it has."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterable
from typing import Any

from mmlt.fileio.box_checks import timestamps_at_the_end, timestamps_outside
from mmlt.fileio.video_table import START_INDEX, VideoTable, read_video_table
from mmlt.fileio.video_table_checks import seconds_outside, unknown_videos
from mmlt.functional import AVABoxes


def take_from_table(arguments: dict[str, Any], video_table: str | None) -> VideoTable | None:
    """Fill the arguments of an AVA dataset in from a videos.json.

    Args:
        arguments: Those given, by name; changed.
        video_table: The file, or its folder.

    Returns:
        The table; None without a file.

    Raises:
        ValueError: An argument is given too, with another value than the table's.
    """
    if video_table is None:
        return None
    table = read_video_table(video_table)
    ends = [table.seconds(video).stop for video in table.videos]
    use_frames = table.filename_tmpl is not None
    told = dict(
        fps=table.fps,
        timestamp_start=table.timestamp_start,
        timestamp_end=max(ends),
        start_index=START_INDEX,
        use_frames=use_frames,
        data_prefix=dict(img=str(table.frame_folder) if use_frames else ''),
    )
    if use_frames:
        told['filename_tmpl'] = table.filename_tmpl
    for name, value in told.items():
        if arguments.setdefault(name, value) != value:
            raise ValueError(
                f'{name}={arguments[name]!r}: video_table {video_table} says {value!r}; leave '
                f'{name} out'
            )
    return table


def media_of_videos(dataset: Any, videos: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What a sample says of where its video is: its folder of frames or its file, and its length.

    Args:
        dataset: An ``mmlt.AVADataset`` whose settings are known.
        videos: Video ids.
    """
    table = dataset.video_table
    if table is not None and not dataset.use_frames:
        return {video: _part_of_file(table, video) for video in videos}
    prefix = dataset.data_prefix['img']
    place = 'frame_dir' if dataset.use_frames else 'filename'
    # a video's length is known when it is opened
    seconds = dataset.timestamp_end - dataset.timestamp_start
    shot_info = (0, seconds * dataset._FPS) if dataset.use_frames else None
    media = {}
    for video in videos:
        own = shot_info if table is None else (0, table.videos[video].num_frames)
        path = video if prefix is None else osp.join(prefix, video)
        media[video] = {place: path, 'shot_info': own}
    return media


def _part_of_file(table: VideoTable, video: str) -> dict[str, Any]:
    entry = table.videos[video]
    return {
        'filename': str(table.video_path(video)),
        'start_sec': entry.start_sec,
        'shot_info': (0, entry.num_frames),
    }


def check_seconds(dataset: Any, boxes: AVABoxes, rows) -> tuple[str | None, str | None]:
    """An error and a warning about timestamps that decide the frames wrongly.

    Args:
        dataset: An ``mmlt.AVADataset``.
        boxes: Its annotations.
        rows: (m,) indices of the rows that are used.
    """
    path, start, end = dataset.ann_file, dataset.timestamp_start, dataset.timestamp_end
    if dataset.video_table is not None:
        return seconds_outside(boxes, rows, path, dataset.video_table), None
    if not dataset.use_frames:  # a video has its own length, but it starts at timestamp_start
        return None, timestamps_outside(boxes, rows, path, start)
    error = timestamps_outside(boxes, rows, path, start, end)
    return error, None if error else timestamps_at_the_end(boxes, rows, path, end)


def refuse_unknown_videos(dataset: Any, boxes: AVABoxes, path: str) -> None:
    """Raise a ValueError of the first row whose video is not in the dataset's table."""
    if dataset.video_table is not None:
        error = unknown_videos(boxes, path, dataset.video_table)
        if error:
            raise ValueError(error)
