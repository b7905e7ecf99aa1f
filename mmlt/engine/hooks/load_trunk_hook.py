"""Start from another run's trunk, strictly, with a part of the model made anew."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mmlt.engine.state_names import as_patterns, check_each_covers, is_covered
from mmlt.registry import HOOKS
from mmlt.weights_only import read_weights

_NUM_LISTED = 10  # names of one kind in an error
_STARTS = ('own', 'zero')


@HOOKS.register_module()
class LoadTrunkHook(Hook):
    """Load all weights but those of the part that is made anew; see :func:`load_trunk`.

    Stage 2 of two-stage training, a trunk under a classifier of other classes::

        dict(type='mmlt.LoadTrunkHook', checkpoint='work_dirs/stage_one/iter_90000.pth',
             remade='roi_head.bbox_head.fc_cls')

    It loads once, before the first iteration of a new run; a resumed run has its weights from its
    own checkpoint and does not need the file. Every rank reads the file.

    Args: ``checkpoint`` (a local path, or an address that mmengine's loader takes), ``remade`` and
    ``remade_init``, see :func:`load_trunk`.

    Raises:
        ValueError: if the checkpoint has another layout, or ``load_from`` loads weights too.

    Differs from reference: mmengine's ``load_from`` and ``Pretrained`` are not strict: a weight of
    another name or shape is passed over with a log line. As an ``init_cfg`` this would lose: only
    the type ``Pretrained`` runs after the ``init_weights`` of submodules, which draw anew.
    """

    priority = 'HIGHEST'  # before hooks that may validate or save in before_train

    def __init__(
        self, checkpoint: str, remade: str | Sequence[str] = (), remade_init: str = 'own'
    ) -> None:
        self.checkpoint = checkpoint
        self.remade = as_patterns('remade', remade)
        self.remade_init = _checked_start(remade_init)
        self._runner_loaded = False

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note that the runner loads weights by itself."""
        self._runner_loaded = True

    def before_train(self, runner: Runner) -> None:
        """Load, after ``init_weights`` of every submodule, unless the run is resumed."""
        if self._runner_loaded:
            if runner._resume or runner.iter > 0:
                return
            raise ValueError(
                f'both load_from={runner._load_from!r} and LoadTrunkHook(checkpoint='
                f'{self.checkpoint!r}) load weights: set load_from=None'
            )
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        load_trunk(model, self.checkpoint, remade=self.remade, remade_init=self.remade_init)
        made_anew = ', '.join(self.remade) or 'nothing'
        runner.logger.info(f'Trunk loaded from {self.checkpoint}; made anew: {made_anew}.')


def load_trunk(
    model: nn.Module,
    checkpoint: str,
    *,
    remade: str | Sequence[str] = (),
    remade_init: str = 'own',
) -> None:
    """Load a checkpoint's weights into a model, strictly but for the part that is made anew.

    Outside ``remade`` the checkpoint must hold every weight of the model in the same shape, and no
    other. An EMA run's checkpoint gives its averaged weights, as it does everywhere in mmengine.

    Args:
        model: The bare model, on any device.
        checkpoint: Path of a file with a ``state_dict`` (or a state dict itself).
        remade: Patterns of what keeps the model's own values and may be absent from the checkpoint
            or have another shape there, see :mod:`mmlt.engine.state_names`.
        remade_init: 'own' keeps the values of that part, 'zero' sets its parameters to 0 (a
            linear classifier may start there; its buffers keep their values).

    Raises:
        ValueError: names the file and the weights that are missing, unexpected or of another shape,
            with shapes (the model is unchanged then), or a pattern that covers nothing.

    Differs from reference: ``torch.nn.Module.load_state_dict(strict=True)`` knows no exceptions.
    BatchNorm's ``num_batches_tracked``, which old checkpoints lack, may be missing, as in mmengine.
    """
    patterns, start = as_patterns('remade', remade), _checked_start(remade_init)
    own, saved = model.state_dict(), read_weights(checkpoint)
    check_each_covers('remade', patterns, [*own, *saved])
    kept = {name: value for name, value in own.items() if is_covered(name, patterns)}
    trunk = {name: value for name, value in saved.items() if not is_covered(name, patterns)}
    wanted = {name: value for name, value in own.items() if name not in kept}
    complaints = _compare(trunk, wanted)
    if complaints:
        raise ValueError(
            f'{checkpoint} is a checkpoint of another layout; outside remade={list(patterns)}:\n'
            + '\n'.join(complaints)
        )
    # what may be missing stays as the model has it
    model.load_state_dict({**wanted, **trunk, **kept}, strict=True)
    if start == 'zero':
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if is_covered(name, patterns):
                    parameter.zero_()


def _compare(trunk: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> list[str]:
    """Say in what the checkpoint's weights differ from the model's; empty if in nothing."""
    missing = [
        f'{name} {tuple(value.shape)}'
        for name, value in wanted.items()
        if name not in trunk and not name.endswith('num_batches_tracked')
    ]
    unexpected = [f'{k} {tuple(v.shape)}' for k, v in trunk.items() if k not in wanted]
    reshaped = [
        f'{name} {tuple(trunk[name].shape)} in the file, {tuple(value.shape)} in the model'
        for name, value in wanted.items()
        if name in trunk and trunk[name].shape != value.shape
    ]
    kinds = {'missing': missing, 'unexpected': unexpected, 'of another shape': reshaped}
    return [f'  {kind}: {_listed(names)}' for kind, names in kinds.items() if names]


def _listed(names: list[str]) -> str:
    rest = len(names) - _NUM_LISTED
    return '; '.join(names[:_NUM_LISTED]) + (f'; and {rest} more' if rest > 0 else '')


def _checked_start(remade_init: str) -> str:
    if remade_init not in _STARTS:
        raise ValueError(f'remade_init must be one of {_STARTS}, got {remade_init!r}')
    return remade_init
