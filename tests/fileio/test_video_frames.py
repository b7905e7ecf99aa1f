from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmlt.fileio.video_frames import (
    DECODERS,
    decode_frames,
    default_decoder,
    frame_indices,
    read_frames,
)

FPS, HEIGHT, WIDTH = 10, 48, 64


def brightness(index):
    """Grey level of frame `index`: far enough from its neighbours to survive the codec."""
    return 20 + 5 * index


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """45 grey frames at 10 a second; the left quarter is red, the right one blue."""
    path = tmp_path_factory.mktemp('video') / 'v.mp4'
    code = cv2.VideoWriter_fourcc(*'mp4v')
    writer = cv2.VideoWriter(str(path), code, FPS, (WIDTH, HEIGHT))
    for index in range(45):
        frame = np.full((HEIGHT, WIDTH, 3), brightness(index), np.uint8)
        frame[:, :16] = (0, 0, 255)
        frame[:, 48:] = (255, 0, 0)
        writer.write(frame)
    writer.release()
    return path


@pytest.mark.parametrize(
    ('total', 'video_fps', 'fps', 'num_frames', 'expected'),
    [
        (45, 10, 1, 150, [0, 10, 20, 30, 40]),
        (40, 10, 1, 150, [0, 10, 20, 30]),
        (41, 10, 1, 150, [0, 10, 20, 30, 40]),
        (90, 29.97, 1, 150, [0, 29, 59, 89]),
        (75, 30000 / 1001, 1, 150, [0, 29, 59]),
        (3, 0.5, 1, 150, [0, 1, 2]),  # a frame every two seconds comes once
        (1, 25, 1, 150, [0]),
        (100, 10, 1, 4, [0, 30, 60, 90]),  # of ten frames, the 0th, 3rd, 6th and 9th
        (100, 10, 1, 1, [0]),
        (30, 10, 2, 150, [0, 5, 10, 15, 20, 25]),
    ],
)
def test_frame_indices_by_hand(total, video_fps, fps, num_frames, expected):
    assert frame_indices(total, video_fps, fps, num_frames).tolist() == expected


def test_all_indices_of_a_rounded_rate_are_whole_seconds():
    wanted = frame_indices(25 * 1000, 25.0, 1.0, 1000)
    np.testing.assert_array_equal(wanted, 25 * np.arange(1000))


@pytest.mark.parametrize('decoder', DECODERS)
def test_the_frames_of_a_video(video, decoder):
    frames = read_frames(video, short_side=48, crop_size=24, decoder=decoder)
    assert (frames.shape, frames.dtype) == ((5, 24, 24, 3), np.uint8)
    expected = np.array([brightness(i) for i in (0, 10, 20, 30, 40)])
    darker = expected - frames[:, 4:-4, 4:-4].mean((1, 2, 3))
    assert np.ptp(darker) < 2, 'other frames'
    assert np.abs(darker).max() < 5, 'more than the codec loses'


@pytest.mark.parametrize('decoder', DECODERS)
def test_frames_of_the_caller_choice_in_their_own_size(video, decoder):
    asked = []

    def choose(total, video_fps):
        asked.append((total, video_fps))
        return np.array([3, 17, 17, 44])

    frames = list(decode_frames(video, choose, decoder))
    assert asked == [(45, FPS)]
    assert [frame.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 4
    found = [frame[:, 20:40].mean() for frame in frames]
    np.testing.assert_allclose(found, [brightness(i) for i in (3, 17, 17, 44)], atol=5)


@pytest.mark.parametrize('decoder', DECODERS)
def test_size_and_colours(video, decoder):
    """Of 96 x 128 pixels the middle 96 x 96: 16 of the red, 16 of the blue are left."""
    frames = read_frames(video, short_side=96, crop_size=96, num_frames=1, decoder=decoder)
    assert frames.shape == (1, 96, 96, 3)
    left, middle, right = (
        frames[0, 30:60, x].mean((0, 1)) for x in (slice(12), slice(40, 50), slice(84, 96))
    )
    assert left[0] > 200 and left[2] < 60, 'red is not the first channel'
    assert right[2] > 200 and right[0] < 60
    assert np.ptp(middle) < 12


def test_a_portrait_video(tmp_path):
    path = tmp_path / 'v.mp4'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 5, (32, 80))
    for _ in range(3):
        writer.write(np.full((80, 32, 3), 100, np.uint8))
    writer.release()
    assert read_frames(path, short_side=20, crop_size=18).shape == (1, 18, 18, 3)


@pytest.mark.parametrize('decoder', DECODERS)
@pytest.mark.parametrize('kept', [0.5, 0])
def test_a_truncated_video(video, tmp_path, decoder, kept):
    path = tmp_path / 'broken.mp4'
    content = video.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises((ValueError, RuntimeError), match=r'broken\.mp4'):
        read_frames(path, decoder=decoder)


def test_opencv_says_where_a_video_ends(video, tmp_path, monkeypatch):
    capture = cv2.VideoCapture

    class Short:
        """A file whose header promises more frames than it has."""

        def __init__(self, path):
            self.inner = capture(path)

        def get(self, name):
            return 60 if name == cv2.CAP_PROP_FRAME_COUNT else self.inner.get(name)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(cv2, 'VideoCapture', Short)
    with pytest.raises(ValueError, match=r'v\.mp4 ends at frame 45 of 60'):
        read_frames(video, decoder='opencv')


def test_no_file(tmp_path):
    with pytest.raises(ValueError, match=r'absent\.mp4 does not exist'):
        read_frames(tmp_path / 'absent.mp4')


def test_the_default_decoder(monkeypatch):
    assert default_decoder() == 'decord'
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert default_decoder() == 'opencv'
