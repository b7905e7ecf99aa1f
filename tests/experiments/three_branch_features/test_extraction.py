"""Features of a small world, from its files."""

import csv

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_ava_world
from mmlt.datasets.toy_world.context_labels import CONTEXT_KINDS
from mmlt.experiments.three_branch_features.extraction import PERSON_SCORE, extract_world
from mmlt.fileio.proposals import read_proposals

WORLD = ToyWorldConfig(
    scale=0.02, keyframes_per_video=12, context_share=0.5, rarest_object=100, rarest_interaction=300
)


@pytest.fixture(scope='module')
def ava(tmp_path_factory):
    folder = tmp_path_factory.mktemp('extraction') / 'ava'
    assert make_ava_world(folder, WORLD)
    return folder


@pytest.fixture(scope='module')
def arrays(ava):
    return extract_world(ava, None)


def test_every_annotated_box_is_there_with_its_labels_and_context(ava, arrays):
    for split in ('train', 'val', 'test'):
        labels, kinds = {}, {}
        with open(ava / 'annotations' / f'{split}.csv', newline='') as file:
            for video, timestamp, *_, label, person in csv.reader(file):
                key = video, int(timestamp), int(person)
                labels.setdefault(key, np.zeros(30, dtype=bool))[int(label) - 1] = True
        with open(ava / 'annotations' / f'{split}_context.csv', newline='') as file:
            for video, timestamp, person, kind in csv.reader(file):
                kinds[video, int(timestamp), int(person)] = CONTEXT_KINDS.index(kind)
        assert kinds
        keys = sorted(labels)
        keyframe = arrays[f'{split}_keyframe_of_box']
        videos, timestamps = arrays[f'{split}_videos'], arrays[f'{split}_timestamps']
        found = list(zip(videos[keyframe].tolist(), timestamps[keyframe].tolist()))
        assert found == [key[:2] for key in keys]
        np.testing.assert_array_equal(arrays[f'{split}_targets'], [labels[key] for key in keys])
        assert arrays[f'{split}_context'].tolist() == [kinds.get(key, 0) for key in keys]


def test_persons_are_the_proposals_that_score_enough(ava, arrays):
    proposals = read_proposals(ava / 'annotations' / 'val_proposals.pkl')
    keyframes = list(zip(arrays['val_videos'].tolist(), arrays['val_timestamps'].tolist()))
    expected = [
        score
        for video, timestamp in keyframes
        for score in proposals[f'{video},{timestamp:04d}'][:, 4]
        if score > PERSON_SCORE
    ]
    np.testing.assert_allclose(arrays['val_scores'], expected)
    assert len(arrays['val_persons']) == len(arrays['val_keyframe_of_person']) == len(expected)
    assert len(keyframes) == len(proposals)  # excluded ones too


def test_features_differ_and_are_of_the_trunks_width(arrays):
    for name in ('boxes', 'clips', 'persons'):
        features = arrays[f'test_{name}']
        assert features.shape[1] == 64 and features.dtype == np.float32
        assert len(np.unique(features, axis=0)) == len(features)
    # a clip's mean is below its boxes' maxima
    assert arrays['test_clips'].mean() < arrays['test_boxes'].mean()


def test_the_seed_draws_the_trunk(ava, arrays):
    again = extract_world(ava, None)
    np.testing.assert_array_equal(again['test_boxes'], arrays['test_boxes'])
