"""FrameStack: frames of two videos in one clip, more of the one that the model knows less well."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mmlt.functional.checks import check_integer

# From so many bytes on numpy asks Linux for huge pages, which torch does not: to be handed tens of
# megabytes of fresh memory in small pages takes several times as long as to fill them.
_HUGE_BYTES = 1 << 22
_MIN_AP_SUM = 1e-5  # below it the two videos share the clip evenly


def framestack(
    features: Tensor, targets: Tensor, class_ap: Tensor, *, clip_len: int, partner: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Stack frames of each video's partner and of the video itself into clips of one length.

    .. math::
        \beta = \frac{a_i}{a_i + a_j}, \quad
        F_j = \lfloor \beta L \rfloor, \quad F_i = L - F_j, \quad
        \tilde y = (1 - \beta) y_i + \beta y_j

    with :math:`a = \frac{1}{C} \sum_c y_c AP_c` of each video and :math:`\beta = 1/2` where
    :math:`a_i + a_j < 10^{-5}`. The clip holds :math:`F_j` frames of the partner j, then
    :math:`F_i` of the video i itself, each spread evenly over its T frames.

    Shapes: B videos, T frames, L frames of a clip, C classes; D stands for any number of dimensions
    (D; C, H, W; ...).

    Args:
        features: (B, T, D), any dtype.
        targets: (B, C) in [0, 1], multi-hot.
        class_ap: (C,) >= 0, running average precision of each class, in [0, 1].
        clip_len: L >= 1.
        partner: (B,) integers j in [0, B): the row that each row is stacked with.

    Returns:
        (B, L, D) clips of the dtype of features, and (B, C) soft targets.

    Raises:
        ValueError: on wrong shapes, a class_ap that is negative or no number, a partner that is no
            row of the batch.

    Reference:
        Zhang et al., "VideoLT: Large-scale Long-tailed Video Recognition", ICCV 2021, equations 1
        to 4, algorithm 1; ``FrameStack`` in the authors' code.

    Differs from reference:
        The paper floors both frame counts (a clip may then hold
        L - 1 frames), puts the video's own frames first, and leaves open which AP a video of
        several classes has. The code's mean runs over all C classes, absent ones included: the
        threshold 1e-5 is one on the mean, so C = 1004 classes of AP < .01 share evenly.

    Example:
        >>> clips, soft = framestack(
        ...     torch.arange(8.0).view(2, 4, 1), torch.eye(2), torch.tensor([0.6, 0.2]),
        ...     clip_len=4, partner=torch.tensor([1, 0]))
        >>> clips[0].flatten().tolist()  # the better known video 0 keeps a quarter
        [4.0, 5.0, 7.0, 0.0]
        >>> soft[0].tolist()
        [0.25, 0.75]
    """
    check_integer('clip_len', clip_len, 1)
    check_mixing(features, targets, partner)
    if class_ap.shape != targets.shape[1:]:
        raise ValueError(
            f'class_ap must have shape ({targets.shape[1]},), one value a class of targets, got '
            f'{tuple(class_ap.shape)}'
        )
    if class_ap.device.type == 'cpu':  # elsewhere reading a value would wait for it
        wrong = torch.nonzero(~(class_ap >= 0))
        if len(wrong):
            index = int(wrong[0])
            raise ValueError(f'class_ap[{index}] is {class_ap[index].item()}: it must be >= 0')
    beta = partner_share(targets, class_ap, partner)
    frames = stacked_frames(beta, partner, num_frames=features.shape[1], clip_len=clip_len)
    return gather_frames(features, frames), soft_targets(targets, beta, partner)


def check_mixing(features: Tensor, targets: Tensor, partner: Tensor) -> None:
    """Raise ValueError unless features, targets and partners belong to the same B videos."""
    if features.ndim < 2 or 0 in features.shape[1:]:
        raise ValueError(f'features must be (B, T, ...), got shape {tuple(features.shape)}')
    num_rows = len(features)
    if targets.ndim != 2 or len(targets) != num_rows:
        raise ValueError(
            f'targets must be (B, C) with B = {num_rows}, got shape {tuple(targets.shape)}'
        )
    if partner.shape != (num_rows,) or partner.is_floating_point():
        raise ValueError(
            f'partner must be ({num_rows},) integers, got shape {tuple(partner.shape)} and dtype '
            f'{partner.dtype}'
        )
    if partner.device.type == 'cpu' and num_rows:  # as for class_ap
        lowest, highest = int(partner.min()), int(partner.max())
        if lowest < 0 or highest >= num_rows:
            value = lowest if lowest < 0 else highest
            raise ValueError(f'partner holds {value}: rows run from 0 to {num_rows - 1}')


def partner_share(targets: Tensor, class_values: Tensor, partner: Tensor) -> Tensor:
    """Share beta of the partner's frames, (B,): equation 1 with any value a class >= 0."""
    own = torch.mean(targets * class_values, -1)
    both = own + own[partner]
    return torch.where(both < _MIN_AP_SUM, torch.full_like(both, 0.5), own / both)


def soft_targets(targets: Tensor, beta: Tensor, partner: Tensor) -> Tensor:
    """Targets of the clips, (B, C): equation 4."""
    beta = beta[:, None]
    return (targets * (1 - beta)).add_(targets[partner] * beta)


def stacked_frames(beta: Tensor, partner: Tensor, *, num_frames: int, clip_len: int) -> Tensor:
    """Frames of each clip: (B, L) rows of the features seen as (B * T, D)."""
    num_partner = (beta * clip_len).long()  # the product rounded to beta's dtype, as in the code
    frame_table = _frame_table(num_frames, clip_len, beta.device)
    own = torch.arange(len(beta), device=beta.device)
    place = torch.arange(clip_len, device=beta.device)
    video = torch.where(place < num_partner[:, None], partner[:, None], own[:, None])  # (B, L)
    return video * num_frames + frame_table[num_partner]


def even_frames(num_rows: int, *, num_frames: int, clip_len: int, device: torch.device) -> Tensor:
    """Frames of clips that hold one video each, spread evenly; as :func:`stacked_frames`."""
    first_frame = torch.arange(num_rows, device=device)[:, None] * num_frames
    return first_frame + _frame_table(num_frames, clip_len, device)[0]


@functools.lru_cache(maxsize=16)
def _frame_table(num_frames: int, clip_len: int, device: torch.device) -> Tensor:
    """Row n: the frames of a clip with n frames of one video, then clip_len - n of another."""

    def spread(count: int) -> np.ndarray:
        return np.linspace(0, num_frames - 1, count).astype(np.int64)

    rows = [np.r_[spread(n), spread(clip_len - n)] for n in range(clip_len + 1)]
    return torch.from_numpy(np.stack(rows).astype(np.int64)).to(device)


def gather_frames(features: Tensor, frames: Tensor) -> Tensor:
    """Clips (B, L, D) of the frames that :func:`stacked_frames` names; one gather, one copy."""
    flat = features.reshape(-1, *features.shape[2:])  # (B * T, D)
    shape = (*frames.shape, *features.shape[2:])
    if features.requires_grad and torch.is_grad_enabled():
        return flat.index_select(0, frames.flatten()).view(shape)
    clips = _empty((frames.numel(), *flat.shape[1:]), features)
    torch.index_select(flat.detach(), 0, frames.flatten(), out=clips)
    return clips.view(shape)


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """A tensor as ``torch.empty`` gives, of the dtype and on the device of another."""
    num_bytes = math.prod(shape) * like.element_size()
    if like.device.type != 'cpu' or num_bytes < _HUGE_BYTES:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    return torch.from_numpy(np.empty(num_bytes, np.uint8)).view(like.dtype).view(shape)
