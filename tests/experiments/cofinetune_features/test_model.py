"""The small model and its datasets."""

import numpy as np
import pytest
import torch

from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset
from mmlt.experiments.cofinetune_features.model import AVA, FeatureDataset, build_model, score

FEATURES = np.random.default_rng(0).standard_normal((6, 64)).astype(np.float32)
TARGETS = (np.arange(18).reshape(6, 3) % 2).astype(np.uint8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(64, {'A': 4, AVA: 3})


def _batch(name, labels, rows):
    return FeatureDataset(name, FEATURES, labels).__getitems__(rows)[0]


def test_a_batch_comes_in_one_piece_with_its_datasets_name():
    dataset = CoFinetuneDataset(
        {
            'A': FeatureDataset('A', FEATURES, np.arange(6)),
            AVA: FeatureDataset(AVA, FEATURES, TARGETS),
        }
    )
    (batch,) = dataset.__getitems__([6 + 4, 6 + 1])
    (sample,) = batch['data_samples']
    assert sample.metainfo['dataset_name'] == AVA
    assert torch.equal(batch['inputs'], torch.from_numpy(FEATURES[[4, 1]]))
    assert torch.equal(sample.gt_label, torch.from_numpy(TARGETS[[4, 1]]).float())


def test_times_repeats_the_samples():
    dataset = FeatureDataset('A', FEATURES, np.arange(6), times=3)
    assert len(dataset) == 18
    assert dataset[13]['data_samples'][0].gt_label.tolist() == [1]


def test_avas_loss_is_a_sum_over_classes_and_a_mean_over_boxes(model):
    batch = _batch(AVA, TARGETS, [0, 1, 2])
    losses = model(**batch, mode='loss')
    logits = model(**batch, mode='tensor')
    probs, targets = logits.sigmoid(), torch.from_numpy(TARGETS[:3]).float()
    by_hand = -(targets * probs.log() + (1 - targets) * (1 - probs).log()).sum() / 3
    assert losses.keys() == {'ava.loss_cls'}
    assert losses['ava.loss_cls'].item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_a_clips_loss_is_the_negative_log_of_its_class(model):
    batch = _batch('A', np.array([0, 1, 2, 3, 0, 1]), [1, 3])
    log_probs = model(**batch, mode='tensor').log_softmax(1)
    by_hand = -(log_probs[0, 1] + log_probs[1, 3]) / 2
    assert model(**batch, mode='loss')['A.loss_cls'].item() == pytest.approx(by_hand.item())


def test_scores_are_the_logits_and_never_nan(model):
    expected = model.heads[AVA](model.backbone(torch.from_numpy(FEATURES)))
    assert np.array_equal(score(model, AVA, FEATURES), expected.detach().numpy())
    model.heads[AVA].fc_cls.bias.data[1] = float('nan')
    scores = score(model, AVA, FEATURES)
    assert np.isneginf(scores[:, 1]).all() and np.isfinite(scores[:, [0, 2]]).all()
    assert scores.dtype == np.float64
