"""Running AP at VideoLT's size, 179,334 videos x 1,004 classes, against the reference's meter.

FrameStack computes the AP of every class over the training set after each epoch. The reference
does it with a loop over the classes that sorts all scores of each and walks down the ranking;
``meter_ap`` is that loop, written from its definition. Scores and labels are simulated, seeded:
1.3 labels a video, class sizes as a power law. Each side runs in a process of its own; the
making of the arrays is not counted.

    OMP_NUM_THREADS=1 python benchmarks/running_ap.py
    OMP_NUM_THREADS=1 python benchmarks/running_ap.py --samples 20000      # a quick look
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np
import torch

from mmlt.functional import average_precision

SIDES = {
    'meter': "the reference meter's loop (torch)",
    'mmlt': 'mmlt.functional.average_precision',
    'pass': 'limit: one pass over the scores',
    'copy': 'limit: one copy of the scores',
}


def make_arrays(num_samples: int, num_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N, C) float32 and targets (N, C) bool; a true class scores 2 sigma higher."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((num_samples, num_classes), dtype=np.float32)
    class_probs = np.arange(1, num_classes + 1) ** -0.8
    num_labels = int(1.3 * num_samples)
    rows = np.concatenate([np.arange(num_samples), rng.permutation(num_samples)])[:num_labels]
    columns = rng.choice(num_classes, num_labels, p=class_probs / class_probs.sum())
    targets = np.zeros(scores.shape, dtype=bool)
    targets[rows, columns] = True
    scores[rows, columns] += 2
    return scores, targets


def meter_ap(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """AP class by class: sort the column, cumulate the hits, average the precision at each.

    Targets are kept as bytes, where the reference keeps 8 of them for each.
    """
    scores, targets = torch.from_numpy(scores), torch.from_numpy(targets)
    ranks = torch.arange(1, len(scores) + 1, dtype=torch.float32)
    result = torch.zeros(scores.shape[1])
    for index in range(scores.shape[1]):
        order = torch.sort(scores[:, index], dim=0, descending=True)[1]
        is_hit = targets[:, index][order]
        precision = is_hit.float().cumsum(0) / ranks
        result[index] = precision[is_hit].sum() / max(float(is_hit.sum()), 1)
    return result.numpy()


def run_side(side: str, num_samples: int, num_classes: int, repeats: int, seed: int) -> dict:
    """CPU seconds (median), memory beyond the arguments in MB, and the AP of each class."""
    torch.set_num_threads(1)
    scores, targets = make_arrays(num_samples, num_classes, seed)
    function = {
        'meter': lambda: meter_ap(scores, targets),
        'mmlt': lambda: average_precision(scores, targets),
        'pass': lambda: scores.max(),
        'copy': lambda: scores.copy(),
    }[side]
    before, seconds = _peak_megabytes(), []
    for _ in range(1 if side == 'meter' else repeats):
        result = None  # the copy of the turn before must not count
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    per_class = result.tolist() if side in ('meter', 'mmlt') else None
    memory = _peak_megabytes() - before
    return dict(seconds=statistics.median(seconds), megabytes=memory, per_class=per_class)


def _peak_megabytes() -> float:
    # Not getrusage's peak: Linux counts the memory of the parent into it.
    status = pathlib.Path('/proc/self/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Run every side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--samples', type=int, default=179_334)
    parser.add_argument('--classes', type=int, default=1_004)
    parser.add_argument('--repeats', type=int, default=3, help='runs of each side but the meter')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--child', choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    sizes = (args.samples, args.classes, args.repeats, args.seed)
    if args.child:
        print(json.dumps(run_side(args.child, *sizes)))
        return
    names = ('--samples', '--classes', '--repeats', '--seed')
    options = [text for name, size in zip(names, sizes) for text in (name, str(size))]
    results = {}
    for side in SIDES:
        command = [sys.executable, __file__, '--child', side, *options]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        results[side] = json.loads(output.splitlines()[-1])
    _print_table(results, args.samples, args.classes)


def _print_table(results: dict, num_samples: int, num_classes: int) -> None:
    meter, ours = (np.array(results[side]['per_class']) for side in ('meter', 'mmlt'))
    error = np.abs(np.nan_to_num(ours) - meter).max()
    print(f'{num_samples:,} samples x {num_classes:,} classes; largest difference {error:.1e}\n')
    print('| side | CPU s | ratio | MB beyond the arguments |')
    print('|---|---|---|---|')
    for side, result in results.items():
        ratio = results['meter']['seconds'] / result['seconds']
        print(
            f'| {SIDES[side]} | {result["seconds"]:.2f} | {ratio:.1f} | {result["megabytes"]:.0f} |'
        )


if __name__ == '__main__':
    main()
