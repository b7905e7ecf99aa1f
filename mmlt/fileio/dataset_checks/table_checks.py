"""What videos.json says, against the video files that it names and the frames on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from mmlt.fileio.dataset_checks.finding import MAX_PLACES, Finding, find
from mmlt.fileio.dataset_checks.frame_checks import FrameFolder
from mmlt.fileio.video_probe import probe_video
from mmlt.fileio.video_table import VideoTable


def table_findings(
    table: VideoTable, path: str, folders: Mapping[str, FrameFolder | None]
) -> list[Finding]:
    """What differs between a videos.json, the files it names and the frames on disk.

    Args:
        table: What the file holds.
        path: The file.
        folders: Path of a folder -> its frames, of those that were listed.
    """
    lengths, files, frames = [], [], []
    faults = _length_faults(table)
    for video, entry in table.videos.items():
        file = str(table.video_path(video))
        folder = folders.get(str(table.frame_folder / video))
        if folder is not None and 0 < len(folder.numbers) != entry.num_frames:
            on_disk = f'{len(folder.numbers)} frames on disk, {entry.num_frames} in the table'
            frames.append((None, f'{video!r}: {on_disk}'))
        if not Path(file).is_file():
            files.append((None, f'{video!r}: {file!r}'))
        elif video in faults:
            lengths.append((None, f'{video!r}: {faults[video]}'))
    kinds = {'table_frames': frames, 'table_length': lengths, 'table_file': files}
    return [
        find(kind, path, places[:MAX_PLACES], count=len(places))
        for kind, places in kinds.items()
        if places
    ]


def _length_faults(table: VideoTable) -> dict[str, str]:
    """Videos whose file does not fit them, and why.

    A file is looked through only where its header says otherwise than the table: of one that was
    cut off it still says what the file once had.
    """
    of_file = defaultdict(list)
    for video in table.videos:
        of_file[str(table.video_path(video))].append(video)
    faults = {}
    for file, videos in of_file.items():
        duration = _header_duration(file)
        if duration is None:
            continue
        if any(_length_fault(table, video, duration) for video in videos):
            duration = _probed_duration(file) or duration
        found = {video: _length_fault(table, video, duration) for video in videos}
        faults.update({video: fault for video, fault in found.items() if fault})
    return faults


def _probed_duration(path: str) -> float | None:
    """Seconds to the end of the last frame that can be decoded; None where it cannot be found."""
    try:
        return probe_video(path).duration_sec
    except (ImportError, ValueError):
        return None


def _header_duration(path: str) -> float | None:
    """Seconds of a video file by its header; None where it does not tell."""
    import cv2

    capture = cv2.VideoCapture(path) if Path(path).is_file() else None
    if capture is None or not capture.isOpened():
        return None
    fps, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return frames / fps if fps > 0 and frames > 0 else None


def _length_fault(table: VideoTable, video: str, duration: float) -> str | None:
    """Why a file does not fit its entry, by more than a second and a twentieth."""
    entry = table.videos[video]
    end = entry.start_sec + entry.num_frames / table.fps
    tolerance = 1 + 0.05 * duration
    others = [e for e in table.videos.values() if e.file == entry.file]
    is_last = entry.start_sec == max(e.start_sec for e in others)
    if end > duration + tolerance or (is_last and end < duration - tolerance):
        return f'the file lasts {duration:.1f} s, the table has it end at {end:.1f} s'
    return None
