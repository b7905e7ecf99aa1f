"""FrameStack as a blending."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmengine.logging import MessageHub
from torch import Tensor

from mmlt.functional.checks import check_choice, check_integer, check_real
from mmlt.functional.mixing.framestack import (
    check_mixing,
    even_frames,
    gather_frames,
    partner_share,
    soft_targets,
    stacked_frames,
)
from mmlt.models.blending._base import MultiLabelBlending
from mmlt.models.losses._base import column_counts
from mmlt.registry import MODELS


class CleanRows(NamedTuple):
    """A batch as it was before mixing.

    Attributes:
        num_mixed: M: rows [0, M) of the batch were mixed.
        inputs: (M, L, ...), the rows that were mixed. Where M is 1, row 1 comes too if there is
            one: batch statistics of a single row are none. None where M is 0.
        targets: (B, C), of all rows.
    """

    num_mixed: int
    inputs: Tensor | None
    targets: Tensor


@MODELS.register_module()
class FrameStackBlending(MultiLabelBlending):
    """Stack frames of pairs of videos; see :func:`mmlt.functional.framestack`.

    The first ``int(B * ratio)`` samples of a batch are paired among themselves, the partners drawn
    from torch's stream. Clips of the others hold their own ``clip_len`` frames, evenly spread. It
    mixes along dimension 1, whatever lies behind: stored features (B, T, D), frames of a 2D
    recognizer (B, T, C, H, W), its frame features (``mmlt.FrameStackHead``).

    Args:
        num_classes: C.
        clip_len: L; with ``beta='running_ap'`` all of training works on L frames a video.
        ratio: eta, in [0, 1]; 0 mixes nothing: the baseline.
        warmup_epochs: Number of epochs at the start that mix nothing (1: ``warm_epoch`` 0 of
            VideoLT's code, which leaves out the epochs up to that number).
        beta: What decides the share of the partner's frames: 'running_ap' of the classes, which
            ``mmlt.RunningAPHook`` must then measure; 'class_frequency', the classes' training
            counts in its place; 'constant', one half.
        class_counts: For 'class_frequency': a counts.json, or C counts.
        class_ids: Class ids of the columns; None: all of the file, ascending.

    Differs from reference: a ratio of 0 mixes nothing; there it mixes every row. See the function
    for the rest.
    """

    def __init__(
        self,
        num_classes: int,
        clip_len: int,
        ratio: float = 0.5,
        warmup_epochs: int = 1,
        beta: str = 'running_ap',
        class_counts: str | Sequence[int] | None = None,
        class_ids: Sequence[int] | None = None,
    ) -> None:
        super().__init__(num_classes)
        self.clip_len = check_integer('clip_len', clip_len, 1)
        self.ratio = check_real('ratio', ratio, 0, 1)
        self.warmup_epochs = check_integer('warmup_epochs', warmup_epochs, 0)
        self.beta = check_choice('beta', beta, ('running_ap', 'class_frequency', 'constant'))
        if (beta == 'class_frequency') != (class_counts is not None):
            raise ValueError(f"class_counts goes with beta='class_frequency', got beta={beta!r}")
        self.register_buffer('class_ap', torch.zeros(num_classes))
        values = torch.zeros(num_classes)  # of no class any value: everybody shares evenly
        if beta == 'class_frequency':
            values = torch.from_numpy(column_counts(class_counts, class_ids)).float()
            if len(values) != num_classes:
                raise ValueError(
                    f'class_counts holds {len(values)} classes, num_classes is {num_classes}'
                )
        self.register_buffer('class_values', values, persistent=False)
        self._clean, self._is_read, self._is_warned = None, False, False

    @property
    def needs_running_ap(self) -> bool:
        """Whether somebody must set ``class_ap`` after each epoch."""
        return self.beta == 'running_ap'

    def take_clean(self) -> CleanRows | None:
        """The last batch before it was mixed, once; None if it was taken, or is not kept."""
        clean, self._clean, self._is_read = self._clean, None, True
        return clean

    def do_blending(self, imgs: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Mix (B, T, ...) inputs and their (B, C) targets."""
        num_rows, num_mixed = len(imgs), self._num_mixed(len(imgs))
        partner = torch.arange(num_rows)
        partner[:num_mixed] = torch.randperm(num_mixed)
        partner = partner.to(imgs.device)
        check_mixing(imgs, label, partner)
        if self.needs_running_ap:
            self._keep_clean(imgs, label, num_mixed)
        if num_mixed == 0:
            return self._evenly(imgs), label
        values = self.class_ap if self.needs_running_ap else self.class_values
        size = {'num_frames': imgs.shape[1], 'clip_len': self.clip_len}
        partner = partner[:num_mixed]
        beta = partner_share(label[:num_mixed], values, partner)
        frames = even_frames(num_rows, device=imgs.device, **size)
        frames[:num_mixed] = stacked_frames(beta, partner, **size)
        mixed = soft_targets(label[:num_mixed], beta, partner)
        return gather_frames(imgs, frames), torch.cat([mixed, label[num_mixed:]])

    def _num_mixed(self, num_rows: int) -> int:
        if self.warmup_epochs:
            epoch = MessageHub.get_current_instance().get_info('epoch')
            if epoch is None:
                raise ValueError(
                    f'warmup_epochs={self.warmup_epochs} needs the epoch, which mmengine keeps '
                    'only while a Runner trains; set warmup_epochs=0 outside of one'
                )
            if epoch < self.warmup_epochs:
                self._warn_of_short_runs()
                return 0
        return int(num_rows * self.ratio)

    def _warn_of_short_runs(self) -> None:
        num_epochs = MessageHub.get_current_instance().get_info('max_epochs')
        if num_epochs is not None and num_epochs <= self.warmup_epochs and not self._is_warned:
            self._is_warned = True  # said once
            warnings.warn(
                f'FrameStackBlending mixes nothing in this run: warmup_epochs={self.warmup_epochs} '
                f'is all of its epochs ({num_epochs}; a run that counts iterations is one epoch)',
                stacklevel=2,
            )

    def _keep_clean(self, imgs: Tensor, targets: Tensor, num_mixed: int) -> None:
        if self._clean is not None and not self._is_read:
            self._is_read = True  # said once
            warnings.warn(
                'FrameStackBlending: nobody measures the running AP, so every pair shares its clip '
                "evenly; add dict(type='mmlt.RunningAPHook') to custom_hooks",
                stacklevel=2,
            )
        inputs = None
        if num_mixed:
            inputs = self._evenly(imgs[: max(num_mixed, 2)].detach())
        self._clean = CleanRows(num_mixed, inputs, targets)

    def _evenly(self, imgs: Tensor) -> Tensor:
        if imgs.shape[1] == self.clip_len:
            return imgs
        size = {'num_frames': imgs.shape[1], 'clip_len': self.clip_len}
        return gather_frames(imgs, even_frames(len(imgs), device=imgs.device, **size))
