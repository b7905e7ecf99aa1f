from __future__ import annotations

import cv2
import numpy as np
import pytest
from known_persons import BOX, draw_frame, write_frames, write_video
from mmaction.datasets.transforms import SampleAVAFrames

from mmlt.fileio.feature_folder import Video
from mmlt.fileio.keyframe_images import (
    KeyframeRule,
    find_keyframe_videos,
    keyframe_numbers,
    read_keyframes,
)


@pytest.mark.parametrize(
    ('num_frames', 'fps', 'rule', 'seconds', 'numbers'),
    [
        (90, 30, KeyframeRule(start_index=1), [900, 901, 902], [2, 32, 62]),
        (91, 30, KeyframeRule(start_index=1), [900, 901, 902, 903], [2, 32, 62, 91]),
        (90, 30, KeyframeRule(timestamp_start=0), [0, 1, 2], [0, 30, 60]),
        (75, 30000 / 1001, KeyframeRule(timestamp_start=0), [0, 1, 2], [0, 29, 59]),
        (90, 30, KeyframeRule(seconds=(901, 901)), [901], [30]),
        (90, 30, KeyframeRule(seconds=(902, 1798)), [902], [60]),
        (90, 30, KeyframeRule(seconds=(950, 960)), [], []),
        (3, 0.5, KeyframeRule(), [900, 901, 902, 903, 904, 905], [0, 0, 1, 1, 2, 2]),
        (3, 1, KeyframeRule(start_index=1), [900, 901, 902], [2, 3, 3]),
    ],
)
def test_keyframes_by_hand(num_frames, fps, rule, seconds, numbers):
    found = keyframe_numbers(num_frames, fps, rule)
    assert (found[0], found[1].tolist()) == (seconds, numbers)


@pytest.mark.parametrize('start_index', [0, 1])
@pytest.mark.parametrize(('clip_len', 'frame_interval'), [(4, 16), (32, 2), (5, 3)])
def test_keyframes_are_the_middle_of_mmaction2s_clips(start_index, clip_len, frame_interval):
    sampler = SampleAVAFrames(clip_len, frame_interval, test_mode=True)
    seconds, numbers = keyframe_numbers(300, 25, KeyframeRule(None, start_index, 900))
    assert seconds == list(range(900, 912))
    for second, number in zip(seconds, numbers):
        results = dict(fps=25, timestamp=second, timestamp_start=900, start_index=start_index)
        frames = sampler.transform({**results, 'shot_info': (0, 300)})['frame_inds']
        assert frames[clip_len // 2] == number


@pytest.fixture
def videos(tmp_path):
    write_frames(tmp_path / 'v' / 'b', 12)
    write_frames(tmp_path / 'v' / 'sub' / 'a', 12)
    return tmp_path / 'v'


def test_folders_of_frames(videos):
    (videos / 'b' / 'notes').mkdir()  # what lies beside frames is not looked at
    found, are_frames = find_keyframe_videos(videos, 'img_{:05}.jpg')
    assert are_frames
    assert found == [Video(name, str(videos / name)) for name in ('b', 'sub/a')]


def test_what_cannot_be_read_is_found_too(videos):
    """Told when it is read, not passed over."""
    (videos / 'b' / 'img_00001.jpg').unlink()
    (videos / 'c').mkdir()
    found, _ = find_keyframe_videos(videos, 'img_{:05}.jpg')
    assert [video.video_id for video in found] == ['b', 'c', 'sub/a']
    rule = KeyframeRule(5, 1, filename_tmpl='img_{:05}.jpg')
    for video in found[:2]:
        with pytest.raises(ValueError, match=r'img_00001\.jpg does not exist'):
            list(read_keyframes(video, rule))


def test_video_files(tmp_path):
    write_video(tmp_path / 'v' / 'a.mp4', 3, 5)
    (tmp_path / 'v' / 'empty.mp4').mkdir()
    found, are_frames = find_keyframe_videos(tmp_path / 'v', 'img_{:05}.jpg')
    assert (found, are_frames) == ([Video('a', str(tmp_path / 'v' / 'a.mp4'))], False)


def test_folders_that_are_refused(videos, tmp_path):
    template = 'img_{:05}.jpg'
    with pytest.raises(FileNotFoundError, match='absent: no such folder'):
        find_keyframe_videos(tmp_path / 'absent', template)
    with pytest.raises(ValueError, match=r'b is one folder of frames: give the folder that holds'):
        find_keyframe_videos(videos / 'b', template)
    (tmp_path / 'none').mkdir()
    with pytest.raises(ValueError, match=r'none: neither video files \(.*img_00001\.jpg'):
        find_keyframe_videos(tmp_path / 'none', template)
    for wrong in ('img.jpg', '{}_{}.jpg', 'img_{name}.jpg', 'img_{:x'):
        with pytest.raises(ValueError, match=r'a name such as img_\{:05\}\.jpg is needed'):
            find_keyframe_videos(videos, wrong)
    (videos / 'z.mp4').touch()
    with pytest.raises(ValueError, match=r'z\.mp4 is a video file, .* a folder of frames'):
        find_keyframe_videos(videos, template)


@pytest.mark.parametrize('decoder', ['decord', 'opencv'])
def test_images_are_bgr_and_of_the_right_frame(tmp_path, decoder):
    write_video(tmp_path / 'a.mp4', 25, 10)
    video = Video('a', str(tmp_path / 'a.mp4'))
    rule = KeyframeRule(timestamp_start=3, decoder=decoder)
    found = list(read_keyframes(video, rule))
    assert [second for second, _ in found] == [3, 4, 5]
    for (_, image), number in zip(found, (0, 10, 20)):
        assert image.shape == draw_frame(0).shape and image.flags['C_CONTIGUOUS']
        columns = np.flatnonzero((image[20] > 127).any(axis=1))
        assert abs(columns.min() - number) <= 1 and abs(columns.max() - number - BOX + 1) <= 1


def test_blue_is_the_first_channel(tmp_path):
    path = str(tmp_path / 'a.mp4')
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
    writer.write(np.full((48, 64, 3), (250, 0, 0), np.uint8))
    writer.release()
    ((_, image),) = read_keyframes(Video('a', path), KeyframeRule())
    assert image[..., 0].mean() > 200 and image[..., 2].mean() < 50


def test_a_video_without_the_seconds(videos):
    rule = KeyframeRule(5, 1, 900, (950, 960), 'img_{:05}.jpg')
    with pytest.raises(ValueError, match='b ends before the seconds 950 to 960'):
        list(read_keyframes(Video('b', str(videos / 'b')), rule))


@pytest.mark.parametrize('decoder', ['decord', 'opencv'])
def test_a_rate_that_no_dataset_counts_by(tmp_path, decoder):
    """NTSC's: a clip of mmaction2 can only be centred by another one, which must be named."""
    write_video(tmp_path / 'a.mp4', 25, 30000 / 1001)
    video = Video('a', str(tmp_path / 'a.mp4'))
    with pytest.raises(TypeError):
        SampleAVAFrames(4, 2, test_mode=True).transform(
            dict(fps=29.97, timestamp=1, timestamp_start=0, start_index=0, shot_info=(0, 25))
        )
    rule = KeyframeRule(timestamp_start=0, decoder=decoder)
    with pytest.raises(ValueError, match=r'a\.mp4 has 29\.97 frames a second, .*: give --fps'):
        list(read_keyframes(video, rule))
    assert [second for second, _ in read_keyframes(video, rule._replace(fps=10))] == [0, 1, 2]
