"""ViViT, forward and backward, against the same encoders assembled from timm's blocks; memory.

``mmlt.ViViT`` against timm's ``Block`` in the same places: the same weights, norms, GELU and
``scaled_dot_product_attention``, with tokens by a convolution and plain reshapes. The features of
both must agree. The sides take turns, so that a busy machine slows all of them. The limit is what
the matrix products of the linear layers take alone, three a layer, on matrices that lie ready;
attention is left out of it.

    OMP_NUM_THREADS=1 python benchmarks/vivit.py                                   # a minute
    python benchmarks/vivit.py --device cuda --size base --dtype bfloat16
    python benchmarks/vivit.py --device cuda --size base --dtype bfloat16 --compile

Times are CPU seconds of one thread, or those between two events of a GPU. Memory is that of tensors
at the peak of a step, beyond weights, their gradients and the clips, as torch's allocators count
it. With bfloat16 the weights stay float32 and autocast does the rest, as in training.

It needs torch, mmengine, and timm (``pip install timm``), no mmcv.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import platform
import statistics
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
SMALL = dict(embed_dims=384, num_layers=(6, 2), num_heads=(6, 6), mlp_dims=(1536, 1536))
#: Arguments of mmlt.ViViT, and the clips of a batch.
SIZES = {
    'small': (dict(**SMALL, num_frames=16, img_size=112), 4),
    'base': (dict(arch='base', num_frames=32, img_size=224), 8),
}
DTYPES = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
SIDES = {
    'timm': "timm's blocks",
    'mmlt': 'mmlt.ViViT',
    'checkpointed': 'mmlt.ViViT, with_cp=True',
    'limit': 'limit: matrix products of the linear layers',
}


def import_vivit() -> type[nn.Module]:
    """``ViViT`` without the other rooms of ``mmlt.models``: they need mmcv and mmaction2."""
    sys.path.insert(0, str(ROOT))
    models = types.ModuleType('mmlt.models')
    models.__path__ = [str(ROOT / 'mmlt' / 'models')]
    sys.modules.setdefault('mmlt.models', models)
    from mmlt.models.backbones.vivit import ViViT

    return ViViT


class TimmViViT(nn.Module):
    """The peer: a convolution, timm's blocks, a norm, and reshapes between them."""

    def __init__(self, vivit: nn.Module) -> None:
        super().__init__()
        ours = vivit.tubelet_embedding
        sizes = (ours.in_channels, ours.out_channels, ours.kernel_size)
        self.embedding = nn.Conv3d(*sizes, stride=ours.kernel_size)
        self.embedding.load_state_dict(ours.state_dict())
        self.spatial, self.spatial_pos = self._encoder(vivit.spatial_encoder)
        self.temporal, self.temporal_pos = self._encoder(vivit.temporal_encoder)
        self.keep_tokens = vivit.keep_tokens

    @staticmethod
    def _encoder(encoder: nn.Module) -> tuple[nn.Module, nn.Parameter]:
        from timm.models.vision_transformer import Block

        options = dict(
            qkv_bias=True,
            norm_layer=functools.partial(nn.LayerNorm, eps=encoder.norm.eps),
            act_layer=functools.partial(nn.GELU, approximate='tanh'),
        )
        layers = []
        for ours in encoder.blocks:
            width, hidden = ours.mlp.fc1.in_features, ours.mlp.fc1.out_features
            layers.append(Block(width, ours.attn.num_heads, hidden / width, **options))
            layers[-1].load_state_dict(ours.state_dict())  # the names are the same
        norm = nn.LayerNorm(encoder.norm.normalized_shape, eps=encoder.norm.eps)
        return nn.Sequential(*layers, norm), nn.Parameter(encoder.pos_embed.detach().clone())

    def forward(self, clips: Tensor) -> Tensor:
        tokens = self.embedding(clips)
        batch, width, t, h, w = tokens.shape
        tokens = tokens.permute(0, 2, 3, 4, 1).reshape(batch * t, h * w, width)
        tokens = self.spatial(tokens + self.spatial_pos)
        if not self.keep_tokens:
            tokens = tokens.mean(1).view(batch, t, width)
            return self.temporal(tokens + self.temporal_pos).mean(1)
        tokens = tokens.view(batch, t, h * w, width).transpose(1, 2).reshape(-1, t, width)
        tokens = self.temporal(tokens + self.temporal_pos)
        return tokens.view(batch, h, w, t, width).permute(0, 4, 3, 1, 2)


def linear_shapes(vivit: nn.Module, num_clips: int) -> Counter:
    """How often a product of (rows, inputs) with (inputs, outputs) occurs in a forward pass."""
    (t,), places = vivit.temporal_encoder.grid, math.prod(vivit.spatial_encoder.grid)
    num_tokens = num_clips * t * places
    kernel = vivit.tubelet_embedding.weight
    shapes = Counter({(num_tokens, kernel[0].numel(), len(kernel)): 1})
    of_temporal = num_tokens if vivit.keep_tokens else num_clips * t
    for encoder, rows in (
        (vivit.spatial_encoder, num_tokens),
        (vivit.temporal_encoder, of_temporal),
    ):
        layers = (each for each in encoder.blocks.modules() if isinstance(each, nn.Linear))
        shapes.update((rows, each.in_features, each.out_features) for each in layers)
    return shapes


def make_limit(shapes: Counter, args: argparse.Namespace) -> Callable[[], None]:
    """The products of :func:`linear_shapes` and the two of each one's backward pass."""
    make = functools.partial(torch.randn, device=args.device, dtype=DTYPES[args.dtype])
    matrices = {
        (n, k, m): (make(n, k), make(m, k), make(n, m)) for n, k, m in shapes
    }  # inputs, weight, gradient of the outputs

    def multiply() -> None:
        for shape, count in shapes.items():
            inputs, weight, gradient = matrices[shape]
            for _ in range(count):
                inputs @ weight.T
                gradient @ weight
                gradient.T @ inputs

    return multiply


def make_model(side: str, args: argparse.Namespace) -> nn.Module:
    """One of the sides, with the weights that all of them have."""
    torch.manual_seed(args.seed)
    sizes = {**SIZES[args.size][0], 'keep_tokens': args.keep_tokens}
    vivit = import_vivit()(**sizes, with_cp=side == 'checkpointed')
    for part in vivit.children():  # what init_weights() does, without its pages of log
        part.init_weights()
    return (TimmViViT(vivit) if side == 'timm' else vivit).to(args.device)


def make_clips(args: argparse.Namespace) -> Tensor:
    """A batch (B, C, T, H, W)."""
    sizes, num_clips = SIZES[args.size]
    frames = (args.clips or num_clips, 3, sizes['num_frames'], sizes['img_size'], sizes['img_size'])
    generator = torch.Generator().manual_seed(args.seed)
    return torch.randn(frames, generator=generator).to(args.device)


def step(model: Callable, clips: Tensor, args: argparse.Namespace) -> Tensor:
    """Forward and backward."""
    dtype = DTYPES[args.dtype]
    with torch.autocast(args.device, dtype=dtype, enabled=dtype != torch.float32):
        features = model(clips)
    features.float().square().mean().backward()
    return features.detach().float()


def seconds_of(function: Callable, device: str) -> float:
    """CPU seconds of a call, or a GPU's between two events."""
    if device == 'cpu':
        start = time.process_time()
        function()
        return time.process_time() - start
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    events[0].record()
    function()
    events[1].record()
    torch.cuda.synchronize()
    return events[0].elapsed_time(events[1]) / 1000


def peak_mb(function: Callable, device: str) -> float:
    """MB of tensors at the peak of a call, beyond those that were there before."""
    if device == 'cuda':
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        function()
    events = profile.profiler.kineto_results.events()
    changes = [(each.start_ns(), each.nbytes()) for each in events if each.name() == '[memory]']
    held = itertools.accumulate(num_bytes for _, num_bytes in sorted(changes))
    return max(held) / 2**20


def measure(args: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each side, which take turns, and the MB of those that have a peak."""
    clips = make_clips(args)
    models = {side: make_model(side, args) for side in SIDES if side != 'limit'}
    shapes = linear_shapes(models['mmlt'], len(clips))
    if args.compile:  # layer by layer: equal layers share what is compiled
        for each in itertools.chain.from_iterable(model.modules() for model in models.values()):
            if type(each).__name__ in ('Block', 'EncoderBlock'):
                each.compile(dynamic=False)
    calls = {side: functools.partial(step, model, clips, args) for side, model in models.items()}
    features = {side: call() for side, call in calls.items()}  # also makes the gradients
    difference = (features['mmlt'] - features['timm']).abs().max() / features['timm'].abs().max()
    if difference > (1e-4 if args.dtype == 'float32' else 5e-2):
        raise AssertionError(f'the sides differ by {difference:.1e}')
    megabytes = {side: peak_mb(call, args.device) for side, call in calls.items()}
    calls['limit'] = make_limit(shapes, args)
    calls['limit']()
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(args.repeats):
        for side, call in calls.items():
            seconds[side].append(seconds_of(call, args.device))
    num_flops = 6 * sum(math.prod(shape) * count for shape, count in shapes.items())
    print(f'{num_flops / 1e12:.3f} TFLOP in linear layers; features differ by {difference:.1e}')
    return {side: statistics.median(values) for side, values in seconds.items()}, megabytes


def cpu_name() -> str:
    """As Linux gives it."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text(encoding='utf-8').splitlines() if info.exists() else []
    names = [line.partition(': ')[2] for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--size', choices=tuple(SIZES), default='small')
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--dtype', choices=tuple(DTYPES), default='float32')
    parser.add_argument('--keep-tokens', action='store_true', help='as for RoIAlign')
    parser.add_argument('--compile', action='store_true', help='compile the layers of all sides')
    parser.add_argument('--clips', type=int, help='of a batch (default: 4 small, 8 base)')
    parser.add_argument('--repeats', type=int, default=9)
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run every side and print the table."""
    args = parse_args(argv)
    if args.device == 'cpu':
        torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if args.device == 'cuda' else cpu_name()
    clips = ' x '.join(map(str, make_clips(args).shape))
    print(f'{args.size}, clips {clips}, {args.dtype}, {name}, torch {torch.__version__}')
    seconds, megabytes = measure(args)
    print(f'median of {args.repeats} turns\n')
    print("| side | ms | times timm's | MB at the peak | of timm's |")
    print('|---|---|---|---|---|')
    for side, spent in seconds.items():
        cells = [f'{1000 * spent:.1f}', f'{spent / seconds["timm"]:.3f}', '', '']
        if side in megabytes:
            cells[2:] = f'{megabytes[side]:.0f}', f'{megabytes[side] / megabytes["timm"]:.2f}'
        print(f'| {SIDES[side]} | {" | ".join(cells)} |')


if __name__ == '__main__':
    main()
