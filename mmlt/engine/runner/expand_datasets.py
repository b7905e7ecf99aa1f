"""A co-finetuning config in mmengine's own keys.

``datasets`` says dataset by dataset what mmengine wants to know loader by loader.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from mmengine.config import Config

from mmlt.engine.runner.dataset_checks import check_config

_PARTS = ('val', 'test')
_OF_A_TEST = {'batch_size': 'test_batch_size', 'collate_fn': 'collate_fn'}  # key of the loader
_EARLY_KEYS = ('datasets', 'dataset_schedule', 'model')  # what the expansion checks


def read_config(
    path: str, options: Mapping[str, Any] | None
) -> tuple[Config, dict[str, Any] | None]:
    """Read a config for a tool that goes on to merge its options; a co-finetuning one is expanded.

    Args:
        path: Of the config.
        options: Dotted key -> value (``--cfg-options``). Those of ``datasets``,
            ``dataset_schedule`` and ``model``, and those of all loaders of val or test, are merged
            before the expansion.

    Returns:
        The config, and the options that are still to be merged.
    """
    config = Config.fromfile(path)
    is_cofinetuning = 'runner_type' in config or 'heads' in (config.get('model') or {})
    if 'datasets' not in config or not is_cofinetuning:
        return config, options
    options = dict(options or {})
    early = [key for key in options if _comes_early(key, config['datasets'])]
    own = {key: options.pop(key) for key in early}
    config.merge_from_dict(own)
    try:
        expand_datasets(config)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    return config, options or None


def _comes_early(key: str, datasets: Mapping[str, Any]) -> bool:
    first, *rest = key.split('.')
    is_loader = first in ('val_dataloader', 'test_dataloader')
    return first in _EARLY_KEYS or (is_loader and bool(rest) and rest[0] not in datasets)


def expand_datasets(config: MutableMapping[str, Any]) -> None:
    """Replace ``datasets`` and ``dataset_schedule`` by the loaders, evaluators and loops they mean.

    Afterwards the config has mmengine's standard keys, and mmaction2's tools merge their options
    into them as into any other config's:

    - ``train_dataloader``: one loader over all datasets, see ``mmlt.CoFinetuneSampler``;
    - ``val_dataloader``, ``val_evaluator``, ``test_dataloader``, ``test_evaluator``: name -> loader
      or evaluator, for ``mmlt.MultiDatasetValLoop`` and ``mmlt.MultiDatasetTestLoop``;
    - ``model.dataset_heads``, ``model.loss_weights``; ``find_unused_parameters=True`` where there
      is more than one head;
    - at the end of each pipeline, ``mmlt.SetDatasetName``.

    What stood in the loaders before is for all datasets, or, under a dataset's name, for that one.
    ``val_cfg=None`` (``tools/train.py --no-validate``) stays. A config without ``datasets`` is left
    alone.

    Args:
        config: A ``Config`` or dict; it is changed.

    Raises:
        ValueError: See :func:`mmlt.engine.runner.dataset_checks.check_config`.
    """
    if 'datasets' not in config:
        return
    check_config(config)
    datasets = config.pop('datasets')
    schedule = config.pop('dataset_schedule', None) or {'strategy': 'weighted'}
    _expand_train(config, datasets, schedule)
    for part in _PARTS:
        _expand_part(config, datasets, part)
    _expand_model(config, datasets)


def _expand_train(config: MutableMapping, datasets: Mapping, schedule: Mapping) -> None:
    trained = {name: entry for name, entry in datasets.items() if entry.get('train')}
    if not trained:
        return
    batch_sizes = {name: entry['batch_size'] for name, entry in trained.items()}
    loader = {
        **(config.get('train_dataloader') or {}),
        'batch_size': max(batch_sizes.values()),
        'sampler': {'type': 'mmlt.CoFinetuneSampler', 'batch_sizes': batch_sizes, **schedule},
        'batch_sampler': {'type': 'mmlt.CoFinetuneBatchSampler'},
        'dataset': {
            'type': 'mmlt.CoFinetuneDataset',
            'datasets': {name: _named(entry['train'], name) for name, entry in trained.items()},
        },
    }
    collate_fns = {n: entry['collate_fn'] for n, entry in trained.items() if 'collate_fn' in entry}
    if collate_fns:
        loader['collate_fn'] = {'type': 'mmlt.collate_by_dataset', 'collate_fns': collate_fns}
    config['train_dataloader'] = loader


def _expand_part(config: MutableMapping, datasets: Mapping, part: str) -> None:
    """Loaders, evaluators and loop of val or test; all None where no dataset has the part."""
    loader_key, evaluator_key, loop_key = f'{part}_dataloader', f'{part}_evaluator', f'{part}_cfg'
    judged = {name: entry for name, entry in datasets.items() if entry.get(part)}
    is_off = loop_key in config and config[loop_key] is None
    if is_off or not judged:
        config.update({loader_key: None, evaluator_key: None, loop_key: None})
        return
    given = config.get(loader_key) or {}
    shared = {key: value for key, value in given.items() if key not in datasets}
    loaders, evaluators = {}, {}
    for name, entry in judged.items():
        loaders[name] = {
            'batch_size': 1,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            **shared,
            **{key: entry[own] for key, own in _OF_A_TEST.items() if own in entry},
            **(given.get(name) or {}),
            'dataset': _named(entry[part], name),
        }
        evaluators[name] = entry[f'{part}_evaluator']
    config[loader_key] = loaders
    config[evaluator_key] = _with_dump(config.get(evaluator_key), evaluators)
    loop = dict(config.get(loop_key) or {})
    if loop.get('type', 'ValLoop') in ('ValLoop', 'TestLoop'):  # mmengine's own, inherited
        loop['type'] = f'mmlt.MultiDataset{part.capitalize()}Loop'
    config[loop_key] = loop


def _with_dump(given: Any, evaluators: dict) -> Any:
    """What ``tools/test.py --dump`` has put beside an evaluator that was not there yet stays."""
    if isinstance(given, (list, tuple)):
        return [evaluators, *(each for each in given if each)]
    return evaluators


def _expand_model(config: MutableMapping, datasets: Mapping) -> None:
    heads = {name: entry.get('head', name) for name, entry in datasets.items()}
    weights = {name: entry.get('loss_weight', 1.0) for name, entry in datasets.items()}
    config['model'].update(dataset_heads=heads, loss_weights=weights)
    if len(config['model']['heads']) > 1:
        config['find_unused_parameters'] = True
        wrapper = config.get('model_wrapper_cfg') or {}
        if 'DistributedDataParallel' in str(wrapper.get('type')):  # another may not take it
            wrapper.setdefault('find_unused_parameters', True)


def _named(dataset: Mapping, name: str) -> dict:
    """A dataset's config whose samples say its name; looks into wrappers such as RepeatDataset."""
    dataset = dict(dataset)
    if 'dataset' in dataset:
        dataset['dataset'] = _named(dataset['dataset'], name)
    elif 'datasets' in dataset:
        dataset['datasets'] = [_named(each, name) for each in dataset['datasets']]
    else:
        steps = list(dataset['pipeline'])
        dataset['pipeline'] = [*steps, {'type': 'mmlt.SetDatasetName', 'name': name}]
    return dataset
