"""Reading a video file by time: the frames that it shows at given moments, whatever its rate.

Time 0 is when the first frame that can be decoded is shown. Needs PyAV (``av``).
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from mmlt.fileio.stamped_video import StampedFrame, StampedVideo

#: Moments so near the start are reached without a seek, s.
_NEAR_START_SEC = 2.0


class TimedVideo:
    """An open video file. Close it, or use it in a ``with``.

    Args:
        path: The file.

    Attributes:
        file: What reads it.
        origin: The container's stamp of the first frame, s.
        width: Of the first frame as it is shown, a rotation flag obeyed, px.
        height: The same.
        rotation: By how many degrees frames are turned clockwise to be shown: 0, 90, 180 or 270.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: PyAV is absent.
        ValueError: It is no video, or no frame of it can be decoded. Names the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.file = StampedVideo(path)
        try:
            self._start()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> TimedVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def _start(self) -> None:
        """Decode the first frame, which says what time 0 is and how frames are turned."""
        self._rest = self.file.decode()
        first = next(self._rest, None)
        if first is None:
            raise ValueError(f'{self.file.path}: no frame of it can be decoded')
        self.origin, frame = first
        self._first = first
        self._matrix = _display_matrix(frame)
        right, down = self._matrix[0].tolist()  # where what is drawn to the right goes
        degrees = round(math.degrees(math.atan2(down, right)))
        if degrees % 90:
            raise ValueError(f'{self.file.path}: turned by {degrees} degrees, no quarter turns')
        self.rotation = degrees % 360
        size = (frame.width, frame.height)
        self.width, self.height = size if self.rotation in (0, 180) else size[::-1]

    def frames_from(self, sec: float) -> Iterator[StampedFrame]:
        """The frames from one on that is shown at ``sec`` or before, by their time.

        Only the latest such iterator can be used.
        """
        back = 0.0
        while self.file.is_seekable and sec - back > _NEAR_START_SEC:
            found = self._seek(sec, sec - back)
            if found is not None:
                break
            back = max(1.0, 2 * back)
        else:
            found = self._from_start()
        for stamp, frame in found:
            yield StampedFrame(stamp - self.origin, frame)

    def _from_start(self) -> Iterator[StampedFrame]:
        rest, self._rest = self._rest, None
        if rest is None:
            self.file.open()
            return self.file.decode()
        return itertools.chain([self._first], rest)

    def _seek(self, sec: float, target: float) -> Iterator[StampedFrame] | None:
        """The frames from the key frame before ``target`` on; None if it is shown after ``sec``.

        What a decoder gives before the key frame may refer to frames that it has not seen.
        """
        self._rest = None
        if not self.file.seek(self.origin + target):
            return None
        frames = self.file.decode()
        for each in frames:
            if each.sec - self.origin > sec + self.file.tolerance:
                break
            if each.frame.key_frame:
                return itertools.chain([each], frames)
        return None

    def to_image(self, frame: Any) -> np.ndarray:
        """A frame as it is shown, (height, width, 3) uint8, BGR."""
        image, matrix = _to_bgr(frame), self._matrix
        if self.rotation in (90, 270):
            image, matrix = image.transpose(1, 0, 2), matrix[::-1]
        image = image[:: -1 if matrix[1, 1] < 0 else 1, :: -1 if matrix[0, 0] < 0 else 1]
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
            while after is not None and after.sec <= sec + self.file.tolerance:
                shown, after, image = after, next(frames, None), None
            if image is None:
                image = self.to_image(shown.frame)
            yield image


def _to_bgr(frame: Any) -> np.ndarray:
    """A frame as it is stored, (height, width, 3) uint8, BGR, without threads of its own.

    A process that is forked has the frame and not its threads, and would wait for them for ever
    when it throws the frame away.
    """
    try:
        return frame.to_ndarray(format='bgr24', threads=1)
    except TypeError:  # PyAV that converts in one thread and does not ask
        return frame.to_ndarray(format='bgr24')


def _display_matrix(frame: Any) -> np.ndarray:
    """Where a frame's axes go when it is shown: (2, 2), rows of its x and its y, columns x and y.

    FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX: nine numbers (a, b, u, c, d, v, ...), x' = a x + c y and
    y' = b x + d y, also of a mirrored one.
    """
    found = frame.side_data.get('DISPLAYMATRIX')
    if found is None:
        return np.eye(2)
    return np.frombuffer(found, np.int32)[[0, 1, 3, 4]].reshape(2, 2) / 65536


def frames_at(path: str | os.PathLike, times: Sequence[float] | np.ndarray) -> Iterator[np.ndarray]:
    """What a video shows at given moments: of each the last frame with a stamp at or before it.

    Before the first frame that one, and past the end the last one. A stamp is rounded by its
    container, so a frame counts as shown a moment before it: a millisecond, or less where the
    container's clock is finer. The file is decoded from the key frame before the first moment on,
    not from its start, but in an MPEG program stream, whose stamps do not allow it.

    Args:
        path: The file.
        times: Ascending, s after the first frame.

    Yields:
        (H, W, 3) uint8, BGR, a rotation flag obeyed; the same array while a frame is shown.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: PyAV is absent.
        ValueError: It is no video, no frame of it can be decoded, or its time stamps go back.
    """
    with TimedVideo(path) as video:
        yield from video.images_at(times)


def frame_times(
    start_sec: float, frame_numbers: Sequence[int] | np.ndarray, fps: float
) -> np.ndarray:
    """When frames of a video, counted from 0 at ``fps`` a second, are shown in its file, s.

    Example:
        >>> frame_times(26.0, [0, 5, 10], fps=10).tolist()
        [26.0, 26.5, 27.0]
    """
    return start_sec + np.asarray(frame_numbers) / fps
