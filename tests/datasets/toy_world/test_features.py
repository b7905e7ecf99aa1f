import dataclasses

import numpy as np
import pytest

from mmlt.datasets.toy_world import ToyWorldConfig, make_feature_world
from mmlt.datasets.toy_world.features import (
    class_counts,
    draw_prototypes,
    draw_sequence,
    plan_labels,
)

CONFIG = ToyWorldConfig(scale=0.05)


@pytest.fixture(scope='module')
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp('toy') / 'features'
    assert make_feature_world(folder, CONFIG)
    return folder


def _read_list(path):
    rows = [line.split() for line in path.read_text().splitlines()]
    return {name: [int(label) for label in labels.split(',')] for name, labels in rows}


def test_training_counts_run_from_most_to_fewest():
    counts = class_counts(ToyWorldConfig(), 'train')
    assert (len(counts), counts[0], counts[-1]) == (40, 500, 3)
    assert (np.diff(counts) <= 0).all()


@pytest.mark.parametrize('split', ['val', 'test'])
def test_evaluated_classes_have_enough_videos_and_stay_imbalanced(split):
    counts = class_counts(ToyWorldConfig(), split)
    assert counts.min() == 15
    assert counts.max() > 5 * counts.min()


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_videos_carry_exactly_the_counts(split):
    config = ToyWorldConfig()
    videos = plan_labels(config, split)
    labels = np.concatenate([np.asarray(v) for v in videos])
    np.testing.assert_array_equal(np.bincount(labels), class_counts(config, split))
    assert {len(v) for v in videos} == {1, 2}
    assert all(len(set(v)) == len(v) for v in videos)
    assert np.mean([len(v) == 2 for v in videos]) == pytest.approx(0.3, abs=0.01)


def test_files_are_as_listed(features):
    listed = []
    for split in ('train', 'val', 'test'):
        videos = _read_list(features / f'{split}.lst')
        assert all(0 <= label < 40 for labels in videos.values() for label in labels)
        listed += videos
    stored = {path.stem: np.load(path) for path in (features / 'features').iterdir()}
    assert set(stored) == set(listed)
    for sequence in stored.values():
        assert sequence.dtype == np.float32
        assert sequence.shape[1] == 64
        assert 60 <= len(sequence) <= 200
    assert len({len(sequence) for sequence in stored.values()}) > 20


def test_count_file_counts_the_training_list(features):
    labels = sum(_read_list(features / 'train.lst').values(), [])
    rows = [line.split() for line in (features / 'count-labels-train.lst').read_text().splitlines()]
    assert [int(index) for _, index, _ in rows] == list(range(40))
    assert [int(count) for _, _, count in rows] == np.bincount(labels, minlength=40).tolist()
    assert rows[7][0] == 'toy_class_07'


def test_only_a_part_of_the_frames_shows_a_class():
    config = dataclasses.replace(ToyWorldConfig(), features_noise_std=0.0)
    prototypes = draw_prototypes(config)
    for seed in range(20):
        sequence = draw_sequence([2, 17], prototypes, config, np.random.default_rng(seed))
        for label in (2, 17):
            shown = np.isclose(sequence, prototypes.classes[label], atol=1e-6).all(axis=1)
            assert 0.05 <= shown.mean() <= 0.25
            where = np.flatnonzero(shown)
            assert where[-1] - where[0] + 1 == len(where)


def test_a_rare_class_is_a_neighbour_of_a_common_one():
    classes = draw_prototypes(ToyWorldConfig()).classes
    np.testing.assert_allclose(np.linalg.norm(classes, axis=1), 1)
    similar = classes[10:] @ classes[:10].T
    own = similar[np.arange(30), np.arange(30) % 10]
    assert own.min() > 0.7
    np.testing.assert_array_equal(similar.argmax(axis=1), np.arange(30) % 10)


def test_same_seed_same_bytes(features, tmp_path):
    make_feature_world(tmp_path / 'same', CONFIG)
    make_feature_world(tmp_path / 'other', dataclasses.replace(CONFIG, seed=1))
    names = [path.relative_to(features) for path in features.rglob('*') if path.is_file()]
    assert all((tmp_path / 'same' / n).read_bytes() == (features / n).read_bytes() for n in names)
    first = 'features/train_00000.npy'
    assert (tmp_path / 'other' / first).read_bytes() != (features / first).read_bytes()
    assert not make_feature_world(features, CONFIG)
