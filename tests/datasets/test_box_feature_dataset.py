from __future__ import annotations

import pickle

import pytest
import torch
from mmengine.dataset import default_collate, pseudo_collate
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader

from mmlt.datasets.box_feature_dataset import BoxFeatureDataset

LABELS = [[0, 1, 0, 0], [0, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 1]]  # of the four annotated boxes


def test_one_annotated_box_a_sample(feature_dir):
    dataset = BoxFeatureDataset(str(feature_dir), in_channels=3, num_classes=4)
    assert len(dataset) == 4
    samples = [dataset[index] for index in range(4)]
    assert [sample['inputs'][0].item() for sample in samples] == [0, 10, 30, 40]
    assert [sample['gt_labels'].tolist() for sample in samples] == LABELS
    assert [sample['sample_idx'].item() for sample in samples] == [0, 1, 2, 3]
    assert samples[0]['inputs'].shape == (3,)
    assert dataset.targets.tolist() == LABELS


def test_where_a_box_comes_from(feature_dir):
    dataset = BoxFeatureDataset(str(feature_dir))
    origins = [
        (info['video_id'], info['timestamp'], info['gt_labels'].tolist())
        for info in map(dataset.get_data_info, range(4))
    ]
    keys = [('one', 902), ('one', 902), ('one', 903), ('another', 902)]
    assert origins == [(*key, labels) for key, labels in zip(keys, LABELS)]
    assert dataset.get_data_info(3)['img_key'] == 'another,0902'


@pytest.mark.parametrize('num_workers', [0, 1])
@pytest.mark.parametrize('collate', [pseudo_collate, default_collate])
def test_a_batch_is_read_at_once_and_holds_the_same(feature_dir, collate, num_workers):
    dataset = BoxFeatureDataset(str(feature_dir))
    batch = next(
        iter(
            DataLoader(
                dataset,
                batch_size=3,
                sampler=[3, 0, 1],
                collate_fn=collate,
                num_workers=num_workers,
            )
        )
    )
    inputs, labels = batch['inputs'], batch['gt_labels']
    assert len(inputs) == len(labels) == 1  # one tensor for all boxes
    assert inputs[0].tolist() == [dataset[i]['inputs'].tolist() for i in (3, 0, 1)]
    assert labels[0].tolist() == [LABELS[i] for i in (3, 0, 1)]


def test_a_keyframe_a_sample(feature_dir):
    dataset = BoxFeatureDataset(str(feature_dir), kinds=('proposal',), per='keyframe')
    assert len(dataset) == 3  # the second has no proposal
    inputs = [sample['inputs'] for sample in dataset.__getitems__([0, 1, 2])]
    assert [x.tolist() for x in inputs] == [[[20, 21, 22]], [], [[50, 51, 52], [60, 61, 62]]]
    assert inputs[1].shape == (0, 3)
    sample = dataset[2]['data_samples']
    assert (sample.video_id, sample.timestamp) == ('another', 902)
    assert sample.proposals.scores.tolist() == pytest.approx([0.8, 0.7])
    expected = [[0.1, 0.2, 0.3, 0.25], [0.1, 0.2, 0.3, 0.35]]
    torch.testing.assert_close(sample.proposals.bboxes, torch.tensor(expected))


def test_both_kinds(feature_dir):
    dataset = BoxFeatureDataset(str(feature_dir), kinds=('annotated', 'proposal'), per='keyframe')
    assert [len(dataset[index]['inputs']) for index in range(3)] == [3, 1, 3]
    assert dataset.get_data_info(1)['gt_labels'].tolist() == [LABELS[2]]


@pytest.mark.parametrize('per', ['box', 'keyframe'])
def test_sent_to_another_process(feature_dir, per):
    dataset = BoxFeatureDataset(str(feature_dir), per=per)
    content = pickle.dumps(dataset)
    assert len(content) < 1000, 'the features went along'
    assert pickle.loads(content)[2]['inputs'].tolist() == dataset[2]['inputs'].tolist()


def test_named_in_a_config(feature_dir):
    config = dict(type='mmlt.BoxFeatureDataset', feature_dir=str(feature_dir))
    assert len(DATASETS.build(config)) == 4


@pytest.mark.parametrize('index', [-1, 4])
def test_no_such_sample(feature_dir, index):
    with pytest.raises(IndexError, match=f'no sample {index}, only 4'):
        BoxFeatureDataset(str(feature_dir))[index]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'in_channels': 64}, r'meta\.json: feature_dim is 3, not 64'),
        ({'num_classes': 81}, r'meta\.json: num_classes is 4, not 81'),
        ({'kinds': ('detected',)}, "kinds must be one of 'annotated', 'proposal', got 'detected'"),
        ({'per': 'video'}, "per must be one of 'box', 'keyframe', got 'video'"),
        ({'kinds': ()}, 'kinds'),
    ],
)
def test_wrong_arguments(feature_dir, options, message):
    with pytest.raises(ValueError, match=message):
        BoxFeatureDataset(str(feature_dir), **options)


def test_no_such_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'meta\.json does not exist'):
        BoxFeatureDataset(str(tmp_path))
