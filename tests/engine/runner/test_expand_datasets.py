from __future__ import annotations

import pytest
from mmengine.config import Config

from mmlt.engine.runner.expand_datasets import expand_datasets, read_config

NAME = {'type': 'mmlt.SetDatasetName'}


def _expanded(config):
    expand_datasets(config)
    return config


def test_one_loader_for_the_training(config):
    loader = _expanded(config).train_dataloader
    assert loader.num_workers == 2
    assert loader.sampler == {
        'type': 'mmlt.CoFinetuneSampler',
        'batch_sizes': {'ava': 8, 'k400': 16},
        'strategy': 'weighted',
    }
    assert loader.batch_sampler == {'type': 'mmlt.CoFinetuneBatchSampler'}
    assert loader.dataset.type == 'mmlt.CoFinetuneDataset'
    assert loader.dataset.datasets.ava.num_classes == 81
    assert loader.dataset.datasets.k400.ann_file == 'k400_train.txt'
    assert 'datasets' not in config and 'dataset_schedule' not in config


def test_samples_get_their_name_at_the_end_of_every_pipeline(config):
    config = _expanded(config)
    for datasets in (
        config.train_dataloader.dataset.datasets,
        {name: loader.dataset for name, loader in config.val_dataloader.items()},
        {name: loader.dataset for name, loader in config.test_dataloader.items()},
    ):
        for name, dataset in datasets.items():
            assert dataset.pipeline == [{'type': 'Pack'}, {**NAME, 'name': name}]


def test_a_wrapped_dataset_is_named_inside(config):
    inner = config.datasets.k400.train
    config.datasets.k400.train = {'type': 'RepeatDataset', 'times': 2, 'dataset': inner}
    inner = config.datasets.ava.train
    config.datasets.ava.train = {'type': 'ConcatDataset', 'datasets': [inner, dict(inner)]}
    datasets = _expanded(config).train_dataloader.dataset.datasets
    assert datasets.k400.dataset.pipeline[-1] == {**NAME, 'name': 'k400'}
    assert [d.pipeline[-1] for d in datasets.ava.datasets] == [{**NAME, 'name': 'ava'}] * 2
    assert 'pipeline' not in datasets.k400


def test_validation_and_test_by_dataset(config):
    config = _expanded(config)
    assert set(config.val_dataloader) == {'ava', 'k400'}
    assert set(config.test_dataloader) == {'k400'}, 'ava has no test'
    assert config.val_dataloader.ava.num_workers == 1
    assert config.val_dataloader.k400.num_workers == 3, 'its own'
    assert config.val_dataloader.ava.batch_size == 1
    assert config.val_dataloader.k400.batch_size == config.test_dataloader.k400.batch_size == 4
    assert config.val_dataloader.ava.sampler == {'type': 'DefaultSampler', 'shuffle': False}
    assert config.val_evaluator.ava == {'type': 'mmlt.AVALongTailMetric'}
    assert config.test_evaluator == {'k400': {'type': 'AccMetric'}}
    assert config.val_cfg == {'type': 'mmlt.MultiDatasetValLoop'}
    assert config.test_cfg == {'type': 'mmlt.MultiDatasetTestLoop'}


def test_what_is_of_one_dataset_goes_before_what_all_share(config):
    config.datasets.k400.collate_fn = {'type': 'default_collate'}
    config.val_dataloader = {'batch_size': 2, 'collate_fn': {'type': 'pseudo_collate'}}
    loaders = _expanded(config).val_dataloader
    assert (loaders.ava.batch_size, loaders.k400.batch_size) == (2, 4)
    assert loaders.ava.collate_fn.type == 'pseudo_collate'
    assert loaders.k400.collate_fn.type == 'default_collate'


def test_nothing_to_test(config):
    for key in ('test', 'test_evaluator'):
        del config.datasets.k400[key]
    config = _expanded(config)
    assert config.test_dataloader is config.test_evaluator is config.test_cfg is None


def test_a_loop_of_ones_own_stays(config):
    config.val_cfg = {'type': 'my.Loop', 'fp16': True}
    config.test_cfg = {'fp16': True}
    config = _expanded(config)
    assert config.val_cfg == {'type': 'my.Loop', 'fp16': True}
    assert config.test_cfg == {'type': 'mmlt.MultiDatasetTestLoop', 'fp16': True}


def test_model_and_ranks(config):
    config.datasets.kbox = dict(config.datasets.ava, head='ava')
    config = _expanded(config)
    assert config.model.dataset_heads == {'ava': 'ava', 'k400': 'k400', 'kbox': 'ava'}
    assert config.model.loss_weights == {'ava': 1.0, 'k400': 0.5, 'kbox': 1.0}
    assert config.find_unused_parameters is True


def test_one_head_has_no_unused_parameters(config):
    del config.datasets['k400'], config.model.heads['k400'], config.val_dataloader['k400']
    assert 'find_unused_parameters' not in _expanded(config)


def test_a_wrapper_of_ones_own_finds_unused_parameters(config):
    config.model_wrapper_cfg = {'type': 'MMDistributedDataParallel'}
    assert _expanded(config).model_wrapper_cfg.find_unused_parameters is True


def test_a_wrapper_that_does_not_look_for_them_is_not_told_to(config):
    config.model_wrapper_cfg = {'type': 'MMFullyShardedDataParallel'}
    assert _expanded(config).model_wrapper_cfg == {'type': 'MMFullyShardedDataParallel'}


def test_schedule_and_collate(config):
    config.dataset_schedule = {'strategy': 'temperature', 'alpha': 0.5}
    config.datasets.k400.collate_fn = {'type': 'default_collate'}
    config = _expanded(config)
    assert config.train_dataloader.sampler.strategy == 'temperature'
    assert config.train_dataloader.sampler.alpha == 0.5
    collate = config.train_dataloader.collate_fn
    assert collate.type == 'mmlt.collate_by_dataset'
    assert collate.collate_fns == {'k400': {'type': 'default_collate'}}
    assert config.val_dataloader.k400.collate_fn == {'type': 'default_collate'}
    assert 'collate_fn' not in config.val_dataloader.ava


def test_a_second_time_changes_nothing(config):
    once = _expanded(config).to_dict()
    assert _expanded(Config(once)).to_dict() == once


def test_a_config_without_datasets_is_left_alone():
    config = Config({'model': {'type': 'Recognizer3D'}})
    assert _expanded(config).to_dict() == {'model': {'type': 'Recognizer3D'}}


# ------------------------------------------------ tools that merge before the expansion


def test_no_validate_before(config):
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config = _expanded(config)
    assert config.val_cfg is config.val_dataloader is config.val_evaluator is None
    assert config.test_cfg is not None


def test_dump_before(config):
    dump = {'type': 'DumpResults', 'out_file_path': 'x.pkl'}
    config.test_evaluator = [{}, dump]
    assert _expanded(config).test_evaluator == [{'k400': {'type': 'AccMetric'}}, dump]


# ------------------------------------------------------------------------------- read_config


def test_options_of_datasets_come_first(config, tmp_path):
    path = tmp_path / 'config.py'
    config.dump(path)
    options = {
        'datasets.k400.batch_size': 2,
        'dataset_schedule.strategy': 'alternating',
        'train_dataloader.num_workers': 0,
        'val_dataloader.num_workers': 7,
        'model.heads.k400.num_classes': 9,
        'val_dataloader.k400.batch_size': 5,
    }
    found, left = read_config(str(path), options)
    assert found.train_dataloader.sampler.batch_sizes == {'ava': 8, 'k400': 2}
    assert found.train_dataloader.sampler.strategy == 'alternating'
    assert found.val_dataloader.ava.num_workers == 7, 'of all'
    assert left == {'train_dataloader.num_workers': 0, 'val_dataloader.k400.batch_size': 5}
    found.merge_from_dict(left)  # as the tools do
    assert found.train_dataloader.num_workers == 0
    assert found.val_dataloader.k400.batch_size == 5
    assert read_config(str(path), None)[1] is None


def test_other_configs_are_read_as_they_are(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text("datasets = ['a']  # a variable\nmodel = dict(type='Recognizer3D')\n")
    found, left = read_config(str(path), {'datasets.0': 'b'})
    assert found.model.type == 'Recognizer3D' and left == {'datasets.0': 'b'}
    assert found.datasets == ['a']


def test_an_error_names_the_config(config, tmp_path):
    path = tmp_path / 'config.py'
    config.dump(path)
    with pytest.raises(ValueError, match=r'config.py: datasets.k400.batch_size must be .* got 0'):
        read_config(str(path), {'datasets.k400.batch_size': 0})
