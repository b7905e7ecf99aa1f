"""From video files to a folder with a videos.json and, if asked for, the frames of each video.

videos.json         see mmlt.fileio.video_table
rawframes/VIDEO/    img_00000.jpg, ...
prepare.parts/      what makes it resumable, see mmlt.datasets.own_data.done_videos
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Optional

import cv2

from mmlt.datasets.own_data.done_videos import (
    DoneVideo,
    Settings,
    forget,
    make_table,
    parts_folder,
    read_done,
    read_settings,
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
from mmlt.fileio.feature_folder import Failure, Video, write_failures
from mmlt.fileio.video_probe import VideoFacts, probe_video
from mmlt.fileio.video_table import (
    FRAME_FOLDER,
    VideoTable,
    write_video_table,
)

#: Makes a context that gives what to call when one of so many things is done.
Watch = Callable[[str, int], Any]


class Preparation(NamedTuple):
    """What a run has done.

    Attributes:
        table: Of all videos that are done, None if there are none.
        done: Those of this run's files, also what was done before.
        failures: The files that could not be read.
        rates: Of the files that were looked at, frames a second; empty if the rate was given.
    """

    table: Optional[VideoTable]
    done: Sequence[DoneVideo]
    failures: Sequence[Failure]
    rates: Sequence[float]


def prepare_videos(
    source: str | os.PathLike,
    out: str | os.PathLike,
    settings: Settings,
    *,
    num_workers: int = 1,
    overwrite: bool = False,
    watch: Watch = lambda text, total: contextlib.nullcontext(lambda: None),
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
    kept, missing = _sort_out(read_done(out), videos, settings.segments, overwrite)
    failures: list[Failure] = []
    with _processes(num_workers) as run:
        facts = _collect(run(_probe, missing), watch('files', len(missing)), failures)
        rates = [] if settings.fps else [each.fps for each in facts.values()]
        if rates:
            settings = settings._replace(fps=choose_fps(rates))
            start_preparation(out, settings, overwrite=overwrite)
        tasks = _cut(out, facts, settings, kept, failures)
        _collect(run(_prepare, tasks), watch('videos', len(tasks)), failures)
    return _finish(out, videos, settings, failures, rates)


def _collect(
    results: Iterable[tuple], watching: contextlib.AbstractContextManager, failures: list[Failure]
) -> dict:
    """What tasks gave, those that failed left out."""
    found = {}
    with watching as advance:
        for task, result in results:
            advance()
            if isinstance(result, Failure):
                failures.append(result)
            else:
                found[task] = result
    return found


class _Task(NamedTuple):
    """A part of a file, and what is known of the file."""

    out: str
    part: VideoPart
    facts: VideoFacts
    settings: Settings


def _sort_out(
    done: Mapping[str, DoneVideo], videos: Sequence[Video], segments: int, overwrite: bool
) -> tuple[set[str], list[Video]]:
    """Which videos can stay, and the files of which something is missing."""
    kept, missing = set(done), []
    for video in videos:
        ids = part_ids(video, segments)
        parts = [done[each] for each in ids if each in done]
        signature = sign_file(video.path) if parts else ''
        changed = [part for part in parts if part.signature != signature]
        if changed and not overwrite:
            raise FileExistsError(
                f'{video.path}: video {changed[0].video_id!r} was made of another file or an '
                f'earlier state of it ({changed[0].path}, {changed[0].signature}; now {signature}): '
                'pass --overwrite to make it anew, or choose another --out'
            )
        kept -= {part.video_id for part in changed}
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


def _probe(video: Video) -> VideoFacts | Failure:
    """What is known of a file."""
    try:
        return probe_video(video.path)
    except (FileNotFoundError, ValueError) as error:
        return Failure(video.video_id, video.path, str(error))


def _prepare(task: _Task) -> Failure | None:
    """Write the frames of a part if they are to be, and say that it is done."""
    out, part, settings = Path(task.out), task.part, task.settings
    forget(out, part.video_id)
    try:
        signature = sign_file(part.path)
        if settings.short_side:
            write_part(out / FRAME_FOLDER / part.video_id, part, settings.fps, settings.short_side)
    except (FileNotFoundError, ValueError) as error:
        return Failure(part.video_id, part.path, str(error))
    write_done(out, DoneVideo(part.video_id, part.path, signature, *part[2:], task.facts))
    return None


def _finish(
    out: Path,
    videos: Sequence[Video],
    settings: Settings,
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
    return Preparation(table, of_run, sorted(failures), rates)


@contextlib.contextmanager
def _processes(number: int) -> Iterator[Callable[..., Iterator[tuple]]]:
    """A function that does tasks, in the processes of a pool or in this one, in any order."""
    if number <= 1:
        yield lambda work, tasks: ((task, work(task)) for task in tasks)
        return
    os.environ['OMP_NUM_THREADS'] = '1'  # read when a process starts
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(number, context, cv2.setNumThreads, (1,)) as pool:

        def run(work: Callable, tasks: Sequence) -> Iterator[tuple]:
            futures = {pool.submit(work, task): task for task in tasks}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

        yield run
