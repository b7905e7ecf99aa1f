"""Train a part of a model and keep the rest, statistics included, as it is."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parallel import DistributedDataParallel

from mmlt.engine.state_names import as_patterns, check_each_covers, is_covered
from mmlt.registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Freeze what the patterns name: no gradients, statistics kept, dropout off.

    Only ``requires_grad`` and the mode of modules change, so the optimizer's parameter groups, EMA
    and checkpoints stay whole and a run may be resumed with or without the hook. Stage 2 of
    two-stage training, everything but the classifier::

        dict(type='mmlt.FreezeHook', frozen='*', trained='roi_head.bbox_head.fc_cls')

    A module stays in evaluation mode if all parameters and all statistics of normalisation in it
    are frozen. One without any (dropout, a loss) goes with the module that holds it: dropout in the
    backbone is off, dropout beside a trained classifier is on, and its loss may go on counting.

    Args:
        frozen: Patterns over the names of parameters and statistics (``'backbone'``,
            ``'neck.*.bn'``, ``'*'``), see :mod:`mmlt.engine.state_names`.
        trained: Patterns of what stays trained although ``frozen`` covers it. What the model has
            frozen by itself (``frozen_stages``) is not thawed.

    Raises:
        ValueError: before the run, if a pattern covers nothing or nothing would be left to train.
        TypeError: if the model is wrapped in something else than DistributedDataParallel.

    Differs from reference: mmaction2's ``frozen_stages`` does the like for the first stages of some
    backbones, when the model is built; this hook serves any part of any model. The ranks' wrapper
    exists before any hook, and with parameters frozen later would wait for their gradients
    ("Expected to have finished reduction"), so the hook wraps the model anew.
    """

    # first of all: in before_run nobody has seen the old wrapper yet, EMAHook included
    priority = 'HIGHEST'

    def __init__(self, frozen: str | Sequence[str], trained: str | Sequence[str] = ()) -> None:
        self.frozen = as_patterns('frozen', frozen)
        self.trained = as_patterns('trained', trained)
        if not self.frozen:
            raise ValueError('frozen holds no pattern: leave FreezeHook out to train everything')
        self._modules = []  # in evaluation mode all the time
        self._parameters = []

    def before_run(self, runner: Runner) -> None:
        """Freeze, and let the ranks' wrapper know only what is trained."""
        if not isinstance(runner._train_loop, BaseLoop):
            return  # a run of validation or testing: nothing is trained
        module = runner.model
        if is_model_wrapper(module):
            _check_wrapper(module)
            module = module.module
        names = self._frozen_names(module)
        frozen_anew = self._freeze_parameters(module, names)
        if frozen_anew and is_model_wrapper(runner.model):
            _wrap_anew(runner)
            module = runner.model.module
        # after wrapping, which may put SyncBatchNorm in place of modules
        self._modules = frozen_modules(module, names)
        self._keep_frozen()
        sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
        runner.logger.info(
            f'FreezeHook: {sum(size for size, trained in sizes if trained):,} of '
            f'{sum(size for size, _ in sizes):,} weights are trained, '
            f'{len(self._modules)} modules stay in evaluation mode.'
        )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Freeze again what ``model.train()`` has thawed, at each epoch and after validation."""
        self._keep_frozen()

    def _frozen_names(self, module: nn.Module) -> set[str]:
        """Names of what is frozen; a tensor with several names is if all of them are."""
        named = _named_state(module)
        names = [name for name, _ in named]
        check_each_covers('frozen', self.frozen, names)
        check_each_covers('trained', self.trained, names)
        frozen = {
            name
            for name in names
            if is_covered(name, self.frozen) and not is_covered(name, self.trained)
        }
        kept_by_another_name = {tensor for name, tensor in named if name not in frozen}
        return {name for name, tensor in named if tensor not in kept_by_another_name}

    def _freeze_parameters(self, module: nn.Module, names: set[str]) -> bool:
        """Freeze the named parameters; return whether one of them was trained before."""
        named = list(module.named_parameters())
        self._parameters = [parameter for name, parameter in named if name in names]
        if not any(parameter.requires_grad for name, parameter in named if name not in names):
            raise ValueError(
                f'frozen={list(self.frozen)} with trained={list(self.trained)} leaves no '
                'parameter to train: name in trained what is to be trained'
            )
        frozen_anew = any(parameter.requires_grad for parameter in self._parameters)
        for parameter in self._parameters:
            parameter.requires_grad_(False)
            parameter.grad = None  # an optimizer would go on applying it
        return frozen_anew

    def _keep_frozen(self) -> None:
        for parameter in self._parameters:
            if parameter.requires_grad:
                parameter.requires_grad_(False)
        for module in self._modules:
            module.training = False  # train(False) would pass on to all below, each time


def frozen_modules(model: nn.Module, frozen_names: set[str]) -> list[nn.Module]:
    """The modules of the model in which everything is frozen, as :class:`FreezeHook` defines it.

    Args:
        model: Any module.
        frozen_names: Names of its frozen parameters and statistics.
    """
    found = []

    def visit(module, prefix, with_parent):
        names = [name for name, _ in _named_state(module)]
        frozen = all(prefix + name in frozen_names for name in names) if names else with_parent
        if frozen:
            found.append(module)
        for name, child in module.named_children():
            visit(child, f'{prefix}{name}.', frozen)

    visit(model, '', False)
    return found


def _named_state(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters and statistics of normalisation, a shared one under each of its names."""
    named = list(module.named_parameters(remove_duplicate=False))
    for prefix, layer in module.named_modules(remove_duplicate=False):
        if isinstance(layer, _NormBase):
            named += layer.named_buffers(prefix)
    return named


def _check_wrapper(model: nn.Module) -> None:
    """Refuse wrappers that hold parameters in another way (sharded, one wrapper a submodule)."""
    if not isinstance(model, DistributedDataParallel) or not hasattr(model, 'reducer'):
        raise TypeError(
            f'FreezeHook works without a wrapper or with DistributedDataParallel, but the model is '
            f'wrapped in {type(model).__name__}: change model_wrapper_cfg'
        )


def _wrap_anew(runner: Runner) -> None:
    """Put a new wrapper, of the same config, in place of the runner's."""
    runner.model = runner.model.module
    gc.collect()  # the old wrapper is in cycles; with it go its buckets and its hooks on gradients
    runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), runner.model)
