"""From video files to a folder with a videos.json and, if asked for, the frames of each video.

videos.json         see mmlt.fileio.video_table
rawframes/VIDEO/    img_00000.jpg, ...
prepare.parts/      what makes it resumable, see mmlt.datasets.own_data.done_videos
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmlt.datasets.own_data.done_videos import (
    DoneVideo,
    Settings,
    forget_done,
    has_frames,
    make_table,
    parts_folder,
    read_done,
    read_settings,
    remove_unfinished_videos,
    sign_file,
    start_preparation,
    write_done,
)
from mmlt.datasets.own_data.part_frames import write_part
from mmlt.datasets.own_data.video_parts import (
    VideoPart,
    choose_fps,
    cut_video,
    list_videos,
    part_ids,
)
from mmlt.datasets.own_data.workers import Tell, start_workers
from mmlt.fileio.feature_folder import Failure, Video, write_failures
from mmlt.fileio.video_probe import VideoFacts, probe_video
from mmlt.fileio.video_table import (
    FRAME_FOLDER,
    VideoTable,
    write_video_table,
)

#: Makes a context of (what is done, number of things) that gives what to call with how many more.
Watch = Callable[[str, int], Any]


class Preparation(NamedTuple):
    """What a run has done.

    Attributes:
        table: Of all videos that are done, None if there are none.
        done: Those of this run's files, also what was done before.
        num_before: How many of them were done before.
        failures: The files that could not be read.
        rates: Of the files that were looked at, frames a second; empty if the rate was given.
    """

    table: VideoTable | None
    done: Sequence[DoneVideo]
    num_before: int
    failures: Sequence[Failure]
    rates: Sequence[float]


def prepare_videos(
    source: str | os.PathLike,
    out: str | os.PathLike,
    settings: Settings,
    *,
    num_workers: int = 1,
    overwrite: bool = False,
    watch: Watch = lambda text, total: contextlib.nullcontext(lambda number: None),
) -> Preparation:
    """Prepare what is missing of a folder of videos; see the module.

    Args:
        source: A folder of videos or one file.
        out: The folder of the data set.
        settings: What it is to be like. Its rate, if None, is that of the folder, of a new one see
            :func:`choose_fps`.
        num_workers: Processes.
        overwrite: Whether videos of other settings, or of a file that has changed, are replaced.
        watch: Shows how far it is.

    Raises:
        FileExistsError: The folder has other settings (the differing one is named), something that
            was not prepared, or a video whose file has changed, and ``overwrite`` is false.
        FileNotFoundError: No such source.
        ImportError: PyAV is absent.
        ValueError: No video, or two of one id.
    """
    out = Path(out)
    videos = list_videos(Path(source))
    known = read_settings(out)
    settings = settings._replace(fps=settings.fps or (known.fps if known else None))
    if settings.fps:
        start_preparation(out, settings, overwrite=overwrite)
    remove_unfinished_videos(out)
    kept, missing = _sort_out(out, videos, settings, overwrite)
    with start_workers(max(1, min(num_workers, len(missing) * settings.segments))) as run:
        with watch('looking at files', len(missing)) as tell:
            looked_at = dict(zip(missing, run(_probe, missing, tell)))
        failures = [each for each in looked_at.values() if isinstance(each, Failure)]
        facts = {k: each for k, each in looked_at.items() if isinstance(each, VideoFacts)}
        rates = [] if settings.fps else [each.fps for each in facts.values()]
        if rates:
            settings = settings._replace(fps=choose_fps(rates))
            start_preparation(out, settings, overwrite=overwrite)
        tasks = _cut(out, facts, settings, kept, failures)
        num_frames = sum(task.part.num_frames for task in tasks)
        with watch('frames', num_frames) as tell:
            failures += [each for each in run(_prepare, tasks, tell) if each is not None]
    return _finish(out, videos, settings, kept, failures, rates)


class _Task(NamedTuple):
    """A part of a file, and what is known of the file."""

    out: str
    part: VideoPart
    facts: VideoFacts
    settings: Settings


def _sort_out(
    out: Path, videos: Sequence[Video], settings: Settings, overwrite: bool
) -> tuple[set[str], list[Video]]:
    """Which videos can stay, and the files of which something is missing."""
    done, missing = read_done(out), []
    kept = set(done)
    for video in videos:
        ids = part_ids(video, settings.segments)
        parts = [done[each] for each in ids if each in done]
        signature = sign_file(video.path) if parts else ''
        changed = [part for part in parts if part.signature != signature]
        if changed and not overwrite:
            was = f'{changed[0].path}, {changed[0].signature}'
            raise FileExistsError(
                f'{video.path}: video {changed[0].video_id!r} was made of another file or another '
                f'state of it ({was}; now {signature}): pass --overwrite to make it anew, or '
                'choose another --out'
            )
        for part in parts:
            if part in changed or not has_frames(out, part, settings):
                forget_done(out, part.video_id)
                kept.remove(part.video_id)
            elif os.path.realpath(part.path) != os.path.realpath(video.path):  # it was moved
                write_done(out, part._replace(path=video.path))
        if not kept.issuperset(ids):
            missing.append(video)
    return kept, missing


def _cut(
    out: Path,
    facts: Mapping[Video, VideoFacts],
    settings: Settings,
    kept: set[str],
    failures: list[Failure],
) -> list[_Task]:
    """The parts that are to be made; a file that is too short fails."""
    tasks = []
    for video in sorted(facts):
        try:
            parts = cut_video(video, facts[video], settings.fps, settings.segments)
        except ValueError as error:
            failures.append(Failure(video.video_id, video.path, str(error)))
            continue
        parts = [part for part in parts if part.video_id not in kept]
        tasks += [_Task(os.fspath(out), part, facts[video], settings) for part in parts]
    return tasks


def _probe(video: Video, tell: Tell) -> VideoFacts | Failure:
    """What is known of a file."""
    try:
        return probe_video(video.path)
    except (FileNotFoundError, ValueError) as error:
        return Failure(video.video_id, video.path, str(error))
    finally:
        tell(1)


def _prepare(task: _Task, tell: Tell) -> Failure | None:
    """Write the frames of a part if they are to be, and say that it is done."""
    out, part, settings = Path(task.out), task.part, task.settings
    forget_done(out, part.video_id)
    num_bad = 0
    try:
        signature = sign_file(part.path)
        if settings.short_side:
            folder = out / FRAME_FOLDER / part.video_id
            num_bad = write_part(folder, part, settings.fps, settings.short_side, tell)
        else:
            tell(part.num_frames)
    except (FileNotFoundError, ValueError) as error:
        return Failure(part.video_id, part.path, str(error))
    write_done(out, DoneVideo(part.video_id, part.path, signature, *part[2:], num_bad, task.facts))
    return None


def _finish(
    out: Path,
    videos: Sequence[Video],
    settings: Settings,
    kept: set[str],
    failures: list[Failure],
    rates: Sequence[float],
) -> Preparation:
    """Write videos.json of all that is done, and failures.csv."""
    done = read_done(out)
    table = make_table(out, settings, done) if done else None
    if table is not None:
        write_video_table(table, overwrite=True)
    ids = {each for video in videos for each in part_ids(video, settings.segments)}
    tried = [*videos, *(Video(each, '') for each in ids)]
    write_failures(parts_folder(out), failures, tried)
    of_run = [each for each in done.values() if each.video_id in ids]
    num_before = sum(each.video_id in kept for each in of_run)
    return Preparation(table, of_run, num_before, sorted(failures), rates)
