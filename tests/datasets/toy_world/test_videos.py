from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_video_world
from mmlt.datasets.toy_world.videos import NUM_VIDEOS, draw_video, plan_videos
from mmlt.fileio.videolt_lists import read_videolt_counts, read_videolt_list

CONFIG = ToyWorldConfig(scale=0.1, clips_frames=4)


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy') / 'videos'
    assert make_video_world(folder, CONFIG)
    return folder


def test_lists_name_the_videos_and_the_counts_are_those_of_training(world):
    counts = read_videolt_counts(world / 'count-labels-train.lst')
    listed = {
        split: read_videolt_list(world / f'{split}.lst', counts.names)
        for split in ('train', 'val', 'test')
    }
    labels = Counter(label for video in listed['train'] for label in video.labels)
    assert labels == counts.counts
    ids = [video.video_id for videos in listed.values() for video in videos]
    assert sorted(f'{each}.mp4' for each in ids) == sorted(p.name for p in world.glob('videos/*'))


def test_the_training_videos_have_a_tail_and_every_split_all_classes():
    config = ToyWorldConfig()
    videos = plan_videos(config, 'train')
    counts = np.bincount(np.concatenate(videos))
    assert len(videos) == sum(NUM_VIDEOS['train'])
    assert counts.argmax() == 0 and counts[0] >= 14 and counts[-1] == 1
    for split in ('val', 'test'):
        assert set(np.concatenate(plan_videos(config, split))) == set(range(8))
    assert any(len(video) == 2 for video in videos)


def test_a_video_decodes_to_a_clip_of_each_class_and_one_of_background(world):
    videos = read_videolt_list(world / 'train.lst', dict(enumerate('abcdefgh')))
    for video in videos:
        capture = cv2.VideoCapture(str(world / 'videos' / f'{video.video_id}.mp4'))
        assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 4 * (len(video.labels) + 1)
        assert capture.get(cv2.CAP_PROP_FPS) == CONFIG.clips_fps
        capture.release()


def test_one_part_of_the_video_is_dimmer_than_the_others():
    frames = draw_video([0], CONFIG, np.random.default_rng(0)).reshape(2, -1)
    brightest = np.sort(np.quantile(frames, 0.98, axis=1).astype(int))
    assert brightest[1] > brightest[0] + 10
