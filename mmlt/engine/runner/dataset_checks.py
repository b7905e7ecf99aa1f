"""What can be wrong with the datasets and heads of a co-finetuning config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mmlt.engine.runner.label_checks import check_labels
from mmlt.functional.checks import check_choice
from mmlt.functional.sampling.dataset_schedule import STRATEGIES

_KEYS = (
    'train',
    'val',
    'test',
    'val_evaluator',
    'test_evaluator',
    'batch_size',
    'test_batch_size',
    'loss_weight',
    'head',
    'collate_fn',
)
_LOADER_KEYS = (
    'dataset',
    'sampler',
    'batch_sampler',
    'batch_size',
    'collate_fn',
    'num_batch_per_epoch',
)
_PER_DATASET_NORM = 'PerDatasetBatchNorm'


def check_config(config: Mapping[str, Any]) -> None:
    """Refuse, before anything is built, a config whose datasets and heads do not fit.

    Raises:
        ValueError: No dataset, a bad name, an unknown key, a dataset without data, evaluator, batch
            size or head, a head or batch norm statistics without dataset or that none trains,
            datasets of one head with different label maps or numbers of classes, labels that a head
            has no column for, a loader, an evaluator or a weight that is given twice, settings that
            do not go together.
    """
    datasets = config['datasets']
    if not isinstance(datasets, Mapping) or not datasets:
        raise ValueError(f'datasets must be a dict of at least one dataset, got {datasets!r}')
    model = config.get('model') or {}
    heads = model.get('heads')
    if not isinstance(heads, Mapping) or not heads:
        raise ValueError(
            "model.heads must be a dict of heads, as model=dict(type='mmlt.CoFinetuneModel', "
            f'heads=dict(...)), got {heads!r}'
        )
    for name, entry in datasets.items():
        _check_entry(name, entry, datasets)
        _check_head(name, entry, heads)
    _check_heads(datasets, heads)
    _check_norms(config)
    _check_given_twice(config)
    _check_settings(config)


def _check_entry(name: str, entry: Any, datasets: Mapping) -> None:
    where = f'datasets.{name}'
    if not re.fullmatch(r'[A-Za-z]\w*', name) or 'loss' in name:
        raise ValueError(
            f"{where}: a name is letters, digits and _, begins with a letter and has no 'loss' in "
            'it (mmengine adds up every logged value with loss in its name)'
        )
    if not isinstance(entry, Mapping):
        raise ValueError(f'{where} must be a dict, got {entry!r}')
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise ValueError(f'{where}.{unknown[0]} is unknown; it takes {", ".join(_KEYS)}')
    if not any(entry.get(part) for part in ('train', 'val', 'test')):
        raise ValueError(
            f'{where} is empty: it needs a train, val or test dataset (the datasets are '
            f'{", ".join(datasets)})'
        )
    for part in ('val', 'test'):
        if entry.get(part) and not entry.get(f'{part}_evaluator'):
            raise ValueError(f'{where}.{part} has no {part}_evaluator')
        if entry.get(f'{part}_evaluator') and not entry.get(part):
            raise ValueError(f'{where}.{part}_evaluator has no {part} dataset')
    for key, is_due in (('batch_size', entry.get('train')), ('test_batch_size', False)):
        size = entry.get(key)
        is_size = isinstance(size, int) and not isinstance(size, bool) and size >= 1
        if not is_size and (is_due or key in entry):
            raise ValueError(f'{where}.{key} must be a whole number of at least 1, got {size!r}')
    weight = entry.get('loss_weight', 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < 1e9:
        raise ValueError(f'{where}.loss_weight must be a number above 0, got {weight!r}')
    for part in ('train', 'val', 'test'):
        if entry.get(part):
            _check_pipeline(f'{where}.{part}', entry[part])


def _check_pipeline(where: str, dataset: Mapping) -> None:
    inner = dataset.get('dataset') or dataset.get('datasets')
    if inner:
        for each in [inner] if isinstance(inner, Mapping) else inner:
            _check_pipeline(where, each)
    elif not dataset.get('pipeline'):
        raise ValueError(f'{where} has no pipeline, at whose end the dataset is named')


def _check_head(name: str, entry: Mapping, heads: Mapping) -> None:
    head = entry.get('head', name)
    if head not in heads:
        asked = 'head' if 'head' in entry else 'the default, its own name'
        raise ValueError(
            f'datasets.{name} has no head: model.heads has no {head!r} ({asked}), only '
            f'{", ".join(heads)}'
        )


def _check_heads(datasets: Mapping, heads: Mapping) -> None:
    for head in heads:
        names = [name for name, entry in datasets.items() if entry.get('head', name) == head]
        if not names:
            raise ValueError(
                f'model.heads.{head} has no dataset: the datasets are {", ".join(datasets)}'
            )
        if any(e.get('train') for e in datasets.values()) and not any(
            datasets[name].get('train') for name in names
        ):
            raise ValueError(
                f'model.heads.{head} is trained by no dataset: {", ".join(names)} has no train'
            )
        check_labels(datasets, names, head, heads[head])


def _check_norms(config: Mapping) -> None:
    """Batch norms a dataset: each must be trained, and stay what they are."""
    model, datasets = config['model'], config['datasets']
    if not (model.get('per_dataset_batch_norm') or _PER_DATASET_NORM in str(model.get('backbone'))):
        return
    trained = [name for name, entry in datasets.items() if entry.get('train')]
    untrained = [name for name in datasets if name not in trained]
    if trained and untrained:
        raise ValueError(
            f'datasets.{untrained[0]} has no train: of its own batch norm statistics (mmlt.'
            f'{_PER_DATASET_NORM}) nothing would be learned; leave it to a model without them'
        )
    if config.get('sync_bn'):
        raise ValueError(
            f'sync_bn would replace the batch norms a dataset (model.per_dataset_batch_norm, mmlt.'
            f'{_PER_DATASET_NORM}): choose one'
        )


def _check_given_twice(config: Mapping) -> None:
    """What stands beside ``datasets`` and would have no effect, as inherited keys would."""
    advice = 'stands beside datasets, which say it: leave it out, or change datasets.NAME'
    for key in _LOADER_KEYS:
        if key in (config.get('train_dataloader') or {}):
            raise ValueError(f'train_dataloader.{key} {advice}')
    for part in ('val', 'test'):
        loader = config.get(f'{part}_dataloader') or {}
        names = [*config['datasets'], 'dataset']  # the latter is told below
        unknown = [key for key in loader if key not in names and _is_loader(loader[key])]
        if unknown:
            raise ValueError(
                f'{part}_dataloader.{unknown[0]} is no dataset: {", ".join(config["datasets"])}'
            )
        for where in ('', *config['datasets']):
            if 'dataset' in ((loader.get(where) or {}) if where else loader):
                dotted = f'{part}_dataloader.{where}.dataset'.replace('..', '.')
                raise ValueError(f'{dotted} {advice}.{part}')
        for where in config['datasets']:  # a metric that is inherited whole is replaced
            if where in (config.get(f'{part}_evaluator') or {}):
                raise ValueError(f'{part}_evaluator.{where} {advice}.{part}_evaluator')
    for key, own in (('dataset_heads', 'head'), ('loss_weights', 'loss_weight')):
        if config['model'].get(key):
            raise ValueError(f'model.{key} {advice}.{own}')


def _is_loader(value: Any) -> bool:
    """Settings of a loader have a type or are no dicts."""
    return isinstance(value, Mapping) and 'type' not in value


def _check_settings(config: Mapping) -> None:
    schedule = config.get('dataset_schedule') or {}
    unknown = [key for key in schedule if key not in ('strategy', 'alpha')]
    if unknown:
        raise ValueError(f'dataset_schedule.{unknown[0]} is unknown; it takes strategy, alpha')
    strategy = schedule.get('strategy', 'weighted')
    check_choice('dataset_schedule.strategy', strategy, STRATEGIES)
    if ('alpha' in schedule) != (strategy == 'temperature'):
        has = f'alpha={schedule["alpha"]!r}' if 'alpha' in schedule else 'no alpha'
        raise ValueError(
            f"dataset_schedule has strategy {strategy!r} and {has}: 'temperature' needs one (1 is "
            "'weighted', 0 as many samples of each dataset), the others take none"
        )
    checkpoint = (config.get('default_hooks') or {}).get('checkpoint') or {}
    if checkpoint.get('save_best') == 'auto':
        raise ValueError(
            "default_hooks.checkpoint.save_best='auto': of which dataset? Name a metric and its "
            "rule, such as save_best='ava/mSAP', rule='greater'"
        )
    if len(config['model']['heads']) == 1:
        return
    wrapper = config.get('model_wrapper_cfg') or {}
    for where, holder in (('', config), ('model_wrapper_cfg.', wrapper)):
        if holder.get('find_unused_parameters') is False:
            raise ValueError(
                f'{where}find_unused_parameters=False: a step uses one head, and the ranks would '
                'wait for the others for ever; leave it out'
            )
    if wrapper.get('static_graph'):
        raise ValueError(
            'model_wrapper_cfg.static_graph=True: the heads in use differ from step to step; '
            'leave it out'
        )
