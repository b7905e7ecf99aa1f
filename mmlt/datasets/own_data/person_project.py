"""The persons of a data set as a project of VIA 3, drawn on the keyframes' images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmlt.fileio.image_frames import read_image
from mmlt.fileio.person_tracks import VideoPersons
from mmlt.fileio.via_project import ViaBox, ViaFile, write_via_project
from mmlt.fileio.video_table import VideoTable


def write_person_project(
    path: str | Path,
    table: VideoTable,
    persons: Mapping[str, VideoPersons],
    class_names: Sequence[str],
    *,
    actions: Mapping[str, Sequence[Sequence[str]]] | None = None,
    overwrite: bool = False,
) -> int:
    """Write the persons of videos as a project of VIA 3.

    A box is drawn on the image of its keyframe, in pixels of that image; where there are no frames
    on disk, on the video file at the keyframe's time, in pixels of the video as a browser shows it.
    The images of all keyframes are in it, for a person may have been missed.

    Args:
        path: The project, in the folder of the table or elsewhere.
        table: Of the data set.
        persons: Of each video.
        class_names: The actions to choose from.
        actions: Of each video those of each of its boxes; None: none are filled in yet.
        overwrite: Whether an existing file may be replaced.

    Returns:
        How many boxes are in it.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is false.
        FileNotFoundError: The image of a keyframe is not there.
    """
    files: dict[ViaFile, None] = {}  # the parts of a file share it
    boxes: list[ViaBox] = []
    for video_id, found in persons.items():
        media = _Media(Path(path).parent, table, video_id)
        files |= dict.fromkeys(media.files)
        of_video = actions[video_id] if actions else [()] * len(found.seconds)
        boxes += _boxes(media, found, of_video)
    write_via_project(path, files, boxes, class_names, overwrite=overwrite)
    return len(boxes)


def take_persons(found: VideoPersons, taken: np.ndarray) -> VideoPersons:
    """Some of the boxes of a video."""
    return VideoPersons(*(column[taken] for column in found))


class _Media:
    """What the keyframes of a video are drawn on.

    Attributes:
        files: The images, or the one video file.
        size: Of each, px: width, height, width, height.
    """

    def __init__(self, folder: Path, table: VideoTable, video_id: str) -> None:
        self.entry = table.videos[video_id]
        self.is_video = table.filename_tmpl is None
        frames = table.frame_folder / video_id
        seconds = table.seconds(video_id)
        if self.is_video:
            paths, width, height = [table.video_path(video_id)], *self.entry.player_size
        else:
            paths = [frames / table.filename_tmpl.format(table.frame_of(s)) for s in seconds]
            height, width = _image_size(paths)
        self.first = seconds.start
        self.files = [ViaFile(_from(folder, path), self.is_video) for path in paths]
        self.size = np.array([width, height, width, height])

    def place(self, second: int) -> tuple[str, float | None]:
        """The file of a keyframe, and when in it."""
        passed = second - self.first
        if self.is_video:
            return self.files[0].source, self.entry.start_sec + passed
        return self.files[passed].source, None


def _image_size(paths: Sequence[Path]) -> tuple[int, int]:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f'{missing[0]}: no such file')
    return read_image(paths[0]).shape[:2]


def _boxes(
    media: _Media, found: VideoPersons, actions: Sequence[Sequence[str]]
) -> Iterator[ViaBox]:
    corners = (found.boxes_xyxy_norm * media.size).tolist()
    rows = zip(found.seconds.tolist(), corners, found.person_ids.tolist(), actions)
    for second, box, person_id, names in rows:
        yield ViaBox(*media.place(second), box, str(person_id), names)


def _from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
