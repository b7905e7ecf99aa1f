"""The frames of a video file with their time stamps, as the container and its decoder give them.

Needs PyAV (``av``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

#: The most that a stamp is taken to be off for its container's rounding, s: Matroska counts so.
_MAX_ROUNDING_SEC = 1e-3
#: Stamps that go back by less are of frames in a wrong order, by more of a recording in pieces, s.
_MAX_STEP_BACK_SEC = 1.0
#: Containers that one can go into the middle of: in others stamps are then guessed (MPEG programs).
_SEEKABLE = ('asf', 'avi', 'flv', 'matroska', 'mov', 'mpegts', 'mxf', 'ogg')
#: Containers that do not stamp when a frame is shown: packets have stamps in the order of decoding,
#: and a decoder, which gives frames in the order of showing, one for each packet, hands those on.
_STAMPED_IN_ORDER = ('avi',)
#: Suffixes of files that mostly have their index at their end.
_INDEXED_AT_THE_END = ('.3gp', '.m4v', '.mov', '.mp4')
#: FFmpeg's flag of a stream that is a picture: the cover of a recording.
_ATTACHED_PIC = 0x400


class StampedFrame(NamedTuple):
    """A decoded frame and its time stamp.

    Attributes:
        sec: By the container's clock.
        frame: PyAV's, neither turned nor converted.
    """

    sec: float
    frame: Any


def import_av() -> Any:
    """PyAV.

    Raises:
        ImportError: It is absent; says how to get it.
    """
    try:
        import av
    except ImportError as error:
        raise ImportError(
            f"reading videos by time needs PyAV: pip install 'mmlt[video]' ({error})"
        ) from None
    return av


class StampedVideo:
    """A video file that is open at some place of it.

    Args:
        path: The file.

    Attributes:
        tolerance: By so much stamps may be off, s.
        num_bad_packets: How many packets could not be read or decoded so far.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: PyAV is absent.
        ValueError: It is no video. Names the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self.av = import_av()
        self.num_bad_packets = 0
        self.container: Any = None
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path}: no such video')
        self.open()
        self.tolerance = min(float(self.stream.time_base), _MAX_ROUNDING_SEC) + 1e-6

    def close(self) -> None:
        """Close the file."""
        if self.container is not None:
            self.container.close()
            self.container = None

    def open(self) -> None:
        """Open the file anew: at its start, with a decoder that has seen nothing."""
        self.close()
        try:
            self.container = self.av.open(self.path)
        except (self.av.error.FFmpegError, UnicodeError) as error:
            why = getattr(error, 'strerror', None) or str(error)
            raise ValueError(
                f'{self.path}: not a video that can be read ({self._why(why)})'
            ) from None
        films = [each for each in self.container.streams.video if _is_film(each)]
        if not films:
            self.close()
            raise ValueError(f'{self.path}: it holds no video stream that can be decoded')
        self.stream = films[0]
        # in one thread a frame comes with the stamps of the packet that it came after
        self.stream.codec_context.thread_count = 1

    def _why(self, why: str) -> str:
        """FFmpeg's reason, or a plainer one."""
        if os.path.getsize(self.path) == 0:
            return 'the file is empty'
        if Path(self.path).suffix.lower() in _INDEXED_AT_THE_END:
            return f'{why}; one that was cut off, as by a full disk, has lost its index'
        return why

    @property
    def nominal_rate(self) -> Fraction:
        """Frames a second, as far as the container knows."""
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    @property
    def is_seekable(self) -> bool:
        """Whether frames after a seek have the stamps that they have from the start on."""
        return self.container.format.name.startswith(_SEEKABLE)

    @property
    def is_stamped_in_order(self) -> bool:
        """Whether packets have stamps in the order of decoding alone."""
        return self.container.format.name in _STAMPED_IN_ORDER

    def stamp_of(self, frame: Any) -> float | None:
        """When a frame, or what a packet holds, is shown by the container's clock, s."""
        is_unknown = self.is_stamped_in_order or frame.pts is None
        stamp = frame.dts if is_unknown else frame.pts
        return None if stamp is None else float(stamp * (frame.time_base or self.stream.time_base))

    def seek(self, sec: float) -> bool:
        """Go to a key frame, if possible one with a stamp of at most ``sec``; says if it went."""
        try:
            self.container.seek(int(sec / float(self.stream.time_base)), stream=self.stream)
        except self.av.error.FFmpegError:
            return False
        return True

    def decode(self) -> Iterator[StampedFrame]:
        """The frames from where the file stands on, in the order in which they are shown.

        Those before the first one that has a stamp are left out. A stamp before that of the frame
        before is taken to be the same, if it is not far from it.
        """
        before = None
        for frame in self._decode():
            stamp = self.stamp_of(frame)
            if stamp is None and before is None:
                continue
            if stamp is None:
                stamp = before + float(1 / self.nominal_rate)
            if before is not None and stamp < before:
                if before - stamp > _MAX_STEP_BACK_SEC:
                    raise ValueError(
                        f'{self.path}: its time stamps go back from {before:.3f} s to {stamp:.3f} '
                        f's: it must be written anew, as by ffmpeg -i {self.path} NEW.mp4'
                    )
                stamp = before
            before = stamp
            yield StampedFrame(stamp, frame)

    def _decode(self) -> Iterator[Any]:
        for packet in self._packets():
            try:
                yield from packet.decode() if packet else self.stream.codec_context.decode(None)
            except self.av.error.FFmpegError:
                self.num_bad_packets += packet is not None

    def _packets(self) -> Iterator[Any]:
        """The packets of the stream that hold something, and None: the decoder has to finish."""
        packets = self.container.demux(self.stream)
        try:
            yield from (packet for packet in packets if packet.size)
        except self.av.error.FFmpegError:  # the file is cut off here
            self.num_bad_packets += 1
        yield None


def _is_film(stream: Any) -> bool:
    is_cover = getattr(stream, 'disposition', 0) & _ATTACHED_PIC
    return stream.codec_context is not None and not is_cover
