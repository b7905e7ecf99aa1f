from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATA_SAMPLERS, DATASETS, init_default_scope
from torch.utils.data import DataLoader

from mmlt.evaluation.metrics import LongTailMetric

LIST = 'one 0\ntwo 2,0\nthree 1\n'
COUNTS = 'bee 0 2.0\nbat 1 1.0\ncow 2 1.0\n'
LENGTHS = {'one': 5, 'two': 3, 'three': 4}
WIDTH = 2


@pytest.fixture
def root(tmp_path):
    """Frame t of a video has features t, t + 1/2."""
    (tmp_path / 'train.lst').write_text(LIST)
    (tmp_path / 'count.lst').write_text(COUNTS)
    (tmp_path / 'npy').mkdir()
    for name, length in LENGTHS.items():
        features = np.arange(length, dtype=np.float32)[:, None] + np.array([0, 0.5], np.float32)
        np.save(tmp_path / 'npy' / f'{name}.npy', features)
    return tmp_path


@pytest.fixture
def build(root):
    def build(**options):
        init_default_scope('mmaction')
        pipeline = [
            {'type': 'mmlt.LoadFeatureFrames', 'num_frames': 3, 'mode': 'even'},
            {'type': 'PackActionInputs'},
        ]
        settings = {
            'type': 'mmlt.VideoLTDataset',
            'ann_file': 'train.lst',
            'count_file': 'count.lst',
            'data_root': str(root),
            'data_prefix': {'feature': 'npy'},
            'feature_dim': WIDTH,
            'pipeline': pipeline,
        }
        return DATASETS.build({**settings, **options})

    return build


def test_samples_by_hand(build, root):
    dataset = build()
    assert len(dataset) == 3
    assert dataset.metainfo['classes'] == ('bee', 'bat', 'cow')
    assert dataset.class_counts.tolist() == [2, 1, 1]
    assert dataset.get_data_info(1) == {
        'video_id': 'two',
        'filename': str(root / 'npy' / 'two.npy'),
        'label': [2, 0],
        'feature_dim': WIDTH,
        'sample_idx': 1,
    }
    sample = dataset[0]
    assert sample['inputs'].dtype == torch.float32
    assert sample['inputs'].tolist() == [[0, 0.5], [2, 2.5], [4, 4.5]]
    assert sample['data_samples'].gt_label.tolist() == [0]
    assert sample['data_samples'].video_id == 'one'
    assert dataset[1]['data_samples'].gt_label.tolist() == [2, 0]


def test_the_files_may_stand_anywhere(build, root):
    absolute = {name: str(root / f'{name}.lst') for name in ('train', 'count')}
    dataset = build(
        ann_file=absolute['train'],
        count_file=absolute['count'],
        data_prefix={'feature': str(root / 'npy')},
        data_root='',
    )
    assert dataset[2]['inputs'][-1].tolist() == [3, 3.5]


def test_worker_processes(build):
    loader = DataLoader(build(), batch_size=3, num_workers=1, collate_fn=pseudo_collate)
    (batch,) = loader
    assert [sample.video_id for sample in batch['data_samples']] == ['one', 'two', 'three']
    assert [item[-1, 0].item() for item in batch['inputs']] == [4, 2, 3]


def test_class_balanced_sampling(build):
    dataset = build()
    config = {'type': 'mmlt.ClassBalancedSampler', 'mode': 'uniform', 'num_samples': 300}
    sampler = DATA_SAMPLERS.build(config, default_args={'dataset': dataset, 'seed': 0})
    drawn = list(sampler)
    labels = [dataset.get_data_info(index)['label'] for index in range(3)]
    assert {index.class_id for index in drawn} == {0, 1, 2}
    assert all(index.class_id in labels[index] for index in drawn)
    assert dataset[drawn[0]]['inputs'].shape == (3, WIDTH)


def test_the_metric_knows_the_samples_by_their_video(build):
    dataset = build()
    samples = []
    for index in (0, 1, 2, 0):  # one came twice, as shards of two ranks have it
        sample = dataset[index]['data_samples']
        targets = torch.zeros(3)
        targets[sample.gt_label] = 1
        sample.set_gt_label(targets)
        sample.set_pred_score(0.25 + targets / 2)
        samples.append(sample.to_dict())
    metric = LongTailMetric(out_dir=str(dataset.data_root), per_class_keys=True)
    metric.dataset_meta = dataset.metainfo
    metric.process({}, samples)
    found = metric.evaluate(3)
    assert found['longtail/mAP'] == 1
    assert found['longtail/AP/cow'] == 1


LIST_ERRORS = {
    'one 3\n': r'train\.lst, line 1: unknown class 3: .*count\.lst names 3 classes, 0 to 2',
    'one 0\none 1\n': r"train\.lst, line 2: video 'one' stands in line 1",
}


@pytest.mark.parametrize('text', LIST_ERRORS)
def test_a_bad_list(build, root, text):
    (root / 'train.lst').write_text(text)
    with pytest.raises(ValueError, match=LIST_ERRORS[text]):
        build()


def _bad_files(folder):
    np.save(folder / 'two.npy', np.zeros((3, 5), np.float32))
    yield ValueError, 'two.npy: features are 5 wide, not feature_dim=2'
    np.save(folder / 'two.npy', np.zeros((0, 2), np.float32))
    yield ValueError, 'two.npy: an empty video'
    np.save(folder / 'two.npy', np.zeros((2, 2), np.int32))
    yield ValueError, 'two.npy: features must be of floating point, got dtype int32'
    np.save(folder / 'two.npy', np.zeros((9, 2), np.float32))
    (folder / 'two.npy').write_bytes((folder / 'two.npy').read_bytes()[:150])
    yield ValueError, 'two.npy is truncated'
    (folder / 'two.npy').unlink()
    yield FileNotFoundError, 'two.npy does not exist'


def test_a_bad_feature_file_is_named_when_it_is_used_or_at_once(build, root):
    dataset = build()
    for error, message in _bad_files(root / 'npy'):
        with pytest.raises(error, match=message):
            dataset[1]
        assert dataset[0]['inputs'].shape == (3, WIDTH), 'the others are still there'
        with pytest.raises(error, match=rf"train\.lst, line 2: video 'two': .*{message}"):
            build(check_files=True)


def test_check_files_accepts_good_ones(build):
    assert len(build(check_files=True)) == 3


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ({'data_prefix': {'img': 'npy'}}, r'data_prefix must be dict\(feature=FOLDER\), got'),
        ({'feature_dim': 0}, 'feature_dim must be an integer of at least 1, got 0'),
    ],
)
def test_bad_arguments(build, option, message):
    with pytest.raises(ValueError, match=message):
        build(**option)
    with pytest.raises(FileNotFoundError, match='absent.lst'):
        build(count_file='absent.lst')
