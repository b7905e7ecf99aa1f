"""Windows of a long-term feature bank: time and memory against mmaction2's LFB on the same bank.

Two tables, of a drawn bank with at most 5 persons a second, so that both sides give the same
windows (this is asserted, on all that are read):

1. A window of 61 seconds with 5 persons each, in CPU milliseconds: `FeatureBank.window` and
   `mmlt.LoadFeatureBank` against mmaction2's `LFB` in memory, turn by turn; the copy of a window is
   the limit. mmaction2 reads a window for every RoI, in the head; mmlt one for every keyframe, in
   the loader's workers. With AVA's mean of annotated boxes a keyframe the cost of a RoI follows.
2. Windows a CPU second through loaders with 1, 2 and 4 workers and on 2 ranks, all processes
   counted and the way from worker to rank included, and memory: proportional (PSS) of all of
   them, beyond the same processes without a bank. Linux only.

Example:
    OMP_NUM_THREADS=1 python benchmarks/feature_bank.py
    OMP_NUM_THREADS=1 python benchmarks/feature_bank.py --videos 2 --windows 100   # a quick look
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

import mmlt  # noqa: F401  (its repairs come before mmaction2)
from mmlt.datasets.transforms import LoadFeatureBank
from mmlt.fileio.feature_bank_reader import open_feature_bank

ROIS = 93_393 / 50_029  # annotated boxes a keyframe, AVA v2.1 val
FIRST, LAST = 902, 1798  # AVA's seconds
WINDOW = dict(window_sec=61, max_persons=5)
CONVERT = Path(__file__).parents[1] / 'tools' / 'convert' / 'feature_bank.py'


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--videos', type=int, default=16, help='of 897 seconds each')
    parser.add_argument('--channels', type=int, default=2304, help="of SlowFast-R50's RoIs")
    parser.add_argument('--windows', type=int, default=600, help='read by each side')
    return parser.parse_args()


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print rows, the first column to the left."""
    table = Table(title=title, title_justify='left')
    for column in columns:
        table.add_column(column, justify='left' if column == columns[0] else 'right')
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)


# ------------------------------------------------------------------------------------- the bank


def draw_bank(folder: Path, args: argparse.Namespace) -> None:
    """An LFB file, and the bank that the tool makes of it."""
    generator = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(0)
    lfb = {}
    for video in range(args.videos):
        counts = np.minimum(1 + rng.poisson(ROIS - 1, LAST - FIRST + 1), 5).tolist()
        lfb[f'video_{video:05d}'] = {
            second: torch.randn(count, args.channels, generator=generator)
            for second, count in zip(range(FIRST, LAST + 1), counts)
        }
    torch.save(lfb, folder / 'lfb_val.pkl')
    command = [sys.executable, CONVERT, folder / 'lfb_val.pkl', '--out', folder / 'bank']
    subprocess.run(command, check=True)


def open_lfb(folder: Path, channels: int) -> object:
    """mmaction2's side."""
    from mmaction.models.roi_heads.shared_heads.lfb import LFB

    with contextlib.redirect_stdout(io.StringIO()):
        return LFB(
            str(folder),
            max_num_sampled_feat=WINDOW['max_persons'],
            window_size=WINDOW['window_sec'],
            lfb_channels=channels,
            dataset_modes='val',
            device='cpu',
        )


def draw_keyframes(args: argparse.Namespace) -> list[tuple[str, int]]:
    """Keyframes as a shuffled epoch has them."""
    rng = np.random.default_rng(1)
    videos = rng.integers(args.videos, size=args.windows)
    seconds = rng.integers(FIRST, LAST + 1, size=args.windows)
    return [(f'video_{v:05d}', int(s)) for v, s in zip(videos, seconds)]


def assert_same(ours: np.ndarray, theirs: torch.Tensor) -> None:
    """Equal but for the order of a second's persons, which mmaction2 draws."""
    theirs = theirs.numpy().reshape(ours.shape)
    for one, other in zip(ours, theirs):
        one, other = one[np.argsort(one[:, 0])], other[np.argsort(other[:, 0])]
        assert np.array_equal(one, other), 'the two sides give different windows'


# --------------------------------------------------------------------------------- one process


def compare_windows(folder: Path, args: argparse.Namespace) -> None:
    """Table 1."""
    bank, lfb = open_feature_bank(folder / 'bank'), open_lfb(folder, args.channels)
    load = LoadFeatureBank(str(folder / 'bank'), **WINDOW)
    copied = np.ones((WINDOW['window_sec'], WINDOW['max_persons'], args.channels), np.float32)
    rng = np.random.default_rng(0)
    sides: dict[str, Callable] = {
        "mmaction2's LFB": lambda v, s: lfb[f'{v},{s:04d}'],
        'FeatureBank.window, best': lambda v, s: bank.window(v, s, **WINDOW)[0],
        'FeatureBank.window, drawn': lambda v, s: bank.window(v, s, **WINDOW, rng=rng)[0],
        'mmlt.LoadFeatureBank': lambda v, s: load(dict(video_id=v, timestamp=s)),
        'limit: a copy of a window': lambda v, s: copied.copy(),
    }
    keyframes = draw_keyframes(args)
    for keyframe in keyframes:  # and every page has been read once
        theirs, *ours = [read(*keyframe) for read in list(sides.values())[:3]]
        for window in ours:
            assert_same(window, theirs)
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for some in np.array_split(np.arange(len(keyframes)), 20):
        for side, read in sides.items():
            start = time.process_time()
            for place in some:
                read(*keyframes[place])
            seconds[side].append((time.process_time() - start) / len(some))
    spent = {side: statistics.median(turns) for side, turns in seconds.items()}
    theirs, rows = spent["mmaction2's LFB"], []
    for side, each in spent.items():
        is_ours = side.startswith(('Feature', 'mmlt'))
        of_roi = each / ROIS if is_ours else each
        cells = [f'{1000 * of_roi:.3f}', f'{theirs / of_roi:.1f}']
        cells = ['', ''] if side.startswith('limit') else cells
        rows.append(
            [side, f'{1000 * each:.3f}', f'{1 / each:,.0f}', f'{theirs / each:.1f}', *cells]
        )
    columns = ['a window', 'CPU ms', 'a CPU second', 'times faster', 'CPU ms a RoI']
    title = f'{len(bank.keyframes):,} seconds, {len(bank.persons):,} persons x {args.channels}'
    print_table(f'{title}; {ROIS:.2f} RoIs a keyframe', [*columns, 'times faster a RoI'], rows)


# ----------------------------------------------------------------------------- loaders and ranks


class Windows(Dataset):
    """The windows of keyframes; without a bank zeros of the same size."""

    def __init__(self, keyframes: list, bank_dir: Path | None, channels: int) -> None:
        self.keyframes = keyframes
        self.load = None if bank_dir is None else LoadFeatureBank(str(bank_dir), **WINDOW)
        self.shape = WINDOW['window_sec'] * WINDOW['max_persons'], channels

    def __len__(self) -> int:
        return len(self.keyframes)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.load is None:
            return torch.zeros(self.shape)
        video, second = self.keyframes[index]
        return self.load(dict(video_id=video, timestamp=second))['long_term'].features


def family() -> list[psutil.Process]:
    """This process and those that it has started."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def cpu_seconds() -> float:
    """Of this process and its workers, so far."""
    return sum(sum(process.cpu_times()[:2]) for process in family())


def be_rank(side: str, folder: Path, workers: int, args: argparse.Namespace, meet, told) -> None:
    """Read the windows as a rank does, tell what that took, and wait for memory to be read."""
    torch.set_num_threads(1)
    keyframes = draw_keyframes(args)
    if side.startswith('LFB'):
        lfb = open_lfb(folder, args.channels) if side == 'LFB' else None
        shape = WINDOW['window_sec'] * WINDOW['max_persons'], args.channels
        windows = (lfb[f'{v},{s:04d}'] if lfb else torch.zeros(shape) for v, s in keyframes)
    else:
        bank_dir = folder / 'bank' if side == 'bank' else None
        dataset = Windows(keyframes, bank_dir, args.channels)
        loader = DataLoader(dataset, num_workers=workers, batch_size=None)
        windows = iter(loader)
    warm = 4 * workers + 4  # workers are started, and have opened the bank
    for _ in itertools.islice(windows, warm):
        pass
    start = cpu_seconds()
    count = sum(1 for _ in itertools.islice(windows, len(keyframes) - warm - 4 * workers))
    told.put(count / (cpu_seconds() - start))
    meet.wait()  # workers are still there
    meet.wait()


def run_ranks(
    side: str, folder: Path, ranks: int, workers: int, args: argparse.Namespace
) -> tuple[float, float]:
    """Windows a CPU second of a rank, and PSS in MB of all ranks and their workers."""
    context = get_context('fork')  # who spawns imports everything again, on both sides
    meet, told = context.Barrier(ranks + 1), context.Queue()
    started = [
        context.Process(target=be_rank, args=(side, folder, workers, args, meet, told))
        for _ in range(ranks)
    ]
    for process in started:
        process.start()
    rates = [told.get() for _ in started]
    meet.wait()
    memory = 0
    for process in started:
        rank = psutil.Process(process.pid)
        for member in (rank, *rank.children(recursive=True)):
            memory += member.memory_full_info().pss
    meet.wait()
    for process in started:
        process.join()
    return statistics.mean(rates), memory / 2**20


def compare_loaders(folder: Path, args: argparse.Namespace) -> None:
    """Table 2."""
    gc.collect()  # what table 1 has mapped would be every rank's
    rows = []
    for ranks, workers in ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2)):
        rate, memory = run_ranks('bank', folder, ranks, workers, args)
        transport, without = run_ranks('no bank', folder, ranks, workers, args)
        own = 1 / (1 / rate - 1 / transport)
        name = f'mmlt: {ranks} rank{"s" * (ranks > 1)}, {workers} worker{"s" * (workers > 1)} each'
        cells = [f'{rate:,.0f}', f'{own:,.0f}', f'{rate:,.0f}']
        rows.append([name, *cells, f'{memory:.0f}', f'{memory - without:.0f}'])
    for ranks in (1, 2):
        rate, memory = run_ranks('LFB', folder, ranks, 0, args)
        _, without = run_ranks('LFB, none', folder, ranks, 0, args)
        cells = [f'{rate:,.0f}', f'{rate:,.0f}', f'{rate / ROIS:,.0f}']
        name = f"mmaction2's LFB: {ranks} rank{'s' * (ranks > 1)}"
        rows.append([name, *cells, f'{memory:.0f}', f'{memory - without:.0f}'])
    columns = ['processes', 'windows a CPU s', 'without transport', 'keyframes a CPU s']
    columns += ['PSS MB', 'of which the bank']
    size = sum(file.stat().st_size for file in (folder / 'bank').iterdir()) / 2**20
    print_table(f'a bank of {size:.0f} MB on disk', columns, rows)


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings('ignore', 'This DataLoader will create')  # more than there are cores
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_bank(folder, args)
        compare_windows(folder, args)
        compare_loaders(folder, args)


if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    main()
