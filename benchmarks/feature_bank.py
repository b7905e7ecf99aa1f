"""Windows of a long-term feature bank: time and memory against mmaction2's LFB on the same bank.

Two tables, of a drawn bank with at most 5 persons a second, so that both sides give the same
windows (this is asserted, on all that are read):

1. A window of 61 seconds with 5 persons each, in CPU milliseconds: `FeatureBank.window` and
   `mmlt.LoadFeatureBank` against mmaction2's `LFB` in memory, turn by turn; the copy of a window is
   the limit. mmaction2 reads a window for every RoI, in the head; mmlt one for every keyframe, in
   the loader's workers. With AVA's mean of annotated boxes a keyframe the cost of a RoI follows.
2. The same in the workers of 1 and 2 ranks, and the memory of all processes together: what each has
   of its own beyond what it had before the bank was opened (window buffers and the index; of
   mmaction2's side the bank), and the proportional part (PSS) of the bank's pages, which processes
   share. Linux only. The way of a window from a worker to its rank is told beside.

Example:
    OMP_NUM_THREADS=1 python benchmarks/feature_bank.py
    OMP_NUM_THREADS=1 python benchmarks/feature_bank.py --videos 2 --windows 100   # a quick look
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import runpy
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
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
    parser.add_argument('--parts', nargs='+', default=['windows', 'memory', 'transport'])
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
    convert = runpy.run_path(str(CONVERT))['main']
    assert convert([str(folder / 'lfb_val.pkl'), '--out', str(folder / 'bank')]) == 0


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
    names = list(sides)
    for turn, some in enumerate(np.array_split(np.arange(len(keyframes)), 20)):
        for side in names[turn % len(names) :] + names[: turn % len(names)]:
            read = sides[side]
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


def anonymous() -> float:
    """Memory of this process that no file stands behind, MB."""
    for line in Path('/proc/self/smaps_rollup').read_text().splitlines():
        if line.startswith('Anonymous:'):
            return int(line.split()[1]) / 1024
    raise RuntimeError('no Anonymous in /proc/self/smaps_rollup')


def mapped(pid: int, folder: Path) -> float:
    """Proportional part (PSS) of a process in the pages of a folder's files, MB."""
    total, is_bank = 0, False
    for line in Path(f'/proc/{pid}/smaps').read_text().splitlines():
        name = line.split(maxsplit=5)
        if not name[0].endswith(':'):  # the first line of a mapping
            is_bank = str(folder) in line
        elif is_bank and name[0] == 'Pss:':
            total += int(name[1])
    return total / 1024


class Windows(Dataset):
    """Of each keyframe (process, CPU seconds, growth in MB) of reading its window."""

    def __init__(self, keyframes: list, bank_dir: Path) -> None:
        self.keyframes = keyframes
        self.load = LoadFeatureBank(str(bank_dir), **WINDOW)
        self.before, self.growth = None, 0.0

    def __len__(self) -> int:
        return len(self.keyframes)

    def __getitem__(self, index: int) -> tuple:
        self.before = anonymous() if self.before is None else self.before
        video, second = self.keyframes[index]
        start = time.process_time()
        self.load(dict(video_id=video, timestamp=second))
        spent = time.process_time() - start
        if index % 32 == 0 or index > len(self) - 8:  # it takes longer than a window
            self.growth = anonymous() - self.before
        return os.getpid(), spent, self.growth


def read_lfb(folder: Path, keyframes: list, channels: int) -> Iterator[tuple]:
    """The same of mmaction2's side, which reads in the rank itself."""
    before = anonymous()
    lfb = open_lfb(folder, channels)
    growth = anonymous() - before
    for video, second in keyframes:
        start = time.process_time()
        lfb[f'{video},{second:04d}']
        yield os.getpid(), time.process_time() - start, growth


def be_rank(side: str, folder: Path, workers: int, args: argparse.Namespace, meet, told) -> None:
    """Read the windows as a rank does, tell what that took, and wait for memory to be read."""
    torch.set_num_threads(1)
    keyframes = draw_keyframes(args)
    if side == 'LFB':
        reading = read_lfb(folder, keyframes, args.channels)
    else:
        dataset = Windows(keyframes, folder / 'bank')
        options = dict(num_workers=workers, batch_size=None, persistent_workers=True)
        loader = DataLoader(dataset, **options)
        reading = iter(loader)
    found = list(reading)
    growth = {pid: last for pid, _, last in found}
    told.put((statistics.median(spent for _, spent, _ in found), sum(growth.values())))
    meet.wait()  # the workers are still there
    meet.wait()


def run_ranks(
    side: str, folder: Path, ranks: int, workers: int, args: argparse.Namespace
) -> tuple[float, float, float]:
    """CPU seconds a window, growth of all processes in MB, and the bank's mapped pages in MB."""
    context = get_context('fork')  # who spawns imports everything again, on both sides
    meet, told = context.Barrier(ranks + 1), context.Queue()
    started = [
        context.Process(target=be_rank, args=(side, folder, workers, args, meet, told))
        for _ in range(ranks)
    ]
    for process in started:
        process.start()
    spent, growth = zip(*(told.get() for _ in started))
    meet.wait()
    pages = 0.0
    for process in started:
        rank = psutil.Process(process.pid)
        for member in (rank, *rank.children(recursive=True)):
            pages += mapped(member.pid, folder / 'bank')
    meet.wait()
    for process in started:
        process.join()
    return statistics.mean(spent), sum(growth), pages


def compare_loaders(folder: Path, args: argparse.Namespace) -> None:
    """Table 2."""
    rows = []

    def add(name: str, side: str, ranks: int, workers: int) -> None:
        spent, growth, pages = run_ranks(side, folder, ranks, workers, args)
        cells = [f'{1000 * spent:.3f}', f'{1 / spent:,.0f}']
        rows.append([name, *cells, f'{growth:.0f}', f'{pages:.0f}', f'{growth + pages:.0f}'])

    for ranks, workers in ((1, 1), (1, 2), (1, 4), (2, 1), (2, 2)):
        add(f'mmlt, ranks x workers: {ranks} x {workers}', 'bank', ranks, workers)
    for ranks in (1, 2):
        add(f"mmaction2's LFB, ranks: {ranks}", 'LFB', ranks, 0)
    columns = ['processes', 'CPU ms a window', 'a CPU second', 'own MB', 'shared MB', 'MB in all']
    size = sum(file.stat().st_size for file in (folder / 'bank').iterdir()) / 2**20
    print_table(f'a bank of {size:.0f} MB on disk', columns, rows)


class Zeros(Dataset):
    """Fresh tensors of one shape."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.zeros(self.shape)


def compare_transport(args: argparse.Namespace) -> None:
    """What a window costs on its way from a worker to the rank, and it alone."""
    spent = []
    for shape in ((1, 1), (WINDOW['window_sec'] * WINDOW['max_persons'], args.channels)):
        windows = iter(DataLoader(Zeros(*shape), num_workers=1, batch_size=None))
        for _ in range(20):
            next(windows)
        own = psutil.Process()
        family = [own, *own.children(recursive=True)]
        start = sum(sum(member.cpu_times()[:2]) for member in family)
        for _ in range(args.windows):
            next(windows)
        used = sum(sum(member.cpu_times()[:2]) for member in family) - start
        spent.append(used / args.windows)
        del windows
    print(f'from a worker to its rank: {1000 * (spent[1] - spent[0]):.2f} CPU ms a window')


def apart(function: Callable, *args: object) -> None:
    """Call a function in a process of its own: what it frees would be every rank's."""
    process = get_context('fork').Process(target=function, args=args)
    process.start()
    process.join()
    assert process.exitcode == 0


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings('ignore', 'This DataLoader will create')  # more than there are cores
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        apart(draw_bank, folder, args)
        if 'windows' in args.parts:
            apart(compare_windows, folder, args)
        if 'memory' in args.parts:
            compare_loaders(folder, args)
        if 'transport' in args.parts:
            compare_transport(args)


if __name__ == '__main__':
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    main()
