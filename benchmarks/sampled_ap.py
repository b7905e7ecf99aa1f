"""Exact SAP of 60 classes on all of AVA val against the paper's loop over classes and trials.

Prints CPU seconds of one process (the best of several turns; the loop runs once) and the largest
error against a sum over every outcome of the hypergeometric law, class by class. Scores are
simulated; the boxes of each class come from real annotations where given, else from the counts
below. Takes a minute.

Examples:
    OMP_NUM_THREADS=1 python benchmarks/sampled_ap.py
    OMP_NUM_THREADS=1 python benchmarks/sampled_ap.py --ground-truth ava_val_v2.2.csv
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from mmlt.fileio.class_counts import read_class_counts
from mmlt.functional import (
    expected_sampled_average_precision,
    match_scores,
    read_ava_csv,
    sampled_average_precision,
)
from mmlt.functional.checks import check_retrieval
from mmlt.functional.retrieval._ranking import class_pools

NUM_BOXES = 93_994
NUM_TRIALS = 15
# Boxes of AVA val: the poses as annotated in v2.1, and the two classes the paper counts (43, 80).
# Each of the other 45 has the share of the training boxes that those have, .27, but at least the
# 26 that AVA asks of an evaluated class.
VAL_COUNTS = {1: 2410, 3: 929, 4: 1476, 5: 88, 6: 326, 7: 72, 8: 1878, 9: 452, 10: 997}
VAL_COUNTS.update({11: 29147, 12: 43400, 13: 34, 14: 12172, 43: 32, 80: 44449})


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--ground-truth', help='AVA annotations (CSV); default: counts as above')
    parser.add_argument('--repeats', type=int, default=7, help='turns of everything but the loop')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def make_targets(ground_truth: str | None, rng: np.random.Generator) -> np.ndarray:
    """(N, C) of the 60 classes, from real annotations or from the counts."""
    train_counts = read_class_counts('ava_v2.2').counts
    if ground_truth is not None:
        boxes = read_ava_csv(ground_truth)
        targets = match_scores(boxes, boxes, class_ids=list(train_counts)).targets
        return targets[:, targets.any(axis=0)]
    targets = np.zeros((NUM_BOXES, len(train_counts)), dtype=bool)
    for index, (class_id, num_train) in enumerate(train_counts.items()):
        count = VAL_COUNTS.get(class_id, max(26, round(0.27 * num_train)))
        targets[rng.choice(NUM_BOXES, count, replace=False), index] = True
    return targets


def simulate_scores(targets: np.ndarray, rng: np.random.Generator, signal: float) -> np.ndarray:
    """Gaussian scores, the positives' shifted by 0 to `signal`; 4% are never retrieved."""
    shift = rng.uniform(0, signal, targets.shape[1])
    scores = rng.normal(size=targets.shape) + shift * targets
    scores[rng.random(targets.shape) < 0.04] = -np.inf
    return scores


def rank(scores: np.ndarray, targets: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """What AP needs as well: checked arguments, then P, M and the f_k of each class."""
    return [
        (len(pool.positives), pool.num_negatives, pool.false_positives())
        for pool in class_pools(*check_retrieval(scores, targets, None))
    ]


def loop_over_trials(scores: np.ndarray, targets: np.ndarray, rng) -> np.ndarray:
    """The peer: equation 3 of the paper as it stands, numpy inside a trial."""
    result = np.empty(targets.shape[1])
    for c in range(targets.shape[1]):
        average_precisions = []
        for _ in range(NUM_TRIALS):
            positives = scores[targets[:, c], c]
            negatives = scores[~targets[:, c], c]
            sample = rng.choice(negatives, min(len(positives), len(negatives)), replace=False)
            pool = np.concatenate([positives, sample])
            is_positive = np.arange(len(pool)) < len(positives)
            order = np.argsort(-pool, kind='stable')
            order = order[pool[order] > -np.inf]
            hits = is_positive[order]
            precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
            average_precisions.append(precision[hits].sum() / len(positives))
        result[c] = np.mean(average_precisions)
    return result


def loop_over_boxes(scores: np.ndarray, targets: np.ndarray, rng) -> np.ndarray:
    """The same without numpy: the precision, equation 1, counted box by box."""
    generator = random.Random(int(rng.integers(1 << 30)))
    result = []
    for class_scores, is_positive in zip(scores.T, targets.T):
        positives = [(-score, True) for score in class_scores[is_positive].tolist()]
        negatives = [(-score, False) for score in class_scores[~is_positive].tolist()]
        total = 0.0
        for _ in range(NUM_TRIALS):
            sample = generator.sample(negatives, min(len(positives), len(negatives)))
            hits = boxes = 0
            for negated, is_hit in sorted(positives + sample):
                boxes += 1
                if is_hit and negated < math.inf:
                    hits += 1
                    total += hits / boxes
        result.append(total / len(positives) / NUM_TRIALS)
    return np.array(result)


def slow_reference(num_positives: int, num_negatives: int, false_positives: np.ndarray) -> float:
    """Sum k / (k + h) times the law of H over 14 standard deviations on both sides of its mode."""
    num_drawn = min(num_positives, num_negatives)
    total = 0.0
    for start in range(0, len(false_positives), 256):
        marked = false_positives[start : start + 256, None].astype(np.float64)
        k = np.arange(start + 1, start + len(marked) + 1, dtype=np.float64)[:, None]
        mode = np.floor((marked + 1) * (num_drawn + 1) / (num_negatives + 2))
        variance = num_drawn * marked / num_negatives * (1 - marked / num_negatives)
        reach = int(14 * np.sqrt(variance.max()) + 50)
        h = mode + np.arange(-reach, reach + 1)
        # the law's ratio of neighbours, from h - 1 to h
        up = np.maximum(marked - h + 1, 0) * np.maximum(num_drawn - h + 1, 0)
        down = np.maximum(h, 0) * np.maximum(num_negatives - marked - num_drawn + h, 0)
        with np.errstate(divide='ignore', invalid='ignore'):
            above = np.cumprod((up / down)[:, reach + 1 :], axis=1)
            below = np.cumprod((down / up)[:, reach:0:-1], axis=1)[:, ::-1]
        weights = np.concatenate([below, np.ones_like(k), above], axis=1)
        weights = np.where(np.isfinite(weights), weights, 0.0)
        inside = (h >= 0) & (h <= np.minimum(marked, num_drawn))
        weights *= inside & (h >= marked + num_drawn - num_negatives)
        values = k / np.where(inside, k + h, 1.0)
        total += ((weights * values).sum(1) / weights.sum(1)).sum()
    return total / num_positives


def cpu_seconds(function: Callable[[], object], repeats: int = 1) -> tuple[float, object]:
    """CPU seconds of the best of several calls, and what the last one returned."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        value = function()
        best = min(best, time.process_time() - start)
    return best, value


def measure(targets: np.ndarray, signal: float, args: argparse.Namespace) -> list[Sequence[str]]:
    """Time everything on one set of scores."""
    rng = np.random.default_rng(args.seed)
    scores = simulate_scores(targets, rng, signal)
    ranking, pools = cpu_seconds(lambda: rank(scores, targets), args.repeats)
    total, exact = cpu_seconds(
        lambda: expected_sampled_average_precision(scores, targets), args.repeats
    )
    trials, sampled = cpu_seconds(lambda: sampled_average_precision(scores, targets))
    plain, counted = cpu_seconds(lambda: loop_over_boxes(scores, targets, rng))
    loop, looped = cpu_seconds(lambda: loop_over_trials(scores, targets, rng))
    slow, reference = cpu_seconds(lambda: np.array([slow_reference(*pool) for pool in pools]))

    def row(name: str, seconds: float, values: np.ndarray | None = None) -> Sequence[str]:
        error = '' if values is None else f'{np.abs(values - reference).max():.1e}'
        return name, f'{seconds:.3f}', f'{loop / seconds:.1f}x', error

    return [
        row('ranking alone', ranking),
        row('exact SAP, beyond the ranking', total - ranking),
        row('exact SAP, in all', total, exact),
        row(f'our estimator, {NUM_TRIALS} trials', trials, sampled.mean),
        row(f'the loop, {NUM_TRIALS} trials', loop, looped),
        row('the loop without numpy', plain, counted),
        row('slow reference', slow),
    ]


def main() -> None:
    """Run and print."""
    args = parse_args()
    targets = make_targets(args.ground_truth, np.random.default_rng(args.seed))
    counts = targets.sum(axis=0)
    print(f'{len(targets):,} boxes, {len(counts)} classes of {counts.min()} to {counts.max():,}')
    print(f'boxes, {counts.sum():,} labels; CPU seconds of one process')
    for signal, name in ((2.5, 'scores with signal'), (0.0, 'scores without signal')):
        table = Table(title=name, title_justify='left')
        table.add_column('')
        for heading in ('CPU s', 'loop / this', 'max error'):
            table.add_column(heading, justify='right')
        for cells in measure(targets, signal, args):
            table.add_row(*cells)
        Console(width=90).print(table)


if __name__ == '__main__':
    main()
