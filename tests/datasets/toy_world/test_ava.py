import csv
import dataclasses
import json
import pickle
from collections import Counter

import cv2
import numpy as np
import pytest

import mmlt  # noqa: F401  (repairs mmaction2 before it is imported)
from mmlt.datasets.toy_world import ToyWorldConfig, make_ava_world
from mmlt.datasets.toy_world.config import SPLITS
from mmlt.datasets.toy_world.labels import head_medium_tail, label_names, plan_boxes
from mmlt.datasets.toy_world.scenes import first_frame_of


@pytest.fixture(scope='module', params=SPLITS)
def loaded(request, ava_world, tiny):
    """Split name, mmaction2's own dataset over its files, and the world's facts."""
    from mmaction.datasets import AVADataset
    from mmaction.utils import register_all_modules

    register_all_modules()
    facts = json.loads((ava_world / 'world.json').read_text())['facts']
    annotations = ava_world / 'annotations'
    split = request.param
    dataset = AVADataset(
        str(annotations / f'{split}.csv'),
        [
            {'type': 'SampleAVAFrames', 'clip_len': 8, 'frame_interval': 1, 'test_mode': True},
            {'type': 'RawFrameDecode'},
        ],
        exclude_file=str(annotations / f'{split}_excluded_timestamps.csv'),
        label_file=str(annotations / 'label_map.pbtxt'),
        proposal_file=str(annotations / f'{split}_proposals.pkl'),
        person_det_score_thr=0.5,
        data_prefix={'img': str(ava_world / 'rawframes')},
        **{k: facts[k] for k in ('num_classes', 'fps', 'start_index', 'filename_tmpl')},
        **{k: facts[k] for k in ('timestamp_start', 'timestamp_end')},
    )
    return split, dataset, facts


def _rows(path):
    with open(path, newline='') as file:
        return list(csv.reader(file))


def _tree(folder):
    files = sorted(p for p in folder.rglob('*') if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_mmaction2_reads_the_files(loaded, ava_world):
    split, dataset, facts = loaded
    excluded = _rows(ava_world / 'annotations' / f'{split}_excluded_timestamps.csv')
    assert len(excluded) >= 1
    assert len(dataset) == facts['num_keyframes'][split] - len(excluded)
    item = dataset[0]
    assert len(item['imgs']) == 8
    assert item['imgs'][0].shape == (64, 96, 3)
    np.testing.assert_array_equal(item['imgs'][0][..., 0], item['imgs'][0][..., 2])
    labels = np.concatenate([dataset.get_data_info(i)['gt_labels'] for i in range(len(dataset))])
    assert labels.shape[1] == 31
    np.testing.assert_array_equal(labels[:, 1:21].sum(axis=1), 1)
    assert labels[:, 21:27].sum(axis=1).max() == 1
    assert labels[:, 27:].sum(axis=1).max() == 1


def test_sampled_frames_are_on_disk_and_of_their_own_second(loaded, ava_world, tiny):
    _, dataset, facts = loaded
    for i in range(len(dataset)):
        item = dataset.pipeline.transforms[0](dataset.get_data_info(i))
        first = first_frame_of(tiny, item['timestamp'] - tiny.first_timestamp)
        assert item['frame_inds'].tolist() == list(range(first, first + 8))
        folder = ava_world / 'rawframes' / item['video_id']
        assert all((folder / f'img_{n:05d}.jpg').is_file() for n in item['frame_inds'])
    seconds = facts['timestamp_end'] - facts['timestamp_start']
    assert len(list(folder.iterdir())) == facts['fps'] * seconds


def test_with_a_spare_frame_a_second_the_jitter_of_training_stays_in_it(tiny):
    from mmaction.datasets.transforms import SampleAVAFrames

    config = dataclasses.replace(tiny, fps=9)
    sample = SampleAVAFrames(clip_len=8, frame_interval=1)
    for keyframe in range(config.keyframes_per_video):
        item = {
            'fps': 9,
            'timestamp': config.first_timestamp + keyframe,
            'timestamp_start': config.timestamp_start,
            'start_index': 1,
            'shot_info': (0, 9 * (config.timestamp_end - config.timestamp_start)),
        }
        first = first_frame_of(config, keyframe)
        for _ in range(20):
            frames = sample.transform(dict(item))['frame_inds']
            assert first <= frames.min()
            assert frames.max() <= first + 8


def test_annotations_are_in_avas_format(ava_world, tiny):
    for split in SPLITS:
        rows = _rows(ava_world / 'annotations' / f'{split}.csv')
        people = set()
        for video, timestamp, *corners, label, person in rows:
            assert len(video) == 11
            assert video.startswith(f'toy{split}')
            assert timestamp.isdigit()
            assert len(timestamp) == 4
            assert all(len(c.split('.')[1]) == 3 for c in corners)
            x1, y1, x2, y2 = map(float, corners)
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
            assert 1 <= int(label) <= 30
            people.add((video, timestamp, tuple(corners), person))
        assert len(people) == tiny.num_boxes(split)
        keys = [row[:2] for row in rows]
        assert keys == sorted(keys)


def test_label_map_as_mmaction2_reads_it(ava_world, tiny):
    from mmaction.evaluation.functional.ava_utils import read_labelmap

    path = ava_world / 'annotations' / 'label_map.pbtxt'
    with open(path) as file:
        items, class_ids = read_labelmap(file)
    assert {item['id']: item['name'] for item in items} == label_names(tiny)
    assert class_ids == set(range(1, 31))
    lines = path.read_text().splitlines()
    assert lines[:4] == ['item {', '  name: "drift left disc"', '  id: 1', '}']


def test_counts_are_those_of_the_training_file(ava_world):
    rows = _rows(ava_world / 'annotations' / 'train.csv')
    found = Counter(int(row[6]) for row in rows)
    counts = json.loads((ava_world / 'annotations' / 'train_counts.json').read_text())
    assert counts['unit'] == 'boxes'
    assert 'toy world' in counts['source']
    assert {c['id']: c['count'] for c in counts['classes']} == {i: found[i] for i in range(1, 31)}


def test_split_file_names_every_class_once(ava_world):
    split = json.loads((ava_world / 'annotations' / 'split.json').read_text())
    assert {k: split[k] for k in ('head', 'medium', 'tail')} == head_medium_tail(ToyWorldConfig())
    assert 'expected' in split['source']


def test_excluded_keyframes_cost_head_classes_only(ava_world, tiny):
    head = head_medium_tail(tiny)['head']
    for split in SPLITS:
        excluded = _rows(ava_world / 'annotations' / f'{split}_excluded_timestamps.csv')
        rows = _rows(ava_world / 'annotations' / f'{split}.csv')
        lost = {int(row[6]) for row in rows if row[:2] in excluded}
        assert lost
        assert lost <= set(head)


def test_every_keyframe_has_proposals_in_a_plain_dict(ava_world):
    for split in SPLITS:
        with open(ava_world / 'annotations' / f'{split}_proposals.pkl', 'rb') as file:
            proposals = pickle.load(file)
        assert type(proposals) is dict
        rows = _rows(ava_world / 'annotations' / f'{split}.csv')
        assert set(proposals) == {f'{row[0]},{row[1]}' for row in rows}
        for found in proposals.values():
            assert (found.dtype, found.shape[1]) == (np.float64, 5)
            assert len(found) >= 1


def test_the_box_is_where_the_actor_is_on_the_keyframe(tmp_path):
    """From the files alone: the frame of the middle of the clip shows each body in its box."""
    config = dataclasses.replace(
        ToyWorldConfig(scale=0.01), noise_std=0.0, background_std=0.0, num_clutter=0
    )
    make_ava_world(tmp_path / 'ava', config)
    for row in _rows(tmp_path / 'ava' / 'annotations' / 'test.csv'):
        middle = config.fps * (int(row[1]) - config.timestamp_start) + 2
        path = tmp_path / 'ava' / 'rawframes' / row[0] / f'img_{middle:05d}.jpg'
        frame = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(float) - 128
        x1, y1, x2, y2 = (np.array(row[2:6], dtype=float) * [96, 64, 96, 64]).round().astype(int)
        assert frame[y1:y2, x1:x2].max() > 20


def test_same_seed_same_bytes_whatever_the_workers(ava_world, tiny, tmp_path):
    make_ava_world(tmp_path / 'ava', tiny, workers=2)
    assert _tree(tmp_path / 'ava') == _tree(ava_world)


def test_another_seed_is_another_world_with_the_same_counts(ava_world, tiny, tmp_path):
    make_ava_world(tmp_path / 'ava', dataclasses.replace(tiny, seed=1))
    ours, theirs = _tree(tmp_path / 'ava'), _tree(ava_world)
    assert set(ours) == set(theirs)
    same = {name for name in ours if ours[name] == theirs[name]}
    assert same == {
        f'annotations/{n}' for n in ('label_map.pbtxt', 'split.json', 'train_counts.json')
    }


def test_progress_counts_the_videos(tiny, tmp_path):
    steps = []
    make_ava_world(tmp_path / 'ava', tiny, progress=lambda *step: steps.append(step))
    total = sum(plan_boxes(tiny, split).num_videos for split in SPLITS)
    assert steps == [(i, total) for i in range(1, total + 1)]
