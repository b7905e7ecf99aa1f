"""What is kept of the persons of each video, so that another run does only what is new.

    prepare.parts/persons/VIDEO-*.npy   (n, 6) float64: second, x1 y1 x2 y2 in fractions, score
    prepare.parts/tracks/VIDEO-*.npy    (n,) int64: the track of each of these boxes

The name of a part tells what it depends on: the detector, the video file, its rate and range.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmlt.datasets.own_data.done_videos import sign_file
from mmlt.datasets.own_data.track_persons import IOU_THRESHOLD, MAX_GAP, track_video
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.feature_folder import Failure, Video, feature_path
from mmlt.fileio.npy_files import read_npy
from mmlt.fileio.person_boxes import missing_persons, read_persons, write_persons
from mmlt.fileio.person_tracks import DETECTOR_FILE, VideoPersons
from mmlt.fileio.video_table import VideoTable

_DECIMALS = 6  # of a corner: a hundredth of a pixel, and short files


class PersonParts:
    """The parts of the videos of a data set.

    Args:
        table: Of the data set.
        settings: What the boxes depend on besides the videos.
    """

    def __init__(self, table: VideoTable, settings: Mapping[str, Any]) -> None:
        self.table = table
        parent = (table.folder / DETECTOR_FILE).parent
        self.boxes, self.tracks = parent / 'persons', parent / 'tracks'
        self.settings = dict(settings)
        self._names: dict[Video, Video] = {}

    def has_boxes(self, video: Video) -> bool:
        """Whether a video's boxes are there."""
        return not missing_persons(self.boxes, [self._name(video)])

    def write_boxes(self, video: Video, rows: np.ndarray) -> None:
        """Write the boxes of a video: (n, 6) second, corners, score."""
        rows = rows[np.lexsort((-rows[:, 5], rows[:, 0]))]  # by second, best first
        rows[:, 1:] = rows[:, 1:].round(_DECIMALS)
        write_persons(self.boxes, self._name(video), rows)

    def has_tracks(self, video: Video) -> bool:
        """Whether the tracks of a video's boxes are there."""
        try:
            self.read(video)
        except (FileNotFoundError, ValueError):
            return False
        return True

    def track(self, video: Video) -> None:
        """Link the boxes of a video and write their tracks.

        Raises:
            FileNotFoundError: The video, or a frame of it, is not there.
            ValueError: It cannot be read.
        """
        rows = read_persons(self.boxes, self._name(video))
        seconds = rows[:, 0].astype(np.int64)
        person_ids = track_video(self.table, video.video_id, seconds, rows[:, 1:5])
        path = feature_path(self.tracks, self._name(video))
        with atomic_write(path, overwrite=True) as file, open(file, 'wb') as stream:
            np.save(stream, person_ids, allow_pickle=False)

    def read(self, video: Video) -> VideoPersons:
        """The persons of a video.

        Raises:
            FileNotFoundError: A part is not there.
            ValueError: It is none of boxes or tracks, or of other boxes.
        """
        name = self._name(video)
        rows, person_ids = read_persons(self.boxes, name), read_npy(feature_path(self.tracks, name))
        if person_ids.dtype != np.int64 or person_ids.shape != rows.shape[:1]:
            raise ValueError(
                f'{feature_path(self.tracks, name)}: not the tracks of {len(rows)} boxes'
            )
        return VideoPersons(rows[:, 0].astype(np.int64), rows[:, 1:5], rows[:, 5], person_ids)

    def _name(self, video: Video) -> Video:
        if video not in self._names:
            entry, table = self.table.videos[video.video_id], self.table
            signature = sign_file(video.path) if os.path.isfile(video.path) else None
            depends = [signature, table.fps, table.timestamp_start, entry._asdict(), self.settings]
            depends += [table.filename_tmpl, MAX_GAP, IOU_THRESHOLD]
            digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
            self._names[video] = Video(f'{video.video_id}-{digest[:12]}', video.path)
        return self._names[video]


class TrackedVideos(Dataset):
    """Tracks a video where it is asked for; gives None, or why it failed."""

    def __init__(self, parts: PersonParts, videos: list[Video]) -> None:
        self.parts = parts
        self.videos = videos

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, index: int) -> Failure | None:
        video = self.videos[index]
        try:
            self.parts.track(video)
        except (OSError, ValueError) as error:
            return Failure(video.video_id, video.path, str(error))
        return None
