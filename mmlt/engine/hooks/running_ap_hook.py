"""Running AP: the average precision of every class over an epoch of training."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch
from mmengine.dist import broadcast, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import Tensor, nn

from mmlt.engine.epoch_rows import EpochRows, drop_added, rows_state
from mmlt.engine.resumable_batches import sampler_of
from mmlt.engine.rng_state import capture_rng, restore_rng, seed_rng
from mmlt.functional import average_precision
from mmlt.functional.checks import check_choice
from mmlt.registry import HOOKS

_STATE = 'running_ap'


@HOOKS.register_module()
class RunningAPHook(Hook):
    """Give a blending (``mmlt.FrameStackBlending``) the AP of each class of the epoch before.

    Every row of every batch is scored once, without mixing: one that was not mixed by the training
    forward, one that was by an extra forward of its clean input, without gradients and with the
    same weights, before the step. That forward is in training mode, but buffers (BatchNorm's
    statistics) and random streams stay as they were; its dropout draws from a stream seeded by the
    next number of torch's, so it is the same in a resumed run.

    At the epoch's end the rows of all ranks are put together, ``class_ap`` of the blending becomes
    the AP over them, 0 of a class without a positive, and goes into the checkpoint with the model.
    A video that a sampler repeats counts every time; what it adds to make the ranks even does not.
    A checkpoint made amid an epoch also holds the rows so far (N x C x 5 bytes), if the run has
    ``mmlt.ResumeStateHook``, without which an epoch starts anew.

    Args:
        scores: What of the logits is ranked: 'sigmoid', or 'softmax' where the classes exclude each
            other. The former ranks like the logits, which are taken: nothing saturates.
        head: Name of the module that makes the logits (B, C). None: ``cls_head`` or ``head`` of
            the model, or the ``head`` within it.

    Reference:
        Zhang et al., "VideoLT", ICCV 2021, section 4 and algorithm 1; the authors' code.

    Differs from reference: the code forwards the whole clean batch a second time, which also moves
    BatchNorm's statistics. Its ties are broken by the sorting routine; here a positive ranks
    behind the negatives of its score.
    """

    def __init__(self, scores: str = 'sigmoid', head: str | None = None) -> None:
        self.scores = check_choice('scores', scores, ('sigmoid', 'softmax'))
        self.head_name = head
        self._loaded = None  # rows of the checkpoint loaded last
        self._gathered = (None, None)  # iteration, rows of all ranks
        self._clean_logits = None  # a list during the extra forward

    # ------------------------------------------------------------------------------ the run

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the rows until it is known whether the epoch goes on behind them."""
        self._loaded = checkpoint.get(_STATE)

    def before_train(self, runner: Runner) -> None:
        """Find the blending and the head; take what a killed run had collected."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ValueError(
                'RunningAPHook measures over epochs, this run counts iterations: use '
                'train_cfg=dict(by_epoch=True, ...)'
            )
        self._model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._blending = _blending_of(self._model)
        if getattr(self._model, 'feature_mixing', None) is not None:
            raise ValueError(
                f'RunningAPHook: feature_mixing of {type(self._model).__name__} mixes rows behind '
                'the blending, so that no logits of single videos are left: take one of the two out'
            )
        self._head = _head_of(self._model, self.head_name)
        self._handle = self._head.register_forward_hook(self._on_logits)
        self._rows = EpochRows(self._blending.num_classes)
        if self._loaded is not None and runner.iter > 0 and get_rank() == 0:
            self._rows.restore(self._loaded)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Note where in the epoch this process begins."""
        if batch_idx == 0:  # also where a killed epoch starts anew
            self._rows.start_epoch()
        elif not self._rows.is_begun:
            batch_size = getattr(runner.train_dataloader.batch_sampler, 'batch_size', None) or 1
            self._rows.start_epoch(batch_idx * batch_size * get_world_size())
            if self._loaded is None:
                runner.logger.warning(
                    'The checkpoint holds no rows of this epoch: its running AP will be that of '
                    'the rest of the epoch.'
                )
        self._seen_before = self._rows.num_seen

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Make sure that the batch was scored."""
        if self._rows.num_seen == self._seen_before:
            raise ValueError(
                f'RunningAPHook saw no logits of {type(self._head).__name__} for a batch of '
                f'{type(self._blending).__name__}: name the module that makes the logits in head'
            )

    def after_train_epoch(self, runner: Runner) -> None:
        """Set the AP of the epoch, on every rank."""
        rows = self._rows.gather()
        self._rows.end_epoch()
        if rows is not None:
            rows = drop_added(rows, sampler_of(runner.train_dataloader))
            class_ap = average_precision(rows.scores.numpy(), rows.targets.numpy())
            class_ap = torch.from_numpy(np.nan_to_num(class_ap))
            self._blending.class_ap.copy_(class_ap)
            runner.logger.info(
                f'Running AP of epoch {runner.epoch + 1}: mean {class_ap.mean():.4f} over '
                f'{len(rows.places)} rows'
            )
        broadcast(self._blending.class_ap, src=0)

    def after_train(self, runner: Runner) -> None:
        """Leave the head alone."""
        self._handle.remove()

    # ------------------------------------------------------------------------------ a batch

    def _on_logits(self, head: nn.Module, inputs: tuple, output: Any) -> None:
        """Collect the rows of the batch that was blended last."""
        if self._clean_logits is not None:  # the extra forward
            self._clean_logits.append(output)
            return
        clean = self._blending.take_clean()
        if clean is None:
            return
        if not isinstance(output, Tensor) or output.shape != clean.targets.shape:
            raise ValueError(
                f'RunningAPHook: {type(head).__name__} gave '
                f'{tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__} '
                f'for targets of shape {tuple(clean.targets.shape)}: name the module that makes '
                'the logits in head'
            )
        logits, num_mixed = output.detach(), clean.num_mixed
        if num_mixed:
            logits = torch.cat([self._forward_clean(clean.inputs)[:num_mixed], logits[num_mixed:]])
        self._rows.add(logits.log_softmax(1) if self.scores == 'softmax' else logits, clean.targets)

    def _forward_clean(self, inputs: Tensor) -> Tensor:
        """Logits of clean inputs (M, L, ...), leaving no trace in buffers and random streams."""
        streams = capture_rng()
        seed_rng(int(torch.randint(2**62, ())))
        self._clean_logits = []
        try:
            with torch.no_grad():
                if _holds(self._head_owner(), self._blending):  # it mixes frame features
                    arguments = inputs.flatten(0, 1), {'num_segs': inputs.shape[1]}
                    _call_on_copies(self._head, *arguments)
                else:
                    _call_on_copies(self._model, inputs, _logits_mode(self._model))
            (logits,) = self._clean_logits
        finally:
            self._clean_logits = None
            torch.clear_autocast_cache()  # under AMP it now holds weights cast without gradients
            restore_rng(streams)
        return logits

    def _head_owner(self) -> nn.Module | None:
        """The module whose ``head`` makes the logits."""
        owners = (m for m in self._model.modules() if getattr(m, 'head', None) is self._head)
        return next(owners, None)

    # ------------------------------------------------------------------------ the checkpoint

    def before_collective_save(self, runner: Runner) -> None:
        """Gather, on every rank: the stage that AtomicCheckpointHook calls."""
        if self._rows.is_begun:
            self._gathered = (runner.iter, self._rows.gather())

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the rows of an epoch in progress into the checkpoint (on rank 0 only)."""
        gathered_at, rows = self._gathered
        if self._rows.is_begun and gathered_at == runner.iter:
            checkpoint[_STATE] = rows_state(rows)
            self._gathered = (None, None)


def _blending_of(model: nn.Module) -> nn.Module:
    found = [m for m in model.modules() if getattr(m, 'needs_running_ap', False)]
    if len(found) != 1:
        raise ValueError(
            f'RunningAPHook: the model has {len(found)} blendings that need the running AP; it '
            "serves one mmlt.FrameStackBlending(beta='running_ap')"
        )
    return found[0]


def _head_of(model: nn.Module, name: str | None) -> nn.Module:
    if name is not None:
        modules = dict(model.named_modules())
        if name not in modules:
            raise ValueError(f'RunningAPHook(head={name!r}): the model has no such module')
        return modules[name]
    head = getattr(model, 'cls_head', getattr(model, 'head', None))
    if not isinstance(head, nn.Module):
        raise ValueError(
            f'RunningAPHook: {type(model).__name__} has neither cls_head nor head; name the module '
            'that makes the logits in head'
        )
    while isinstance(getattr(head, 'head', None), nn.Module):
        head = head.head
    return head


def _holds(owner: nn.Module | None, blending: nn.Module) -> bool:
    return getattr(owner, 'blending', None) is blending


def _logits_mode(model: nn.Module) -> dict[str, str]:
    """How a model is asked for logits; a recognizer of mmaction2 stops at its features else."""
    extract = getattr(model, 'extract_feat', None)
    if extract is not None and 'stage' in inspect.signature(extract).parameters:
        return {'mode': 'tensor', 'stage': 'head'}
    return {'mode': 'tensor'}


def _call_on_copies(module: nn.Module, inputs: Tensor, options: dict) -> None:
    """Call a module whose buffers are copies meanwhile; the originals are not even written to.

    Copying values back instead would break the backward pass, which is still to come.
    """
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}
    torch.func.functional_call(module, buffers, (inputs,), options)
