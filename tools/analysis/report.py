r"""Write one HTML file about one run, or about several beside each other, that opens offline.

Also prints the head / medium / tail table of each, what each further run gains on the first, and
what speaks against comparing them.

A run is a folder with a metrics.json, as evaluate_ava.py and mmlt.AVALongTailMetric write it of
detectors and mmlt.LongTailMetric of classifiers. A shuffle_bias.json beside it, or alone, as
mmlt.ShuffleBiasMetric writes it, is reported too.

With --ground-truth, means and gains of detectors get 95% intervals: the test videos are resampled,
the same ones for every run, and each run's detections.parquet (dump= of mmlt.AVALongTailMetric) is
evaluated again. They are kept in each run's intervals.json, and later reports show them unasked.
--num-resamples 0 makes none.

With --frames, the report of a detector that kept its detections.parquet shows what it did: of the
20 classes of the lowest frame-AP, and those of --examples, at most 4 hits, 4 misses and 4 false
alarms each; of several runs those of the last. FOLDER is one that prepare_videos.py made, or one of
folders of frames: then --fps, --filename-tmpl, --start-index and --timestamp-start are those of the
AVA dataset. The annotations are those of --ground-truth, else those that the run's own config
names. A report with pictures takes at most 4 MB: the more classes, the coarser and the fewer they
are.

Examples:
    python tools/analysis/report.py work_dirs/baseline/test
    python tools/analysis/report.py work_dirs/baseline/test work_dirs/two_stage/test
    python tools/analysis/report.py work_dirs/baseline/test work_dirs/two_stage/test \
        --ground-truth ava_val_v2.2.csv --exclude ava_val_excluded_timestamps_v2.2.csv
    python tools/analysis/report.py work_dirs/mine/test --frames data/mine --examples wave 7
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.progress import status
from mmlt.evaluation.report.examples import PicturedExamples
from mmlt.evaluation.report.facts import notes_of
from mmlt.evaluation.report.page import build_report
from mmlt.evaluation.runs.compare import add_intervals, folder_of, read_runs
from mmlt.evaluation.runs.gains import print_gains
from mmlt.evaluation.runs.intervals import videos_of
from mmlt.evaluation.runs.terminal import print_table
from mmlt.evaluation.shuffle_bias import print_shuffle_bias
from mmlt.experiments.example_pictures import (
    absent_pictures,
    count_examples,
    picture_examples,
    read_examples,
)
from mmlt.fileio.evaluation_files import AnnotationFiles
from mmlt.fileio.keyframe_reader import FRAMES_ON_DISK, open_keyframes

_RULE = ('fps', 'filename_tmpl', 'start_index', 'timestamp_start')
_MOST_NAME = 120  # characters of a file's name


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('runs', nargs='+', metavar='RUN', help='run folders, the baseline first')
    parser.add_argument(
        '--out',
        help='file to write; default: report.html, of several runs report-RUN-RUN.html, in the '
        'folder of the first run',
    )
    parser.add_argument('--names', nargs='+', help='what to call the runs; default: their folders')
    parser.add_argument('--title', help='heading of the report; default: made from the names')
    parser.add_argument(
        '--ground-truth', help='annotations that the runs were evaluated on (CSV), for intervals'
    )
    parser.add_argument('--exclude', help='keyframes they were not evaluated on (CSV)')
    help = 'draws of the videos; 0 makes no intervals'
    parser.add_argument('--num-resamples', type=int, default=200, help=help)
    parser.add_argument('--seed', type=int, default=0, help='seed of these draws')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace an existing report, and an intervals.json of other draws',
    )
    add_frames(parser)
    args = parser.parse_args(argv)
    if args.exclude and not args.ground_truth:
        parser.error('--exclude takes --ground-truth, the annotations whose keyframes it names')
    if args.num_resamples < 0:
        parser.error(f'--num-resamples must be at least 0, not {args.num_resamples}')
    if not (args.fps is None or 0 < args.fps < float('inf')):
        parser.error(f'--fps must be above 0, not {args.fps}')
    for name in ('examples', *_RULE):
        if getattr(args, name) not in (None, []) and not args.frames:
            parser.error(f'--{name.replace("_", "-")} takes --frames')
    return args


def add_frames(parser: argparse.ArgumentParser) -> None:
    """Add the options about pictures."""
    group = parser.add_argument_group('pictures of what a detector did')
    group.add_argument('--frames', metavar='FOLDER', help='where the keyframes are')
    names = 'further classes to show, names or ids'
    group.add_argument('--examples', nargs='+', default=[], metavar='CLASS', help=names)
    group.add_argument('--fps', type=float, help='frames a second on disk (default: 30)')
    names = 'file names of frames (default: img_{:05}.jpg)'
    group.add_argument('--filename-tmpl', help=names)
    group.add_argument('--start-index', type=int, help='number of the first frame (default: 1)')
    start = 'second where frames start (default: 900)'
    group.add_argument('--timestamp-start', type=int, help=start)


def default_out(paths: Sequence[Path], names: Sequence[str]) -> Path:
    """The file of the report: in the folder of the first run, named after all if several."""
    name = 'report'
    if len(paths) > 1:
        safe = [re.sub(r'[^\w.()+-]+', '_', each) for each in names]
        name = '-'.join(['report', *safe])[:_MOST_NAME]
    return folder_of(paths[0]) / f'{name}.html'


def make_all_intervals(args: argparse.Namespace, paths: Sequence[Path]) -> None:
    """Write the intervals of every run that has none from the same draws yet."""
    ground_truth, excluded = AnnotationFiles(args.ground_truth, args.exclude).read()
    if args.frames and len(videos_of(ground_truth)) < 2:  # given for the pictures
        print('note: no intervals, which need two videos at least', file=sys.stderr)
        return
    with status('resampling', len(paths) * (args.num_resamples + 1)) as advance:
        for path in paths:
            add_intervals(
                path,
                ground_truth,
                excluded,
                num_resamples=args.num_resamples,
                seed=args.seed,
                overwrite=args.overwrite,
                on_resample=advance,
            )


def make_pictures(args: argparse.Namespace, paths: Sequence[Path]) -> PicturedExamples:
    """The examples of the last run, with their pictures."""
    told = {name: getattr(args, name) for name in _RULE if getattr(args, name) is not None}
    rule = FRAMES_ON_DISK._replace(**told) if told else None
    read_keyframe = open_keyframes(args.frames, rule, in_full_size=True)
    truth = AnnotationFiles(args.ground_truth, args.exclude) if args.ground_truth else None
    examples = read_examples(paths[-1], truth, args.examples)
    with status('pictures', count_examples(examples)) as advance:
        shown = picture_examples(examples, read_keyframe, advance)
    reasons = absent_pictures(shown)
    if reasons:
        total = count_examples(examples)
        print(
            f'warning: {len(reasons)} of {total} pictures are absent: {reasons[0]}', file=sys.stderr
        )
    return PicturedExamples(len(paths) - 1, shown)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    paths = [Path(run) for run in args.runs]
    options = dict(names=args.names, title=args.title, overwrite=args.overwrite)
    if args.names and len(args.names) != len(paths):
        raise ValueError(f'--names: got {len(args.names)} for {len(paths)} runs')
    out = Path(args.out or default_out(paths, [r.name for r in read_runs(paths, args.names)]))
    if out.exists() and not args.overwrite:  # said before the resampling
        raise FileExistsError(f'{out}: exists already; pass --overwrite to replace it')
    examples = make_pictures(args, paths) if args.frames else None
    if args.ground_truth and args.num_resamples:
        make_all_intervals(args, paths)
    path = build_report(paths, out, examples=examples, **options)
    runs = read_runs(paths, args.names)
    for run in runs:
        name = run.name if len(runs) > 1 else None
        if run.metrics:
            print_table(run.metrics, name=name)
        else:
            print_shuffle_bias(run.shuffle_bias, name=name)
    if runs[0].metrics:
        print_gains(runs)
        print(''.join(f'note: {note}\n' for note in notes_of(runs)), end='')
    print(f'report: {path}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
