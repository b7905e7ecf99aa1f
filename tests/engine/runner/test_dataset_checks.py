from __future__ import annotations

import pytest

from mmlt.engine.runner.dataset_checks import check_config


def _refused(config, message):
    with pytest.raises(ValueError, match=message):
        check_config(config)


def test_a_config_that_fits(config):
    check_config(config)
    assert set(config.datasets) == {'ava', 'k400'}


def test_a_dataset_without_a_head(config):
    config.datasets.mit = dict(config.datasets.k400)
    _refused(config, "datasets.mit has no head: model.heads has no 'mit' .* only ava, k400")
    config.datasets.mit.head = 'm'
    _refused(config, r"datasets.mit has no head: model.heads has no 'm' \(head\)")


def test_a_head_without_a_dataset(config):
    config.model.heads.mit = {'type': 'I3DHead'}
    _refused(config, 'model.heads.mit has no dataset: the datasets are ava, k400')


def test_a_head_that_nothing_trains(config):
    del config.datasets.k400['train']
    _refused(config, 'model.heads.k400 is trained by no dataset: k400 has no train')


def test_no_datasets_and_no_heads(config):
    config.datasets = {}
    _refused(config, 'datasets must be a dict of at least one dataset')


def test_no_heads(config):
    config.model.heads = {}
    _refused(config, r'model.heads must be a dict of heads')


@pytest.mark.parametrize('name', ['a.b', 'a/b', '1st', 'floss', 'keys-x'])
def test_names(config, name):
    config.datasets[name] = dict(config.datasets.k400)
    _refused(config, 'a name is letters, digits and _')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'batch': 3}, r'datasets.k400.batch is unknown; it takes train, val, test'),
        ({'train': None, 'val': None, 'test': None}, 'datasets.k400 is empty: it needs a train'),
        ({'val_evaluator': None}, 'datasets.k400.val has no val_evaluator'),
        ({'test': None}, 'datasets.k400.test_evaluator has no test dataset'),
        ({'batch_size': None}, 'datasets.k400.batch_size must be .* got None'),
        ({'batch_size': True}, 'datasets.k400.batch_size must be .* got True'),
        ({'test_batch_size': 0}, 'datasets.k400.test_batch_size must be .* got 0'),
        ({'loss_weight': 0}, 'datasets.k400.loss_weight must be a number above 0, got 0'),
        ({'train': {'pipeline': []}}, 'datasets.k400.train has no pipeline'),
    ],
)
def test_entries(config, change, message):
    config.datasets.k400.update(change)
    _refused(config, message)


def test_a_misspelt_dataset_among_the_options(config):
    config.merge_from_dict({'datasets.k40.loss_weight': 0.5})
    _refused(config, r'datasets.k40 is empty: .* \(the datasets are ava, k400, k40\)')


@pytest.mark.parametrize('part', ['val', 'test'])
def test_a_misspelt_dataset_among_the_loaders(config, part):
    config[f'{part}_dataloader'] = {'num_workers': 1, 'sampler': {'type': 'x'}, 'ava': {}}
    check_config(config)
    config[f'{part}_dataloader'].k40 = {'num_workers': 1}
    _refused(config, f'{part}_dataloader.k40 is no dataset: ava, k400')


def test_the_best_checkpoint_of_many_metrics(config):
    config.default_hooks = {'checkpoint': {'save_best': 'auto'}}
    _refused(config, "default_hooks.checkpoint.save_best='auto': of which dataset")


def test_an_entry_that_is_no_dict(config):
    config.datasets.k400 = None
    _refused(config, 'datasets.k400 must be a dict, got None')


# ---------------------------------------------------------------------------------- settings


def test_settings_of_the_schedule(config):
    config.dataset_schedule = {'strategy': 'random'}
    _refused(config, "dataset_schedule.strategy must be one of 'weighted'.* got 'random'")
    config.dataset_schedule = {'strategy': 'temperature'}
    _refused(config, "strategy 'temperature' and no alpha: 'temperature' needs one")
    config.dataset_schedule = {'strategy': 'alternating', 'alpha': 0.5}
    _refused(config, "strategy 'alternating' and alpha=0.5: .* the others take none")
    config.dataset_schedule = {'temperature': 2}
    _refused(config, 'dataset_schedule.temperature is unknown; it takes strategy, alpha')


@pytest.mark.parametrize('key', ['dataset', 'sampler', 'batch_size', 'num_batch_per_epoch'])
def test_a_loader_that_is_given_twice(config, key):
    config.train_dataloader[key] = 1
    _refused(config, f'train_dataloader.{key} stands beside datasets')


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('val_evaluator', {'k400': {'topk': 5}}, r'val_evaluator.k400 stands .*NAME.val_evaluator'),
        ('test_evaluator', {'ava': None}, r'test_evaluator.ava stands .*NAME.test_evaluator'),
        ('val_dataloader', {'dataset': {'a': 1}}, r'val_dataloader.dataset stands .*NAME.val$'),
        ('test_dataloader', {'k400': {'dataset': {}}}, r'test_dataloader.k400.dataset stands'),
    ],
)
def test_what_would_have_no_effect(config, key, value, message):
    config[key] = value
    _refused(config, message)


@pytest.mark.parametrize('key', ['dataset_heads', 'loss_weights'])
def test_what_the_model_is_told_by_the_datasets(config, key):
    config.model[key] = {'ava': 'k400'}
    _refused(config, f'model.{key} stands beside datasets, which say it')


BATCH_NORMS = [
    {'per_dataset_batch_norm': True},
    {'backbone': {'norm_cfg': {'type': 'mmlt.PerDatasetBatchNorm', 'dataset_names': ['a']}}},
]


@pytest.mark.parametrize('norms', BATCH_NORMS)
def test_batch_norm_over_ranks_and_a_dataset(config, norms):
    config.sync_bn = 'torch'
    check_config(config)
    config.model.update(norms)
    _refused(config, r'sync_bn would replace the batch norms a dataset')


@pytest.mark.parametrize('norms', BATCH_NORMS)
def test_batch_norm_statistics_that_nothing_trains(config, norms):
    config.datasets.kbox = {**config.datasets.ava, 'train': None, 'head': 'ava'}
    check_config(config)
    config.model.update(norms)
    _refused(config, 'datasets.kbox has no train: of its own batch norm statistics')
    for entry in config.datasets.values():
        entry.train = None
    check_config(config)  # a config for tests


def test_unused_parameters_must_be_found(config):
    config.find_unused_parameters = False
    _refused(config, '^find_unused_parameters=False: a step uses one head')
    config.pop('find_unused_parameters')
    config.model_wrapper_cfg = {'find_unused_parameters': False}
    _refused(config, '^model_wrapper_cfg.find_unused_parameters=False')
    config.model_wrapper_cfg = {'static_graph': True}
    _refused(config, '^model_wrapper_cfg.static_graph=True: the heads in use differ')
    del config.datasets['k400'], config.model.heads['k400'], config.val_dataloader['k400']
    check_config(config)  # one head, always in use
