r"""Study sampled AP and its variance against the number of trials (5 to 40), class by class.

Writes sap_trials.json and the picture sap_trials.png.

Example:
    python tools/analysis/sap_trials.py detections.parquet --ground-truth ava_val_v2.2.csv \
        --label-map ava_action_list_v2.2_for_activitynet_2019.pbtxt \
        --exclude ava_val_excluded_timestamps_v2.2.csv --out results/trials
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.evaluation.progress import status
from mmlt.experiments.sap_trials import draw_trials, study_trials
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.evaluation_files import read_evaluation
from mmlt.functional import match_scores


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        'detections',
        metavar='RUN_OR_DETECTIONS',
        help='.parquet or .csv, or a folder that holds one .parquet (dump= of '
        'mmlt.AVALongTailMetric)',
    )
    parser.add_argument('--ground-truth', required=True, help='annotations of the split (CSV)')
    parser.add_argument('--label-map', required=True, help='the classes to evaluate (pbtxt)')
    parser.add_argument('--exclude', help='keyframes to leave out (CSV of video_id,timestamp)')
    parser.add_argument(
        '--pool',
        choices=('boxes', 'detections'),
        default='boxes',
        help='what the negatives are drawn from: the annotated boxes, or these and the '
        'detections that match none',
    )
    parser.add_argument('--min-trials', type=int, default=5, help='least number of trials')
    parser.add_argument('--max-trials', type=int, default=40, help='greatest number of trials')
    parser.add_argument('--seed', type=int, default=0, help='seed of the trials')
    parser.add_argument(
        '--format', choices=('png', 'svg', 'pdf'), default='png', help='of the picture'
    )
    parser.add_argument('--out', required=True, help='folder to write to')
    parser.add_argument('--overwrite', action='store_true', help='replace existing files')
    return parser.parse_args(argv)


def find_detections(path: str) -> Path:
    """The detections file of a run folder, or the file itself."""
    if not Path(path).is_dir():
        return Path(path)
    found = sorted(Path(path).glob('*.parquet'))
    if len(found) != 1:
        names = ', '.join(file.name for file in found) or 'none'
        raise ValueError(f'{path}: one .parquet file of detections expected, found {names}')
    return found[0]


def compute(args: argparse.Namespace) -> dict:
    """Read the inputs, match, draw the trials."""
    files = (find_detections(args.detections), args.ground_truth, args.label_map, args.exclude)
    detections, split = read_evaluation(*files)
    for warning in split.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    matched = match_scores(
        detections,
        split.ground_truth,
        class_ids=sorted(split.label_map),
        excluded=split.excluded,
        pool=args.pool,
    )
    trials = dict(min_trials=args.min_trials, max_trials=args.max_trials, seed=args.seed)
    try:
        return {'pool': args.pool, **study_trials(matched, split.label_map, **trials)}
    except ValueError as error:
        raise ValueError(f'{args.detections} against {args.ground_truth}: {error}') from None


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    numbers = Path(args.out) / 'sap_trials.json'
    picture = Path(args.out) / f'sap_trials.{args.format}'
    for path in (numbers, picture):
        if path.exists() and not args.overwrite:
            raise FileExistsError(f'{path}: exists already; pass --overwrite')
    with status('drawing trials'):
        study = compute(args)
        with atomic_write(numbers, overwrite=args.overwrite) as path:
            text = json.dumps(study, indent=1, allow_nan=False, ensure_ascii=False)
            path.write_text(text + '\n', encoding='utf-8')
            draw_trials(study, picture, overwrite=args.overwrite)
    for index in (0, -1):
        number, sap = study['num_trials'][index], study['mSAP'][index]
        print(f'mSAP of {number} trials: {100 * sap:.2f}')
    print(f'mSAP, exact: {100 * study["mSAP_exact"]:.2f}')
    print(f'numbers: {numbers}\npicture: {picture}')


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
