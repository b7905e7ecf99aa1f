"""What is known of a video file before it is read: how long, how fast and how large it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mmlt.fileio.timed_video import TimedVideo

#: Less missing at the end is no sign of a file that was cut off, s: streams end at various moments.
_MIN_LOST_SEC = 0.5
#: Containers that say how long they are; of others FFmpeg looks at the end or guesses.
_PROMISE = ('avi', 'asf', 'flv', 'matroska', 'mov')


class VideoFacts(NamedTuple):
    """What a video file holds.

    Attributes:
        duration_sec: From the first frame that can be decoded to the end of the last one.
        fps: Frames a second on average.
        is_constant: Whether each frame is shown equally long.
        width: As it is shown, a rotation flag obeyed, px.
        height: The same.
        rotation: By how many degrees frames are turned clockwise to be shown: 0, 90, 180 or 270.
        lost_sec: How much is missing at the end of what the container promises; 0 if little.
    """

    duration_sec: float
    fps: float
    is_constant: bool
    width: int
    height: int
    rotation: int
    lost_sec: float


def probe_video(path: str | os.PathLike) -> VideoFacts:
    """Look through a video file: all packets are read, and only the frames at both ends decoded.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: PyAV is absent.
        ValueError: It is no video, or no frame of it can be decoded.
    """
    with TimedVideo(path) as video:
        stamps, end, missing = _read_packets(video)
        last = 0.0
        for frame in video.frames_from(float(stamps[-1])):
            last = frame.sec
        lost = missing + max(0.0, stamps[-1] - last)
        steps = np.diff(stamps)
        return VideoFacts(
            duration_sec=float(last + end - stamps[-1]),
            fps=float(len(stamps) / end),
            is_constant=not len(steps) or bool(np.ptp(steps) <= 2 * video.file.tolerance),
            width=video.width,
            height=video.height,
            rotation=video.rotation,
            lost_sec=float(lost) if lost >= _MIN_LOST_SEC else 0.0,
        )


def _read_packets(video: TimedVideo) -> tuple[np.ndarray, float, float]:
    """When the frames are shown, ascending, when the last ends, and what is missing then, s."""
    file = video.file
    rows: dict[int, list[tuple[float, float]]] = {}  # stream -> start and end of its packets
    with file.av.open(file.path) as container:
        for packet in _until_cut(container, file.av.error.FFmpegError):
            stamp = file.stamp_of(packet)
            if stamp is not None and not packet.is_discard:
                end = stamp + float((packet.duration or 0) * packet.time_base)
                rows.setdefault(packet.stream.index, []).append((stamp, end))
        promised = _promised_sec(container, container.streams[file.stream.index])
    of_video = np.array(sorted(rows.get(file.stream.index, [(video.origin, video.origin)])))
    of_video -= of_video[0, 0] if file.is_stamped_in_order else video.origin
    of_video = of_video[of_video[:, 0] >= -file.tolerance]  # before are what cannot be decoded
    stamps, end = of_video[:, 0], of_video[-1, 1]
    if end <= stamps[-1]:
        end = stamps[-1] + 1 / float(file.nominal_rate)
    found = np.ptp(np.concatenate([*map(np.array, rows.values())])) if rows else 0.0
    return stamps, float(end), max(0.0, promised - float(found))


def _promised_sec(container: Any, stream: Any) -> float:
    """How long a container says that it is, s; 0 if it does not."""
    if not container.duration or not container.format.name.startswith(_PROMISE):
        return 0.0
    seconds = container.duration / 1e6  # FFmpeg counts in microseconds
    if container.format.name == 'avi':  # of one without its index FFmpeg goes by the file's size
        seconds = max(seconds, stream.frames * float(stream.time_base))
    return seconds


def _until_cut(container: Any, error: type[Exception]) -> Iterator[Any]:
    """The packets that hold something, up to where the file ends or is cut off."""
    packets = container.demux()
    while True:
        try:
            packet = next(packets)
        except (StopIteration, error):
            return
        if packet.size:
            yield packet
