"""FrameStack of one batch, 128 videos x 60 frames x 2048 features, against the loop over its rows.

``loop_framestack`` is the paper's Algorithm 1 row by row, with the count and order of frames of the
reference code, which also copies the batch in the order of the partners first; ``lean`` is the loop
without that copy. The limit copies a result that lies ready into memory that lies ready. Both sides
must return the same bits. Sides take turns, so that a busy machine slows all of them.

    OMP_NUM_THREADS=1 python benchmarks/framestack.py
    OMP_NUM_THREADS=1 python benchmarks/framestack.py --device cuda --frames 150

On a GPU, CUDA events time a call in two ways. "queued": its kernels wait behind a long one, as
behind the network in a training step, so that only the GPU's own time counts. "alone": it starts on
an idle GPU, and Python, which launches its kernels one by one, counts too. The last row is what the
bytes of the copy take at the rate of a copy of 1 GiB.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from mmlt.functional import framestack

SIDES = {
    'loop': "the reference's loop over the batch",
    'lean': 'the loop without its copy of the batch',
    'mmlt': 'mmlt.functional.framestack',
    'copy': 'limit: copy of the output',
}
QUEUE_CYCLES = 2_000_000  # of a GPU, about a millisecond: longer than Python needs for the launches


def make_batch(
    num_videos: int, num_frames: int, width: int, num_classes: int, device: str, seed: int
) -> dict[str, Tensor]:
    """Arguments of framestack: features, one or two labels a video, AP of each class, partners."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.zeros(num_videos, num_classes)
    targets.scatter_(1, torch.randint(num_classes, (num_videos, 2), generator=generator), 1)
    batch = {
        'features': torch.randn(num_videos, num_frames, width, generator=generator),
        'targets': targets,
        'class_ap': torch.rand(num_classes, generator=generator),
        'partner': torch.randperm(num_videos, generator=generator),
    }
    return {name: tensor.to(device) for name, tensor in batch.items()}


def loop_framestack(
    features: Tensor,
    targets: Tensor,
    class_ap: Tensor,
    *,
    clip_len: int,
    partner: Tensor,
    copies_batch: bool = True,
) -> tuple[Tensor, Tensor]:
    """Algorithm 1, one row at a time."""
    partners = features[partner] if copies_batch else None
    video_ap = (targets * class_ap).mean(1)
    clips, soft_targets = [], []
    for row, other in enumerate(partner):
        both = video_ap[row] + video_ap[other]
        beta = 0.5 if both < 1e-5 else video_ap[row] / both
        num_partner = int(beta * clip_len)
        partner_video = partners[row] if copies_batch else features[other]
        parts = []
        for video, count in ((partner_video, num_partner), (features[row], clip_len - num_partner)):
            parts.append(video[np.linspace(0, len(video) - 1, count).astype(np.int64)])
        clips.append(torch.cat(parts))
        soft_targets.append((1 - beta) * targets[row] + beta * targets[other])
    return torch.stack(clips), torch.stack(soft_targets)


def cpu_seconds_of(function: Callable) -> tuple[float, object]:
    """CPU seconds of a call, and what it returned."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def gpu_seconds_of(function: Callable, *, queued: bool) -> tuple[float, object]:
    """Seconds of a call between two CUDA events, and what it returned."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    if queued:
        torch.cuda._sleep(QUEUE_CYCLES)
    start.record()
    result = function()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000, result


CLOCKS = {
    'cpu': {'CPU': cpu_seconds_of},
    'cuda': {
        'queued': functools.partial(gpu_seconds_of, queued=True),
        'alone': functools.partial(gpu_seconds_of, queued=False),
    },
}


def copy_seconds(num_bytes: int, repeats: int) -> float:
    """Seconds that a GPU's memory takes to copy so many bytes, at the rate of a copy of 1 GiB."""
    source = torch.ones(2**30, dtype=torch.uint8, device='cuda')
    target = torch.empty_like(source)
    spent = [gpu_seconds_of(lambda: target.copy_(source), queued=True)[0] for _ in range(repeats)]
    return statistics.median(spent) * num_bytes / source.numel()


def measure(
    batch: dict[str, Tensor], clip_len: int, repeats: int, clock: Callable
) -> dict[str, float]:
    """Median seconds of each side."""
    expected = loop_framestack(**batch, clip_len=clip_len)
    result = framestack(**batch, clip_len=clip_len)
    if not all(map(torch.equal, result, expected)):
        raise AssertionError('the sides differ')
    source, target = expected[0], torch.empty_like(expected[0])
    sides = {
        'loop': lambda: loop_framestack(**batch, clip_len=clip_len),
        'lean': lambda: loop_framestack(**batch, clip_len=clip_len, copies_batch=False),
        'mmlt': lambda: framestack(**batch, clip_len=clip_len),
        'copy': lambda: target.copy_(source),
    }
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(repeats):
        for side, function in sides.items():
            spent, result = clock(function)
            seconds[side].append(spent)
    return {side: statistics.median(values) for side, values in seconds.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Run every side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--videos', type=int, default=128)
    parser.add_argument('--frames', type=int, default=60)
    parser.add_argument('--clip-len', type=int, default=60)
    parser.add_argument('--width', type=int, default=2048)
    parser.add_argument('--classes', type=int, default=1004)
    parser.add_argument('--repeats', type=int, default=15)
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    batch = make_batch(args.videos, args.frames, args.width, args.classes, args.device, args.seed)
    print(
        f'{args.videos} videos x {args.frames} frames x {args.width}, clips of {args.clip_len}; '
        f'equal results; median of {args.repeats}'
    )
    for name, clock in CLOCKS[args.device].items():
        seconds = measure(batch, args.clip_len, args.repeats, clock)
        print_table(name, seconds)
    if args.device == 'cuda':
        num_bytes = batch['features'][:, :1].nbytes * args.clip_len
        spent = copy_seconds(num_bytes, args.repeats)
        rate = 2 * num_bytes / spent / 1e12
        print(f'| limit: its bytes at {rate:.2f} TB/s read and written | {1000 * spent:.3f} | | |')


def print_table(clock_name: str, seconds: dict[str, float]) -> None:
    """One row a side, beside the loop and the limit."""
    print(f'\n| side | ms, {clock_name} | times faster than the loop | times the limit |')
    print('|---|---|---|---|')
    for side, spent in seconds.items():
        ratios = f'{seconds["loop"] / spent:.1f} | {spent / seconds["copy"]:.2f}'
        print(f'| {SIDES[side]} | {1000 * spent:.3f} | {ratios} |')


if __name__ == '__main__':
    main()
