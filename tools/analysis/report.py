"""Write one HTML file about one run, or about several beside each other, that opens offline.

Also prints the head / medium / tail table of each.

A run is a folder with a metrics.json, as evaluate_ava.py and mmlt.AVALongTailMetric write it of
detectors and mmlt.LongTailMetric of classifiers. A shuffle_bias.json beside it, or alone, as
mmlt.ShuffleBiasMetric writes it, is reported too.
Examples:
    python tools/analysis/report.py work_dirs/baseline
    python tools/analysis/report.py work_dirs/baseline work_dirs/two_stage --out comparison.html
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.evaluation.report import build_report
from mmlt.evaluation.report_runs import read_runs
from mmlt.evaluation.shuffle_bias import print_shuffle_bias
from mmlt.evaluation.table import print_table


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', metavar='RUN', help='run folders, the baseline first')
    parser.add_argument('--out', help='default: report.html in the folder of the only run')
    parser.add_argument('--names', nargs='+', help='what to call the runs; default: their folders')
    parser.add_argument('--title', help='heading of the report')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing report')
    args = parser.parse_args(argv)
    if args.out is None:
        if len(args.runs) > 1:
            parser.error('several runs need --out FILE')
        run = Path(args.runs[0])
        args.out = (run.parent if run.is_file() else run) / 'report.html'
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    args = parse_args(argv)
    options = dict(names=args.names, title=args.title, overwrite=args.overwrite)
    try:
        path = build_report(args.runs, args.out, **options)
    except (ImportError, OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    for run in read_runs([Path(run) for run in args.runs], args.names):
        if run.metrics:
            print_table(run.metrics, name=run.name if len(args.runs) > 1 else None)
        else:
            print_shuffle_bias(run.shuffle_bias, name=run.name if len(args.runs) > 1 else None)
    print(f'report: {path}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
