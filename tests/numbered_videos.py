"""Small videos whose frames carry their number as a bar code, written with PyAV."""

from __future__ import annotations

import struct
from fractions import Fraction

import av
import numpy as np

WIDTH, HEIGHT = 120, 64
NTSC = Fraction(30000, 1001)
_BITS, _CELL = 10, 12
_TKHD_MATRIX = 44  # bytes from the name of a version 0 track header to its matrix
_TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def draw_number(number, width=WIDTH, height=HEIGHT):
    """A frame, BGR: ten bits from left to right in the upper half; its lower left is red."""
    image = np.full((height, width, 3), 40, np.uint8)
    for bit in range(_BITS):
        if number >> bit & 1:
            image[: height // 2, bit * width // _BITS : (bit + 1) * width // _BITS] = 220
    image[height // 2 :, : width // 3] = (0, 0, 255)
    return image


def read_number(image):
    """The number on a frame, whatever its size and its order of colours."""
    height, width = image.shape[:2]
    rows = image[height // 8 : height * 3 // 8]
    edge = width // _BITS // 4
    cells = (
        rows[:, i * width // _BITS + edge : (i + 1) * width // _BITS - edge] for i in range(_BITS)
    )
    return sum(1 << bit for bit, cell in enumerate(cells) if cell.mean() > 130)


def read_numbers(images):
    return [read_number(image) for image in images]


def write_video(
    path,
    times,
    codec='libx264',
    *,
    tick=Fraction(1, 90000),
    rate=25,
    size=(WIDTH, HEIGHT),
    gop=12,
    options=None,
    container=None,
    audio_sec=None,
    rotation=0,
):
    """Write frame 0, 1, ... to be shown at ``times``.

    Args:
        path: Its suffix says the container.
        times: Ascending, s.
        codec: The encoder.
        tick: What stamps are counted in, s.
        rate: Frames a second that the stream says it has.
        size: Width and height.
        gop: Frames from one key frame to the next.
        options: Of the encoder.
        container: Options of the muxer.
        audio_sec: Seconds of silence beside, from time 0 on; None: no audio.
        rotation: Degrees clockwise by which a player is to turn it, of an mp4.
    """
    with av.open(str(path), 'w', container_options=container or {}) as output:
        stream = output.add_stream(codec, rate=Fraction(rate))
        stream.width, stream.height = size
        stream.pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
        stream.codec_context.time_base = Fraction(tick)
        stream.codec_context.gop_size = gop
        stream.options = options or ({'preset': 'ultrafast'} if codec == 'libx264' else {})
        sound = None if audio_sec is None else output.add_stream('aac', rate=8000)
        if sound is not None:
            for packet in _silence(sound, audio_sec):
                output.mux(packet)
        for number, sec in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw_number(number, *size), format='bgr24')
            frame.pts, frame.time_base = round(Fraction(sec) / Fraction(tick)), Fraction(tick)
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    if rotation:
        set_display_matrix(path, *_TURNS[rotation])


def _silence(stream, seconds):
    for start in range(0, int(seconds * 8000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def set_display_matrix(path, a, b, c, d):
    """Have an mp4 shown with x' = a x + c y, y' = b x + d y (ISO/IEC 14496-12, 8.3.2)."""
    content = bytearray(path.read_bytes())
    start = content.index(b'tkhd') + _TKHD_MATRIX
    a, b, c, d = (round(value * 65536) for value in (a, b, c, d))
    content[start : start + 36] = struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
