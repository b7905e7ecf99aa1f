"""The videos of a data set that are done, and the settings that all of them have.

prepare.parts/meta.json           the settings; written first, compared on resume
prepare.parts/videos/VIDEO.json   a video that is done, written when all else of it is there
prepare.parts/failures.csv        the files that could not be read
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from mmlt.fileio.extraction_folder import META_FILE, start_extraction
from mmlt.fileio.feature_folder import FAILURES_FILE, remove_unfinished
from mmlt.fileio.json_files import read_json_object, write_json
from mmlt.fileio.video_probe import VideoFacts
from mmlt.fileio.video_table import FRAME_FOLDER, FRAME_TMPL, VIDEO_TABLE, VideoEntry, VideoTable

FORMAT = 'mmlt videos, version 1'
_ENDS = 2**20  # bytes of a file's start and end that it is known by


class Settings(NamedTuple):
    """What all videos of a data set have in common.

    Attributes:
        fps: Frames a second.
        timestamp_start: The second that begins with a video's first frame.
        segments: Into how many parts each file is cut.
        short_side: Larger frames are shrunk to so many pixels; None: no frames are written.
    """

    fps: int | None = None
    timestamp_start: int = 0
    segments: int = 1
    short_side: int | None = 256


class DoneVideo(NamedTuple):
    """A video that is done.

    Attributes:
        video_id: Its id.
        path: Its file.
        signature: What the file is known by.
        start_sec: Where in the file it starts, s.
        num_frames: How many frames it has.
        num_bad_packets: How many packets of the file could not be decoded for its frames.
        facts: What is known of the file.
    """

    video_id: str
    path: str
    signature: str
    start_sec: int
    num_frames: int
    num_bad_packets: int
    facts: VideoFacts


def parts_folder(out: Path) -> Path:
    """Where a data set keeps what makes its preparation resumable."""
    return out / 'prepare.parts'


def sign_file(path: str) -> str:
    """What a file is known by, whatever its name and date: its size, its start and its end."""
    size = os.path.getsize(path)
    digest = hashlib.sha256()
    with open(path, 'rb') as stream:
        digest.update(stream.read(_ENDS))
        stream.seek(max(0, size - _ENDS))
        digest.update(stream.read(_ENDS))
    return f'{size} bytes, {digest.hexdigest()[:16]}'


def read_settings(out: Path) -> Settings | None:
    """The settings of a folder; None if nothing was prepared in it."""
    path = parts_folder(out) / META_FILE
    if not path.exists():
        return None
    content = read_json_object(path)
    return Settings(*(content.get(key) for key in Settings._fields))


def start_preparation(out: Path, settings: Settings, *, overwrite: bool = False) -> None:
    """Begin, or make sure that what was begun here has the same settings.

    Raises:
        FileExistsError: It has others, or there is something that was not prepared.
    """

    def clear() -> None:
        shutil.rmtree(out / FRAME_FOLDER, ignore_errors=True)
        shutil.rmtree(parts_folder(out) / 'videos', ignore_errors=True)
        for path in (out / VIDEO_TABLE, parts_folder(out) / FAILURES_FILE):
            path.unlink(missing_ok=True)
        (parts_folder(out) / META_FILE).unlink(missing_ok=True)  # last: killed here, it is known

    contents = [path for path in (out / VIDEO_TABLE, out / FRAME_FOLDER) if path.exists()]
    start_extraction(
        parts_folder(out),
        {'format': FORMAT, **settings._asdict()},
        contents=contents,
        clear=clear,
        overwrite=overwrite,
        what='videos',
    )


def remove_unfinished_videos(out: Path) -> None:
    """Remove what killed processes left; no other process may be writing here."""
    for folder in (out / FRAME_FOLDER).glob('.*.tmp'):
        shutil.rmtree(folder)
    for path in out.glob(f'.{VIDEO_TABLE}.*.tmp'):
        path.unlink()
    remove_unfinished(parts_folder(out))


def write_done(out: Path, video: DoneVideo) -> None:
    """Say that a video is done."""
    content = {
        **video._asdict(),
        'path': _relative(video.path, out),
        'facts': video.facts._asdict(),
    }
    write_json(_record(out, video.video_id), content, overwrite=True)


def read_done(out: Path) -> dict[str, DoneVideo]:
    """The videos that are done, by ascending id."""
    videos = {}
    for path in sorted((parts_folder(out) / 'videos').glob('*.json')):
        content = read_json_object(path)
        content['facts'] = VideoFacts(**content['facts'])
        content['path'] = str(out / content['path'])
        video = DoneVideo(**content)
        videos[video.video_id] = video
    return dict(sorted(videos.items()))


def forget_done(out: Path, video_id: str) -> None:
    """A video is no longer done, and its frames are not kept."""
    _record(out, video_id).unlink(missing_ok=True)
    shutil.rmtree(out / FRAME_FOLDER / video_id, ignore_errors=True)


def has_frames(out: Path, video: DoneVideo, settings: Settings) -> bool:
    """Whether all frames of a video that is done are there, or none are wanted."""
    if not settings.short_side:
        return True
    folder = out / FRAME_FOLDER / video.video_id
    return folder.is_dir() and len(os.listdir(folder)) == video.num_frames


def _record(out: Path, video_id: str) -> Path:
    return parts_folder(out) / 'videos' / f'{video_id}.json'


def _relative(path: str, out: Path) -> str:
    """A path from a folder, whatever links lead to either; a file that is a link keeps its name."""
    folder, name = os.path.split(path)
    folder = os.path.relpath(os.path.realpath(folder), os.path.realpath(out))
    return os.path.normpath(os.path.join(folder, name))


def _shown_aspect(facts: VideoFacts) -> float:
    """Of a pixel when it is turned: a player stretches it before."""
    return 1 / facts.pixel_aspect if facts.rotation in (90, 270) else facts.pixel_aspect


def make_table(out: Path, settings: Settings, videos: dict[str, DoneVideo]) -> VideoTable:
    """The videos.json of what is done."""
    entries = {
        each.video_id: VideoEntry(
            _relative(each.path, out),
            each.start_sec,
            each.num_frames,
            each.facts.width,
            each.facts.height,
            _shown_aspect(each.facts),
        )
        for each in videos.values()
    }
    tmpl = FRAME_TMPL if settings.short_side else None
    return VideoTable(out, settings.fps, settings.timestamp_start, tmpl, entries)
