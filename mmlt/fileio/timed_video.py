"""Reading a video file by time: the frames that it shows at given moments, whatever its rate.

Time 0 is when the first frame that can be decoded is shown. Needs PyAV (``av``).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

#: By more a stamp may not be off for the rounding of its container, s: Matroska counts in these.
_MAX_ROUNDING_SEC = 1e-3
#: By less stamps may go back: as many decoders order frames, not where a recording was cut, s.
_MAX_STEP_BACK_SEC = 1.0
#: Moments so near the start are reached without a seek, s.
_NEAR_START_SEC = 2.0
#: FFmpeg's flag of a stream that is a picture: the cover of a recording.
_ATTACHED_PIC = 0x400
#: Containers without stamps of when a frame is shown: they have one for each packet, in the order
#: of decoding, and a decoder hands a frame on with that of the packet that it came with.
_STAMPS_OF_PACKETS = ('avi',)


class TimedFrame(NamedTuple):
    """A decoded frame and when it is shown.

    Attributes:
        sec: After the first of the file.
        frame: PyAV's, neither rotated nor converted.
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
    except ImportError:
        raise ImportError(
            "reading videos by time needs PyAV: pip install 'mmlt[video]' (or: pip install av)"
        ) from None
    return av


class TimedVideo:
    """An open video file. Close it, or use it in a ``with``.

    Args:
        path: The file.

    Attributes:
        width: Of the first frame as it is shown, a rotation flag obeyed, px.
        height: The same.
        rotation: By how many degrees the frames are turned to be shown, clockwise, from 0 to 270.
        tolerance: A frame counts as shown by so much before its stamp, for stamps are rounded, s.
        origin: What the container's clock says when the first frame is shown, s.
        stamps_of_packets: Whether that clock is of packets in the order of decoding.
        num_bad_packets: How many packets could not be decoded so far.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: PyAV is absent.
        ValueError: It is no video, or no frame of it can be decoded. Names the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self.av = import_av()
        self.num_bad_packets = 0
        self.origin: float | None = None
        self.container: Any = None
        if not Path(path).is_file():
            raise FileNotFoundError(f'{path}: no such video')
        self._open()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> TimedVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self.container is not None:
            self.container.close()
            self.container = None

    def _open(self) -> None:
        """Open the file anew: at its start, with a decoder that has seen nothing."""
        self.close()
        try:
            self.container = self.av.open(self.path)
        except (self.av.error.FFmpegError, UnicodeError) as error:
            why = getattr(error, 'strerror', None) or error
            why = why if os.path.getsize(self.path) else 'the file is empty'
            raise ValueError(f'{self.path}: not a video that can be read ({why})') from None
        self.stream = self._choose_stream()
        self.stamps_of_packets = self.container.format.name in _STAMPS_OF_PACKETS
        # frames of one thread come with their own packet's stamp, and the same everywhere
        self.stream.codec_context.thread_count = 1

    def _choose_stream(self) -> Any:
        """The first stream of moving pictures: the cover of a recording is a video stream too."""
        for stream in self.container.streams.video:
            if not getattr(stream, 'disposition', 0) & _ATTACHED_PIC and stream.codec_context:
                return stream
        raise ValueError(f'{self.path}: it holds no video stream')

    def _start(self) -> None:
        """Decode the first frame, which says what time 0 is and how frames are turned."""
        self._rest = self._decode()
        first = next(self._rest, None)
        if first is None:
            raise ValueError(f'{self.path}: no frame of it can be decoded')
        self.origin, frame = first
        self._first = TimedFrame(0.0, frame)
        self.tolerance = min(float(self.stream.time_base), _MAX_ROUNDING_SEC) + 1e-6
        degrees = -round(frame.rotation)
        if degrees % 90:
            raise ValueError(f'{self.path}: a picture turned by {degrees} degrees cannot be read')
        self.rotation = degrees % 360
        is_upright = self.rotation in (0, 180)
        size = (frame.width, frame.height)
        self.width, self.height = size if is_upright else size[::-1]

    def _decode(self) -> Iterator[tuple[float, Any]]:
        """(stamp, frame) from where the file stands on, in the order in which they are shown."""
        before = None
        for packet in self._packets():
            try:
                frames = packet.decode() if packet else self.stream.codec_context.decode(None)
            except self.av.error.FFmpegError:
                self.num_bad_packets += 1
                continue
            for frame in frames:
                stamp = self.stamp_of(frame)
                if stamp is None:
                    if before is None and self.origin is None:
                        raise ValueError(f'{self.path}: its first frame has no time stamp')
                    if before is None:
                        continue
                    stamp = before + float(1 / self.nominal_rate)
                if before is not None and stamp < before:
                    self._check_step_back(before, stamp)
                    stamp = before
                before = stamp
                yield stamp, frame

    def _packets(self) -> Iterator[Any]:
        """The packets of the stream, at its end something false: the decoder has to finish."""
        packets = self.container.demux(self.stream)
        try:
            yield from (packet for packet in packets if packet.size)
        except self.av.error.FFmpegError:  # the file is cut off here
            self.num_bad_packets += 1
        yield None

    def stamp_of(self, frame: Any) -> float | None:
        """When a frame, or what a packet holds, is shown by the container's clock, s."""
        by_packet = self.stamps_of_packets or frame.pts is None
        stamp = frame.dts if by_packet else frame.pts
        return None if stamp is None else float(stamp * (frame.time_base or self.stream.time_base))

    def _check_step_back(self, before: float, stamp: float) -> None:
        if before - stamp > _MAX_STEP_BACK_SEC:
            at = before - (self.origin or 0.0)
            raise ValueError(
                f'{self.path}: its time stamps go back by {before - stamp:.3f} s, {at:.3f} s after '
                'the start: write it anew first, with ascending ones'
            )

    @property
    def nominal_rate(self) -> Fraction:
        """Frames a second, as far as the container knows."""
        return self.stream.average_rate or self.stream.guessed_rate or Fraction(25)

    def frames_from(self, sec: float) -> Iterator[TimedFrame]:
        """The frames from one on that is shown at ``sec`` or before, or from the first one.

        Only one such iterator can be used at a time.
        """
        back = 0.0
        while sec - back > _NEAR_START_SEC:
            found = self._seek(sec, sec - back)
            if found is not None:
                yield from found
                return
            back = max(1.0, 2 * back)
        yield from self._from_start()

    def _from_start(self) -> Iterator[TimedFrame]:
        rest, self._rest = self._rest, None
        if rest is None:
            self._open()
            rest = self._decode()
            next(rest)
        yield self._first
        yield from (TimedFrame(stamp - self.origin, frame) for stamp, frame in rest)

    def _seek(self, sec: float, target: float) -> Iterator[TimedFrame] | None:
        """The frames from the key frame before ``target`` on; None if it is shown after ``sec``.

        What a decoder gives before the key frame refers to frames that it has not seen.
        """
        self._rest = None
        try:
            offset = int((self.origin + target) / float(self.stream.time_base))
            self.container.seek(offset, stream=self.stream)
        except self.av.error.FFmpegError:
            return None
        frames = self._decode()
        for stamp, frame in frames:
            if stamp - self.origin > sec + self.tolerance:
                break
            if frame.key_frame:
                found = itertools.chain([(stamp, frame)], frames)
                return (TimedFrame(at - self.origin, each) for at, each in found)
        return None

    def to_image(self, frame: Any) -> np.ndarray:
        """A frame as it is shown, (height, width, 3) uint8, BGR."""
        image = np.rot90(frame.to_ndarray(format='bgr24'), -self.rotation // 90)
        image = np.ascontiguousarray(image)
        if image.shape[:2] != (self.height, self.width):  # a stream may change its size
            image = cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return image

    def images_at(self, times: Sequence[float] | np.ndarray) -> Iterator[np.ndarray]:
        """See :func:`frames_at`."""
        times = np.asarray(times, np.float64)
        if times.ndim != 1 or not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise ValueError(f'times must be finite and ascend, got {times!r:.200}')
        if not len(times):
            return
        frames = self.frames_from(float(times[0]))
        shown, after, image = next(frames), next(frames, None), None
        for sec in times.tolist():
            while after is not None and after.sec <= sec + self.tolerance:
                shown, after, image = after, next(frames, None), None
            if image is None:
                image = self.to_image(shown.frame)
            yield image


def frames_at(path: str | os.PathLike, times: Sequence[float] | np.ndarray) -> Iterator[np.ndarray]:
    """What a video shows at given moments: of each the last frame with a stamp at or before it.

    Before the first frame that one, and past the end the last one. The file is decoded from the
    key frame before the first moment on, not from its start.

    Args:
        path: The file.
        times: Ascending, s after the first frame.

    Yields:
        (H, W, 3) uint8, BGR, a rotation flag obeyed; the same array where a frame is shown on.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: PyAV is absent.
        ValueError: It is no video, no frame of it can be decoded, or its time stamps go back.
    """
    with TimedVideo(path) as video:
        yield from video.images_at(times)
