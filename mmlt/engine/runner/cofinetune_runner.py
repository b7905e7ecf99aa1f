"""mmengine's runner for one model and many datasets."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from mmengine.config import Config, ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from mmlt.engine.runner.expand_datasets import expand_datasets
from mmlt.registry import RUNNERS


@RUNNERS.register_module()
class CoFinetuneRunner(Runner):
    """mmengine's ``Runner``, built from ``datasets`` and ``model.heads``, tied by their keys.

    ::

        runner_type = 'mmlt.CoFinetuneRunner'
        datasets = dict(
            ava=dict(train=..., val=..., test=..., val_evaluator=..., test_evaluator=...,
                     batch_size=8),
            k400=dict(train=..., batch_size=8, loss_weight=0.5))
        dataset_schedule = dict(strategy='weighted')
        model = dict(
            type='mmlt.CoFinetuneModel', backbone=..., heads=dict(ava=..., k400=...))
        train_dataloader = dict(num_workers=8, persistent_workers=True)

    A dataset is a dict with

    - ``train``, ``val``, ``test``: configs of datasets, at least one;
    - ``val_evaluator``, ``test_evaluator``: config of a metric or a list, where there is data;
    - ``batch_size``: samples of a training step on one rank; ``test_batch_size``: 1 by default;
    - ``loss_weight``: factor on its losses, 1 by default;
    - ``head``: key in ``model.heads``, by default its own; two datasets may share one;
    - ``collate_fn``: by default mmengine's.

    ``dataset_schedule`` takes ``strategy`` and ``alpha``, see
    :func:`mmlt.functional.dataset_schedule`. Loaders hold what all datasets share, and under a
    dataset's name what it has of its own.

    The config is expanded into mmengine's standard keys
    (:func:`mmlt.engine.runner.expand_datasets.expand_datasets`); the train loop is mmengine's
    ``EpochBasedTrainLoop``, for one loader is one epoch: the sum of the datasets.

    Reference:
        Arnab et al., "Beyond Transfer Learning: Co-finetuning for Action Localisation", 2022,
        section 3.2.
    """

    @classmethod
    def from_cfg(cls, cfg: dict | Config | ConfigDict) -> CoFinetuneRunner:
        """Build from a config, expanded or not.

        One that is for tests alone, without ``train_cfg`` and ``optim_wrapper``, may keep what its
        datasets have for the training.

        Raises:
            ValueError: Datasets and heads do not fit.
        """
        cfg = copy.deepcopy(cfg)
        if 'datasets' not in cfg:
            if 'dataset_heads' not in (cfg.get('model') or {}):
                raise ValueError(
                    "runner_type='mmlt.CoFinetuneRunner' needs datasets=dict(NAME=...)"
                )
            if 'dataset_schedule' in cfg:
                raise ValueError(
                    f'dataset_schedule={cfg["dataset_schedule"]} has no effect on a config that is '
                    'expanded already: change train_dataloader.sampler'
                )
        expand_datasets(cfg)
        if cfg.get('train_cfg') is None and cfg.get('optim_wrapper') is None:
            cfg['train_dataloader'] = None
        return super().from_cfg(cfg)

    def scale_lr(self, optim_wrapper: OptimWrapper, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rate by the batch size, where there is but one.

        Raises:
            ValueError: ``auto_scale_lr`` is on and the datasets have different batch sizes.
        """
        if auto_scale_lr and auto_scale_lr.get('enable'):
            _check_one_batch_size(self.train_dataloader.batch_sampler.sampler.batch_sizes)
        super().scale_lr(optim_wrapper, auto_scale_lr)


def _check_one_batch_size(sizes: Mapping[str, int]) -> None:
    if len(set(sizes.values())) > 1:
        listed = ', '.join(f'{name} {size}' for name, size in sizes.items())
        raise ValueError(
            f'auto_scale_lr needs one batch size, the datasets have several ({listed}): set the '
            'learning rate yourself'
        )
