r"""Judge the detections of any AVA-style run: frame-AP, sampled AP and ROC-AUC, class by class.

Writes metrics.json, per_class.csv and report.html.

Example:
    python tools/analysis/evaluate_ava.py detections.csv --ground-truth ava_val_v2.2.csv \
        --label-map ava_action_list_v2.2_for_activitynet_2019.pbtxt \
        --exclude ava_val_excluded_timestamps_v2.2.csv --train-counts ava_v2.2 --out results/run1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.coverage import low_coverage_warning
from mmlt.evaluation.groups import empty_groups_warning
from mmlt.evaluation.progress import status
from mmlt.evaluation.report.page import build_report
from mmlt.evaluation.runs.folder import (
    DETECTIONS_FILE,
    METRICS_FILE,
    PER_CLASS_FILE,
    write_results,
)
from mmlt.evaluation.runs.terminal import print_table
from mmlt.evaluation.score_ratios import changed_scores_warning
from mmlt.fileio.class_counts import count_training_boxes, read_class_counts
from mmlt.fileio.class_split import read_split
from mmlt.fileio.detections import write_detections
from mmlt.fileio.evaluation_files import AnnotatedSplit, read_evaluation
from mmlt.functional import AVABoxes

REPORT_FILE = 'report.html'
HEAD_MIN, TAIL_MAX, CAPACITY = 10_000, 999, 50


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        'detections',
        help='.parquet (dump= of mmlt.AVALongTailMetric) or .csv; a CSV that was thresholded or '
        'rounded on the way has no sampled AP to speak of, and a frame-AP only of the classes '
        'that kept detections',
    )
    parser.add_argument('--ground-truth', required=True, help='annotations of the split (CSV)')
    parser.add_argument('--label-map', required=True, help='the classes to evaluate (pbtxt)')
    parser.add_argument('--exclude', help='keyframes to leave out (CSV of video_id,timestamp)')
    _add_groups(parser)
    _add_protocol(parser)
    parser.add_argument('--num-trials', type=int, default=15, help='trials of the sampled form')
    parser.add_argument('--seed', type=int, default=0, help='seed of the sampled form')
    parser.add_argument(
        '--pool',
        choices=('boxes', 'detections'),
        default='boxes',
        help='what sampled AP and ROC-AUC rank: the annotated boxes, or these and every detection '
        'that matched none',
    )
    parser.add_argument('--out', required=True, help='folder to write to')
    parser.add_argument(
        '--dump',
        action='store_true',
        help='keep the detections too, OUT/detections.parquet: tools/analysis/report.py draws '
        'intervals from it',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace existing files')
    args = parser.parse_args(argv)
    for name in ('head_min', 'tail_max'):
        if getattr(args, name) is None:
            continue
        option = f'--{name.replace("_", "-")}'
        if args.split:
            parser.error(f'{option} has no effect with --split, which names the groups itself')
        if not (args.train_annotations or args.train_counts):
            parser.error(f'{option} has no effect without --train-annotations or --train-counts')
    if args.protocol != 'official' and 'capacity' in args:
        parser.error('--capacity has no effect without --protocol official')
    return args


def _add_groups(parser: argparse.ArgumentParser) -> None:
    counts = parser.add_mutually_exclusive_group()
    counts.add_argument('--train-annotations', help='training annotations (CSV), to be counted')
    counts.add_argument('--train-counts', help="counts.json, or 'ava_v2.2': the counts of AVA v2.2")
    parser.add_argument('--split', help='head / medium / tail as a file (split.json)')
    parser.add_argument(
        '--head-min', type=int, help=f'head: more training boxes than this, default: {HEAD_MIN}'
    )
    parser.add_argument(
        '--tail-max', type=int, help=f'tail: at most so many training boxes, default: {TAIL_MAX}'
    )


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--protocol',
        choices=('mmaction2', 'official'),
        default='mmaction2',
        help="frame-AP as mmaction2 logs it, or as ActivityNet's script, the one of AVA's "
        'challenge and of most papers, computes it; only there a class that was never detected '
        'counts as 0, mmaction2 leaves it out of the mean',
    )
    parser.add_argument(
        '--capacity',
        type=_capacity,
        default=argparse.SUPPRESS,
        help=f"best-scored rows kept of a keyframe, or 'all' (protocol official only; default: "
        f'{CAPACITY})',
    )


def _capacity(text: str) -> int | None:
    return None if text == 'all' else int(text)


def read_groups(args: argparse.Namespace, label_map: dict[int, str]) -> dict:
    """Training counts, split and thresholds, as :func:`evaluate_ava` takes them."""
    train_counts = None
    if args.train_annotations:
        train_counts = count_training_boxes(args.train_annotations, label_map)
    elif args.train_counts:
        train_counts = read_class_counts(args.train_counts, label_map)
    return dict(
        train_counts=train_counts,
        split=read_split(args.split, label_map) if args.split else None,
        head_min=HEAD_MIN if args.head_min is None else args.head_min,
        tail_max=TAIL_MAX if args.tail_max is None else args.tail_max,
    )


def evaluate(args: argparse.Namespace) -> tuple[dict, AVABoxes]:
    """Read the inputs, say what is odd about them, evaluate; with the detections."""
    files = (args.detections, args.ground_truth, args.label_map, args.exclude)
    detections, split = read_evaluation(*files)
    groups = read_groups(args, split.label_map)
    warnings = [*split.warnings, empty_groups_warning(split.label_map, **groups)]
    _warn(warnings)
    metrics = _judge(args, detections, split, groups)
    said = [
        low_coverage_warning(metrics, args.detections),
        changed_scores_warning(metrics, args.detections),
    ]
    _warn(said)
    metrics['warnings'] = list(filter(None, [*warnings, *said]))
    return metrics, detections


def _judge(
    args: argparse.Namespace, detections: AVABoxes, split: AnnotatedSplit, groups: dict
) -> dict:
    """Evaluate; an error about the ground truth names the files that it comes from."""
    options = {name: getattr(args, name) for name in ('protocol', 'num_trials', 'seed', 'pool')}
    options['capacity'] = getattr(args, 'capacity', CAPACITY)
    boxes = (detections, split.ground_truth, split.label_map)
    try:
        return evaluate_ava(*boxes, excluded=split.excluded, **options, **groups)
    except ValueError as error:
        if not str(error).startswith('ground_truth: '):
            raise
        files = ', '.join(filter(None, [args.ground_truth, args.label_map, args.exclude]))
        raise ValueError(f'{files}: {str(error).partition(": ")[2]}') from None


def _warn(warnings: Sequence[str | None]) -> None:
    for warning in filter(None, warnings):
        print(f'warning: {warning}', file=sys.stderr)


def _write_report(out_dir: Path, overwrite: bool) -> Path | str:
    try:
        return build_report([out_dir], out_dir / REPORT_FILE, overwrite=overwrite)
    except ImportError as error:  # matplotlib is an extra; the numbers do not need it
        return f'not written, {error}'


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    out_dir = Path(args.out)
    if out_dir.exists() and not out_dir.is_dir():
        raise NotADirectoryError(f'{out_dir}: is a file; --out takes a folder')
    dumped = [DETECTIONS_FILE] if args.dump else []
    for name in (METRICS_FILE, PER_CLASS_FILE, REPORT_FILE, *dumped):
        if (out_dir / name).exists() and not args.overwrite:
            raise FileExistsError(f'{out_dir / name}: exists already; pass --overwrite')
    with status('evaluating'):
        metrics, detections = evaluate(args)
        for name in dumped:
            write_detections(out_dir / name, detections, overwrite=args.overwrite)
        write_results(metrics, out_dir, overwrite=args.overwrite)
        report = _write_report(out_dir, args.overwrite)
    print_table(metrics)
    if metrics['train_counts_source']:
        print(f'training counts: {metrics["train_counts_source"]}')
    if metrics['split_source']:
        print(f'split: {metrics["split_source"]}')
    print(f'report: {report}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
