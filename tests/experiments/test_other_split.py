from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmlt.experiments.other_split import test_overrides as overrides_of

ROOT = Path(__file__).parents[2]


def _dataset(split, **changes):
    pipeline = [dict(type=f'{split}Pipeline')]
    return dict(type='AVADataset', ann_file=f'{split}.csv', pipeline=pipeline, **changes)


def _config(train=None, test=None, evaluator=None):
    return {
        'train_dataloader': dict(dataset=train or _dataset('train'), batch_size=8),
        'test_dataloader': dict(dataset=test or _dataset('test'), batch_size=1),
        'test_evaluator': evaluator or dict(type='AVALongTailMetric', ann_file='test.csv'),
    }


def test_by_hand():
    assert overrides_of(_config(), 'train') == {
        'test_dataloader.dataset.ann_file': 'train.csv',
        'test_evaluator.ann_file': 'train.csv',
    }
    assert overrides_of(_config(), 'test') == {}


def test_every_file_of_the_data_is_exchanged():
    train = _dataset(
        'train',
        exclude_file='train_ex.csv',
        proposal_file='train.pkl',
        data_prefix=dict(img='frames/train', audio='same'),
        feature_dir='features/train',
        label_file='labels.pbtxt',
    )
    test = _dataset('test', exclude_file='test_ex.csv', proposal_file='test.pkl')
    test['data_prefix'] = dict(img='frames/test', audio='same')
    evaluator = dict(ann_file='test.csv', exclude_file='test_ex.csv', split_file='split.json')
    assert overrides_of(_config(train, test, evaluator), 'train') == {
        'test_dataloader.dataset.ann_file': 'train.csv',
        'test_dataloader.dataset.exclude_file': 'train_ex.csv',
        'test_dataloader.dataset.proposal_file': 'train.pkl',
        'test_dataloader.dataset.data_prefix.img': 'frames/train',
        'test_dataloader.dataset.data_prefix.audio': 'same',
        'test_dataloader.dataset.feature_dir': 'features/train',
        'test_evaluator.ann_file': 'train.csv',
        'test_evaluator.exclude_file': 'train_ex.csv',
    }


def test_a_file_that_the_split_lacks_is_taken_away():
    # proposals of the test split must not be looked up for training keyframes
    test = _dataset('test', proposal_file='test.pkl')
    found = overrides_of(_config(test=test), 'train')
    assert found['test_dataloader.dataset.proposal_file'] is None


def test_an_evaluator_without_annotations_gets_none():
    # accuracies need no file; a key that the metric does not know would be refused by it
    found = overrides_of(_config(evaluator=dict(type='AccMetric')), 'train')
    assert found == {'test_dataloader.dataset.ann_file': 'train.csv'}


def test_the_truth_of_val_is_that_of_its_evaluator():
    # cached features have no annotations of their own
    config = _config(test=dict(type='BoxFeatureDataset', feature_dir='features/test'))
    config['test_evaluator'].update(exclude_file='test_ex.csv')
    config['val_dataloader'] = dict(dataset=dict(config['test_dataloader']['dataset']))
    config['val_dataloader']['dataset']['feature_dir'] = 'features/val'
    config['val_evaluator'] = dict(type='AVALongTailMetric', ann_file='val.csv')
    assert overrides_of(config, 'val') == {
        'test_dataloader.dataset.feature_dir': 'features/val',
        'test_evaluator.ann_file': 'val.csv',
        'test_evaluator.exclude_file': None,  # val's names none
    }
    config['val_evaluator'].pop('ann_file')
    with pytest.raises(ValueError, match='val_evaluator names no ann_file, the ground truth of a'):
        overrides_of(config, 'val')
    config['train_dataloader'] = config['val_dataloader']
    with pytest.raises(ValueError, match=r'train_dataloader\.dataset names no ann_file'):
        overrides_of(config, 'train')


def _banked(split, place):
    pipeline = [dict(type='Resize'), dict(type='Pack')]
    pipeline.insert(place, dict(type='mmlt.LoadFeatureBank', bank_dir=f'bank/{split}'))
    return dict(type='AVADataset', ann_file=f'{split}.csv', pipeline=pipeline)


def test_the_feature_bank_is_exchanged():
    """Nobody of another split's videos is in a bank: all windows would be empty."""
    config = _config(_banked('train', 0), _banked('test', 1))
    config['tta_pipeline'] = _banked('test', 2)['pipeline']
    assert overrides_of(config, 'train') == {
        'test_dataloader.dataset.ann_file': 'train.csv',
        'test_dataloader.dataset.pipeline.1.bank_dir': 'bank/train',
        'tta_pipeline.2.bank_dir': 'bank/train',
        'test_evaluator.ann_file': 'train.csv',
    }
    config['train_dataloader']['dataset'] = _dataset('train')
    message = r'train_dataloader\.dataset has no LoadFeatureBank, and test_dataloader\..*\.1 is one'
    with pytest.raises(ValueError, match=message):
        overrides_of(config, 'train')


@pytest.mark.parametrize('split', ['train', 'val'])
def test_the_three_branches_are_tested_with_the_bank_of_the_split(split):
    config = Config.fromfile(ROOT / 'configs' / 'toy' / 'slowonly_toy_three_branch.py')
    config.merge_from_dict(overrides_of(config, split))
    for pipeline in (config.test_dataloader.dataset.pipeline, config.tta_pipeline):
        (step,) = (step for step in pipeline if step.type == 'mmlt.LoadFeatureBank')
        assert step.bank_dir.endswith(f'/bank/{split}') and step.test_mode


@pytest.mark.parametrize('split', ['train', 'val'])
def test_the_toy_config_is_tested_on_the_split(split):
    config = Config.fromfile(ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py')
    pipeline, label_file = config.test_dataloader.dataset.pipeline, config.test_evaluator.label_file
    config.merge_from_dict(overrides_of(config, split))
    dataset, evaluator = config.test_dataloader.dataset, config.test_evaluator
    for found in (dataset.ann_file, evaluator.ann_file):
        assert found == f'data/toy/ava/annotations/{split}.csv'
    for found in (dataset.exclude_file, evaluator.exclude_file):
        assert found == f'data/toy/ava/annotations/{split}_excluded_timestamps.csv'
    assert dataset.proposal_file == f'data/toy/ava/annotations/{split}_proposals.pkl'
    assert dataset.test_mode and dataset.pipeline == pipeline
    assert evaluator.label_file == label_file


def test_unknown_split():
    with pytest.raises(ValueError, match=r"one of train, val, test, got 'training'"):
        overrides_of(_config(), 'training')


@pytest.mark.parametrize('key', ['train_dataloader', 'test_dataloader', 'test_evaluator'])
def test_config_without_a_part(key):
    for without in ({key: None}, {}):
        config = {**_config(), **without}
        if not without:
            del config[key]
        with pytest.raises(ValueError, match=f'no {key}, which a test on train needs'):
            overrides_of(config, 'train')


def test_several_evaluators():
    with pytest.raises(ValueError, match='test_evaluator is a list; only one is supported'):
        overrides_of(_config(evaluator=[dict(type='A'), dict(type='B')]), 'train')


# ------------------------------------------------------------------------------ several datasets


def _loader(name, split, **changes):
    return dict(dataset=_dataset(f'{name}_{split}', **changes), batch_size=1)


def _cofinetune_config():
    """AVA, and clips whose metrics need no file."""
    clips = dict(data_prefix=dict(video='clips/test'))
    return {
        'train_dataloader': dict(
            dataset=dict(
                type='mmlt.CoFinetuneDataset',
                datasets=dict(
                    ava=_dataset('ava_train', proposal_file='ava_train.pkl'),
                    k400=_dataset('k400_train', data_prefix=dict(video='clips/train')),
                ),
            )
        ),
        'val_dataloader': dict(ava=_loader('ava', 'val'), k400=_loader('k400', 'val', **clips)),
        'val_evaluator': dict(ava=dict(type='A', ann_file='ava_val.csv'), k400=dict(type='B')),
        'test_dataloader': dict(ava=_loader('ava', 'test'), k400=_loader('k400', 'test', **clips)),
        'test_evaluator': dict(
            ava=dict(type='A', ann_file='ava_test.csv', exclude_file='ava_test_ex.csv'),
            k400=[dict(type='B'), dict(type='C')],
        ),
    }


def test_several_datasets_by_hand():
    config = _cofinetune_config()
    assert overrides_of(config, 'test') == {}
    assert overrides_of(config, 'train') == {
        'test_dataloader.ava.dataset.ann_file': 'ava_train.csv',
        'test_dataloader.ava.dataset.proposal_file': 'ava_train.pkl',
        'test_evaluator.ava.ann_file': 'ava_train.csv',
        'test_evaluator.ava.exclude_file': None,
        'test_dataloader.k400.dataset.ann_file': 'k400_train.csv',
        'test_dataloader.k400.dataset.data_prefix.video': 'clips/train',
    }
    assert overrides_of(config, 'val') == {
        'test_dataloader.ava.dataset.ann_file': 'ava_val.csv',
        'test_evaluator.ava.ann_file': 'ava_val.csv',
        'test_evaluator.ava.exclude_file': None,
        'test_dataloader.k400.dataset.ann_file': 'k400_val.csv',
    }


def test_each_metric_of_a_dataset_gets_the_ground_truth():
    config = _cofinetune_config()
    for split in ('val', 'test'):
        metric = config[f'{split}_evaluator']['ava']
        config[f'{split}_evaluator']['ava'] = [dict(type='AccMetric'), metric]
    found = overrides_of(config, 'val')
    assert found['test_evaluator.ava.1.ann_file'] == 'ava_val.csv'
    merged = Config(config)
    merged.merge_from_dict(found)
    assert merged.test_evaluator.ava[1].ann_file == 'ava_val.csv'


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_dataset_without_the_split(split):
    config = _cofinetune_config()
    datasets = {
        'train': config['train_dataloader']['dataset']['datasets'],
        'val': config['val_dataloader'],
    }
    del datasets[split]['k400']
    key = {'train': r'train_dataloader\.dataset\.datasets\.k400', 'val': r'val_dataloader\.k400'}
    with pytest.raises(ValueError, match=f'no {key[split]}.*, which a test on {split} needs'):
        overrides_of(config, split)


def test_a_dataset_without_ground_truth_of_the_split():
    config = _cofinetune_config()
    del config['val_evaluator']['ava']
    with pytest.raises(ValueError, match=r'val_evaluator\.ava names no ann_file'):
        overrides_of(config, 'val')
