import json

import numpy as np
import pytest

from mmlt.experiments.three_branch_features.data import Data
from mmlt.experiments.three_branch_features.runs import Plan

NUM_CHANNELS, NUM_CLASSES = 8, 30


def make_features(seed=0, keyframes_of_videos=(14, 12), has_context=True):
    """Arrays of a world as extraction gives them; a class adds to its own channel."""
    rng = np.random.default_rng(seed)
    arrays = {}
    weights = rng.normal(size=(NUM_CLASSES, NUM_CHANNELS)).astype(np.float32)
    for split in ('train', 'val', 'test'):
        videos = np.repeat(['a', 'b'], keyframes_of_videos)
        timestamps = np.concatenate([902 + np.arange(number) for number in keyframes_of_videos])
        counts = rng.integers(1, 4, size=len(videos))
        counts[0] += 90 - counts.sum() if counts.sum() < 90 else 0  # every class has a box
        num_boxes = counts.sum()
        targets = np.zeros((num_boxes, NUM_CLASSES), dtype=bool)
        targets[np.arange(num_boxes), np.arange(num_boxes) % 20] = True
        targets[np.arange(num_boxes), 20 + np.arange(num_boxes) % 10] = True
        boxes = targets @ weights + 0.5 * rng.normal(size=(num_boxes, NUM_CHANNELS))
        context = np.where(targets[:, 20:26].any(axis=1), np.arange(num_boxes) % 3, 0)
        scores = np.sort(rng.random(num_boxes))
        found = {
            'boxes': boxes.astype(np.float32),
            'keyframe_of_box': np.repeat(np.arange(len(videos)), counts),
            'targets': targets,
            'context': context * has_context,
            'clips': rng.normal(size=(len(videos), NUM_CHANNELS)).astype(np.float32),
            'videos': videos,
            'timestamps': timestamps,
            'persons': boxes.astype(np.float32),
            'keyframe_of_person': np.repeat(np.arange(len(videos)), counts),
            'scores': scores,
        }
        arrays.update({f'{split}_{name}': array for name, array in found.items()})
    return arrays


def write_world(folder, name='features.npz', **options):
    """Files of a world, as a run reads them."""
    annotations = folder / 'ava' / 'annotations'
    annotations.mkdir(parents=True, exist_ok=True)
    split = {'head': [1, 2, 21], 'medium': [3], 'tail': [4, 5, 30]}
    (annotations / 'split.json').write_text(json.dumps(split))
    np.savez(folder / name, **make_features(**options))


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp('world')
    write_world(folder)
    return Data(folder / 'features.npz', folder / 'ava')


@pytest.fixture
def plan():
    """Two worlds of each share, of two seeds."""
    return Plan(num_worlds=2, num_seeds=2, num_updates=10, num_plateau_seeds=2)


@pytest.fixture
def work_dir(tmp_path, plan):
    """The features of all worlds of the plan."""
    for number, world in enumerate(plan.worlds()):
        folder = tmp_path / 'worlds' / world.name
        write_world(folder, world.features_file, seed=number, has_context=world.share > 0)
    return tmp_path
