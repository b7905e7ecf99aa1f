"""What is measured of a model, with scores that are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from mmlt.experiments.cofinetune_features import data as module
from mmlt.experiments.cofinetune_features.data import MEASURES, Data
from mmlt.experiments.cofinetune_features.model import AVA
from mmlt.functional import average_precision, expected_sampled_average_precision


@pytest.fixture
def scores(monkeypatch):
    """Lets a model give scores: a function of the dataset and its features."""

    def give(function):
        monkeypatch.setattr(module, 'score', lambda _, name, features: function(name, features))

    return give


def _model(*names):
    return SimpleNamespace(heads=dict.fromkeys(names))


def test_a_perfect_model(data, scores):
    labels = {len(data.boxes[split].features): data.boxes[split].targets for split in data.boxes}
    natural = data.boxes['test'].num_natural
    labels[natural] = data.boxes['test'].targets[:natural]
    scores(lambda name, features: labels[len(features)].astype(float))
    means, per_class = data.test(_model(AVA))
    assert list(means) == [name for name in MEASURES if not name.startswith('top1')]
    assert set(means.values()) == {1.0}
    assert [len(values) for values in per_class.values()] == [60, 60]
    assert data.validate(_model(AVA)) == 1


def test_groups_are_means_over_their_classes_and_ap_is_of_the_prior(data, scores):
    def random(_, features):
        return np.random.default_rng(len(features)).random((len(features), 60))

    scores(random)
    boxes = data.boxes['test']
    natural = slice(boxes.num_natural)
    ap = average_precision(random(AVA, boxes.features[natural]), boxes.targets[natural])
    sap = expected_sampled_average_precision(
        random(AVA, boxes.features), boxes.targets, boxes.valid
    )
    means, _ = data.test(_model(AVA))
    for group, columns in data.groups.items():
        assert means[f'AP {group}'] == pytest.approx(np.mean(ap[columns]))
        assert means[f'SAP {group}'] == pytest.approx(np.mean(sap[columns]))


def test_clips_are_judged_by_the_best_class(data, scores):
    clips = data.clips['B']['val']
    right = np.eye(40)[clips.labels]
    right[:20] = np.eye(40)[(clips.labels[:20] + 1) % 40]
    scores(lambda name, features: right)
    assert data.validate(_model('B')) == 0.75


def test_too_few_test_boxes_are_refused(small_config):
    config = small_config._replace(num_boxes=(512, 300, 500))
    with pytest.raises(ValueError, match=r'num_boxes=\(512, 300, 500\): too few to test'):
        Data(0, 0, config)
