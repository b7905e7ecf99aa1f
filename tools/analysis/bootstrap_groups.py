r"""Head, medium and tail of any detections with intervals from a bootstrap over videos.

A mean that is undefined, as that of a group without a class, is left out, and named.

Keyframes that the evaluation leaves out must be left out here too: without --exclude the values
are others. Where a metrics.json lies beside the detections and says something else, a warning
tells so. For intervals in a report, and of the gain of one run on another, see --ground-truth of
tools/analysis/report.py.

Example:
    python tools/analysis/bootstrap_groups.py RUN/detections.parquet --out RUN/bootstrap.json \
        --ground-truth test.csv --exclude excluded.csv --label-map label_map.pbtxt \
        --split split.json
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.bootstrap import bootstrap_over_videos
from mmlt.evaluation.coverage import has_evaluated_box
from mmlt.evaluation.progress import status
from mmlt.evaluation.runs.folder import METRICS_FILE
from mmlt.evaluation.runs.intervals import difference
from mmlt.evaluation.runs.read import read_run
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.class_split import read_split
from mmlt.fileio.evaluation_files import read_evaluation

MEASURES = ('frame_mAP', 'mSAP', 'mAUC')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('detections', help='.parquet or .csv, every detection')
    parser.add_argument('--ground-truth', required=True, help='annotations of the split (CSV)')
    parser.add_argument('--label-map', required=True, help='the classes to evaluate (pbtxt)')
    parser.add_argument('--split', required=True, help='head / medium / tail (split.json)')
    parser.add_argument('--exclude', help='keyframes to leave out (CSV of video_id,timestamp)')
    parser.add_argument('--num-resamples', type=int, default=200, help='draws of the videos')
    parser.add_argument('--seed', type=int, default=0, help='seed of these draws')
    parser.add_argument('--out', required=True, help='JSON file to write')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    return parser.parse_args(argv)


def compute(args: argparse.Namespace, advance: Callable[[], None]) -> dict:
    """Read the inputs, run the bootstrap, say what is odd about them and about the result."""
    files = (args.detections, args.ground_truth, args.label_map, args.exclude)
    found, (label_map, truth, excluded, warnings) = read_evaluation(*files)
    split = read_split(args.split, label_map)
    for warning in warnings:
        print(f'warning: {warning}', file=sys.stderr)

    def evaluate(detections, ground_truth, excluded) -> dict[str, float]:
        advance()
        is_resampled = ground_truth is not truth
        if is_resampled and not has_evaluated_box(ground_truth, label_map, excluded):
            return {}  # the videos drawn have none: every mean is undefined
        metrics = evaluate_ava(
            detections, ground_truth, label_map, excluded=excluded, split=split, num_trials=1
        )
        return means_of(metrics)

    draws = dict(num_resamples=args.num_resamples, seed=args.seed)
    intervals = bootstrap_over_videos(evaluate, found, truth, excluded, **draws)
    groups = ('all', *split.groups, 'head - tail')
    names = [f'{group}/{name}' for group in groups for name in MEASURES]
    undefined = [name for name in names if name not in intervals]
    if undefined:
        print(f'warning: undefined, and left out: {", ".join(undefined)}', file=sys.stderr)
    other = other_evaluation_warning(intervals, Path(args.detections).parent)
    if other:
        print(f'warning: {other}', file=sys.stderr)
    return {**draws, 'intervals': intervals}


def means_of(metrics: dict) -> dict[str, float]:
    """'all/mSAP', 'head - tail/mSAP' and so on of an evaluation, NaN where undefined."""
    numbers = {f'all/{name}': metrics[name] for name in MEASURES}
    for group, summary in metrics['groups'].items():
        numbers.update({f'{group}/{name}': summary[name] for name in MEASURES})
    numbers = {key: math.nan if value is None else value for key, value in numbers.items()}
    for name in MEASURES:
        numbers[f'head - tail/{name}'] = numbers[f'head/{name}'] - numbers[f'tail/{name}']
    return numbers


def other_evaluation_warning(intervals: dict, folder: Path) -> str | None:
    """Say in one sentence that the evaluation beside the detections gave other means."""
    file = folder / METRICS_FILE
    if not file.is_file():
        return None
    names = [f'all/{key}' for key in MEASURES if f'all/{key}' in intervals]
    values = {name: intervals[name]['value'] for name in names}
    differing = difference(values, read_run(file).metrics)
    return differing and f'{file}: {differing}; other --exclude, --ground-truth or --label-map?'


def print_intervals(result: dict) -> None:
    """Print one row a group, value and 95% interval for each measure."""
    table = Table(title=f'in percent, 95% over {result["num_resamples"]} resamples of the videos')
    table.add_column('classes')
    for name in MEASURES:
        table.add_column(name, justify='right')
    for group in dict.fromkeys(key.split('/')[0] for key in result['intervals']):
        cells = (result['intervals'].get(f'{group}/{name}') for name in MEASURES)
        table.add_row(group, *(_cell_text(cell) for cell in cells))
    Console().print(table)


def _cell_text(cell: dict | None) -> str:
    if cell is None:
        return '–'
    return f'{100 * cell["value"]:.1f} [{100 * cell["low"]:.1f}, {100 * cell["high"]:.1f}]'


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    with status('resampling', 1 + args.num_resamples) as advance:
        result = compute(args, advance)
    with atomic_write(args.out, overwrite=args.overwrite) as path:
        path.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    print_intervals(result)
    print(f'intervals: {args.out}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
