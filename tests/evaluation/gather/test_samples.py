from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlt.evaluation.gather.blocks import merge_blocks
from mmlt.evaluation.gather.samples import NO_SAMPLES, one_per_sample, sample_block, sample_key


def _sample(number, key=None, num_classes=4):
    scores = torch.arange(num_classes) / 8 + number
    fields = {} if key is None else {'sample_idx': key}
    return {
        'pred_score': scores,
        'gt_label': torch.tensor([number % num_classes]),
        'img_shape': (8, 8),
        **fields,
    }


def _merge(blocks):
    return merge_blocks(blocks, NO_SAMPLES)


def _blocks(shards, keyed):
    return [
        _merge([sample_block(_sample(i, i if keyed else None)) for i in shard]) for shard in shards
    ]


def _numbers(scores):
    return scores[:, 0].astype(int).tolist()


def test_single_labels_and_multi_hot_labels():
    block = sample_block({'pred_score': torch.tensor([0.5, 0.25]), 'gt_label': torch.tensor([1])})
    assert block['labels'].tolist() == [1]
    assert block['scores'].dtype == np.float32
    hot = {'pred_score': torch.rand(3).double(), 'gt_label': torch.tensor([1.0, 0.0, 1.0])}
    block = sample_block(hot)
    assert block['labels'].tolist() == [0, 2]
    assert block['scores'].dtype == np.float64
    hot['gt_label'] = np.zeros(3, dtype=int)
    assert sample_block(hot)['labels'].tolist() == []


def test_half_precision():
    scores = torch.tensor([0.5, 0.25], dtype=torch.bfloat16)
    block = sample_block({'pred_score': scores, 'gt_label': torch.tensor([0])})
    assert block['scores'].tolist() == [[0.5, 0.25]]


def test_a_key_is_all_that_identifies():
    assert sample_key({'pred_score': 1, 'img_shape': 2}) == ()
    sample = {'filename': 'a.mp4', 'sample_idx': 3, 'timestamp': None}
    assert sample_key(sample) == ('sample_idx=3', 'filename=a.mp4')


@pytest.mark.parametrize('keyed', [False, True])
@pytest.mark.parametrize(
    'shards', [[[0, 1, 2]], [[0, 2], [1, 0]], [[0, 1, 2], []], [[0, 2], [1]], [[0], [1], [2], [0]]]
)
def test_shards_of_the_default_sampler(shards, keyed):
    scores, targets = one_per_sample(_blocks(shards, keyed), 3)
    assert sorted(_numbers(scores)) == [0, 1, 2]
    assert targets.argmax(1).tolist() == _numbers(scores)
    assert targets.sum() == 3


@pytest.mark.parametrize('shards', [[[2], [1, 0]], [[0, 0, 1], [2]], [[2, 2, 0, 1], [1]]])
def test_keys_make_any_shards_whole(shards):
    scores, targets = one_per_sample(_blocks(shards, True), 3)
    assert sorted(_numbers(scores)) == [0, 1, 2]
    assert targets.argmax(1).tolist() == _numbers(scores)


def test_keys_shared_by_samples_are_not_trusted():
    """Two datasets joined: their indices start anew, and no sample may be lost for that."""
    samples = [_sample(number, key) for number, key in enumerate([0, 1, 0, 1])]
    block = _merge([sample_block(sample) for sample in samples])
    assert _numbers(one_per_sample([block], 4)[0]) == [0, 1, 2, 3]


def test_no_sample():
    empty = _merge([])
    assert one_per_sample([empty, empty], 3)[0].shape == (0, 0)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({'pred_score': torch.zeros(2, 4)}, r'sample_idx=7: pred_score has shape \(2, 4\)'),
        ({'pred_score': torch.zeros(0)}, r'pred_score has shape \(0,\), not \(classes,\)'),
        ({'pred_score': {'rgb': 1, 'pose': 2}}, 'pred_score is one for each of rgb, pose'),
        ({'pred_score': torch.tensor([0, np.nan, 0, 0])}, r'pred_score\[1\] is nan'),
        ({'gt_label': torch.tensor([4])}, 'gt_label is 4, not a class from 0 to 3'),
        ({'gt_label': torch.tensor([-1])}, 'gt_label is -1, not a class from 0 to 3'),
        ({'gt_label': torch.tensor([0.5])}, 'gt_label is 0.5, not a class from 0 to 3'),
        ({'gt_label': torch.tensor([1, 2])}, r'gt_label has shape \(2,\), neither \(1,\)'),
        ({'gt_label': torch.tensor([1, 2, 0, 0])}, r'gt_label\[1\] is 2, neither 0 nor 1'),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        sample_block({**_sample(1, 7), **fields})


@pytest.mark.parametrize('field', ['pred_score', 'gt_label'])
def test_missing_fields(field):
    sample = _sample(1, 7)
    del sample[field]
    with pytest.raises(ValueError, match=f'sample_idx=7 has no {field}; it has .*sample_idx'):
        sample_block(sample)
