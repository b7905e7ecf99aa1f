"""The tables of two papers on the toy world: all methods and seeds.

`--table in_the_wild`: "A Study on Action Detection in the Wild"; about 13 minutes a seed and core.
`--table videolt`: the methods of "VideoLT" on feature sequences; about 6 minutes a seed and core.

Example:
    python tools/data/make_toy_world.py --out data/toy --parts ava features
    python tools/analysis/run_toy_table.py --work-dir work_dirs/toy_table
    python tools/analysis/run_toy_table.py --table videolt

May be stopped and started again, and several may run at once on other --seeds with the same
--work-dir: what is finished is not repeated, a training goes on from its last checkpoint. What a
step prints is in the logs of its seed's folder. When all
seeds are there, the numbers go to configs/TABLE/toy_results.json and the table into README.md
beside it (--write).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt.command_line import HelpFormatter
from mmlt.evaluation.progress import StepError, run_step
from mmlt.experiments.seed_table import (
    bootstrap_methods,
    match_by_video,
    mean_and_error,
    replace_between,
    with_error,
)
from mmlt.experiments.videolt_bench import (
    METHODS,
    TOY_START,
    config_of,
    read_data,
    toy_overrides,
    write_counts,
)
from mmlt.experiments.videolt_table import read_seeds, seed_table
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.class_split import read_split
from mmlt.fileio.detections import read_detections
from mmlt.fileio.label_map import read_label_map
from mmlt.functional import read_ava_csv, read_excluded_timestamps

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / 'configs' / 'toy'
STEM = 'slowonly_toy_ava'
GROUPS = ('all', 'head', 'medium', 'tail')
TAIL_MAX = 40  # training boxes: the toy world's own border of the tail


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        label: What the table calls it.
        trunk: Run whose trunk it takes: 'baseline', 'stage_one_ap' or 'stage_one_counts', or None.
        config: Suffix of its config.
        paper: Table of the paper and its mSAP there: all, head, tail.
    """

    label: str
    trunk: str | None
    config: str
    paper: tuple


ROWS = {
    'baseline': Row('baseline', None, '', (2, 47.8, 47.8, 47.7)),
    'balanced': Row('balanced from scratch', None, '_balanced', (2, 41.9, 40.2, 47.6)),
    'focal': Row('focal loss, gamma 2', None, '_focal', (2, 43.4, 44.2, 41.1)),
    'two_stage_ap': Row(
        'two-stage, split by AP', 'stage_one_ap', '_stage_two', (2, 49.1, 47.7, 53.9)
    ),
    'two_stage_counts': Row('two-stage, split by counts', 'stage_one_counts', '_stage_two', ()),
    'stage_one_all': Row('stage 1 on all classes', 'baseline', '_stage_two', (3, 47.4, 46.1, 51.8)),
    'whole_model': Row(
        'stage 2 trains the whole model',
        'stage_one_ap',
        '_stage_two_whole_model',
        (4, 47.3, 46.2, 50.9),
    ),
    'original': Row(
        'stage 2 not balanced', 'stage_one_ap', '_stage_two_original', (5, 41.6, 43.5, 35.1)
    ),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        '--table', choices=list(TABLES), default='in_the_wild', help='folder in configs'
    )
    parser.add_argument('--work-dir', type=Path, help='default: work_dirs/toy_table, videolt_table')
    parser.add_argument('--data', type=Path, help='default: in data/toy')
    parser.add_argument('--seeds', type=int, nargs='+', help='default: 3 or, of videolt, 5')
    parser.add_argument('--rows', nargs='+', metavar='ROW', help='default: all')
    parser.add_argument('--on', choices=('val', 'test'), default='test', help='val: for choices')
    parser.add_argument('--num-resamples', type=int, default=200, help='of the bootstrap')
    parser.add_argument('--write', action='store_true', help='results and table into the repo')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of every training')
    args = parser.parse_args(argv)
    table = TABLES[args.table]
    args.work_dir = args.work_dir or Path('work_dirs') / table.work_dir
    args.data = args.data or Path('data/toy') / table.data
    args.seeds = args.seeds or list(range(table.num_seeds))
    args.rows = args.rows or list(table.rows)
    unknown = [name for name in args.rows if name not in table.rows]
    if unknown:
        parser.error(f'--rows: {unknown[0]!r} is none of {", ".join(table.rows)}')
    return args


class Experiment:
    """All runs of one seed, each step done once."""

    def __init__(self, args: argparse.Namespace, seed: int) -> None:
        self.args, self.seed = args, seed
        self.folder = args.work_dir / f'seed{seed}'
        self.folder.mkdir(parents=True, exist_ok=True)

    def once(self, name: str, step: Callable[[], None]) -> None:
        """Run a step unless it is done; note its CPU seconds."""
        done = self.folder / f'{name}.done'
        if done.exists():
            return
        log = self.folder / 'logs' / f'{name}.log'
        fork = multiprocessing.get_context('fork')

        def run() -> int:
            process = fork.Process(target=_timed, args=(step, done, log))
            process.start()
            process.join()
            return process.exitcode or int(not done.exists())

        run_step(f'seed {self.seed}: {name}', log, run)

    def train(self, name: str, suffix: str, *options: str) -> Path:
        """Train a config of the toy's family; its checkpoint."""
        work_dir = self.folder / name
        options = (*options, *self.args.cfg_options)
        if not suffix.startswith('_stage_two') or suffix == '_stage_two_whole_model':
            options = ('train_dataloader.batch_size=16', *options)  # 2 ranks x 8 in one process
        given = ['--cfg-options', *options] if options else []
        arguments = ['--work-dir', work_dir, '--seed', self.seed, '--resume', '--no-validate']
        self.once(name, lambda: _tool('train.py', _config(suffix), *arguments, *given))
        return Path((work_dir / 'last_checkpoint').read_text().strip())

    def test(self, name: str, suffix: str, checkpoint: Path, on: str, *options: str) -> Path:
        """Test a checkpoint; the folder of its results."""
        out = self.folder / f'{name}_{on}'
        given = [f'test_evaluator.out_dir={out}', 'test_evaluator.dump=detections.parquet']
        arguments = [
            '--work-dir',
            out / 'log',
            '--data-split',
            on,
            '--cfg-options',
            *given,
            *options,
        ]
        self.once(f'{name}_{on}', lambda: _tool('test.py', _config(suffix), checkpoint, *arguments))
        return out

    def split(self, how: str) -> Path:
        """The head/tail split by the baseline's AP on train and val, or by training counts."""
        path = self.folder / f'split_{how}.json'
        if how == 'counts':
            arguments = (self.args.data / 'train_counts.json', '--tail-max', TAIL_MAX)
        else:
            baseline = self.train('baseline', '')
            arguments = [self.test('baseline', '', baseline, on) for on in ('train', 'val')]
        tool = f'analysis/split_by_{how}.py'
        self.once(path.stem, lambda: _tool(tool, *arguments, '--out', path, '--overwrite'))
        return path

    def trunk(self, name: str) -> Path:
        """The checkpoint of a trunk: the baseline's, or that of a stage one."""
        if name == 'baseline':
            return self.train(name, '')
        split = self.split(name.rpartition('_')[2])
        return self.train(name, '_stage_one', f'model.roi_head.bbox_head.split_file={split}')

    def features(self, name: str, checkpoint: Path) -> Path:
        """Cached RoI features of a trunk on train and on the split that is judged."""
        out = self.folder / f'{name}_features'
        arguments = ('--out', out, '--data-split', 'train', self.args.on, '--num-workers', 0)
        tool = 'features/extract_box_features.py'
        self.once(out.name, lambda: _tool(tool, _config(''), checkpoint, *arguments))
        return out

    def row(self, name: str) -> Path:
        """The folder with the results of a row."""
        row, on = ROWS[name], self.args.on
        if row.trunk is None:
            return self.test(name, row.config, self.train(name, row.config), on)
        trunk = self.trunk(row.trunk)
        if name == 'whole_model':
            checkpoint = self.train(name, row.config, f'custom_hooks.0.checkpoint={trunk}')
            return self.test(name, row.config, checkpoint, on)
        features = self.features(row.trunk, trunk)
        source = f'train_dataloader.dataset.feature_dir={features / "train"}'
        checkpoint = self.train(name, row.config, source)
        judged = f'test_dataloader.dataset.feature_dir={features / on}'
        return self.test(name, row.config, checkpoint, on, judged)


class FeatureExperiment(Experiment):
    """The methods of VideoLT's bench, each one training on the toy's feature sequences."""

    def row(self, name: str) -> Path:
        """The folder with the results of a method."""
        from mmengine.config import Config

        args, work_dir, counts = self.args, self.folder / name, self.folder / 'train_counts.json'
        data = read_data(args.data, args.data / 'features')
        self.once('counts', lambda: write_counts(args.data, counts, overwrite=True))
        config = ROOT / 'configs' / 'videolt' / config_of(name)
        overrides = toy_overrides(Config.fromfile(config).to_dict(), data, counts, args.on)
        options = [*(f'{key}={value}' for key, value in overrides.items()), *args.cfg_options]
        if name in TOY_START:
            self.row(TOY_START[name])
            start = self.folder / TOY_START[name] / 'last_checkpoint'
            # not load_from, from which --resume would resume
            options.append('model.init_cfg.type=Pretrained')
            options.append(f'model.init_cfg.checkpoint={start.read_text().strip()}')
        arguments = ['--work-dir', work_dir, '--seed', self.seed, '--resume', '--no-validate']
        options = ['--cfg-options', *options]
        self.once(name, lambda: _tool('train.py', config, *arguments, *options))
        checkpoint = (work_dir / 'last_checkpoint').read_text().strip()
        out = self.folder / f'{name}_{args.on}'
        arguments = [config, checkpoint, '--work-dir', out / 'log', *options]
        self.once(out.name, lambda: _tool('test.py', *arguments, f'test_evaluator.out_dir={out}'))
        return out


def _config(suffix: str) -> Path:
    return CONFIGS / f'{STEM}{suffix}.py'


def _timed(step: Callable[[], None], done: Path, log: Path) -> None:
    """What a forked process runs: the packages are imported once, by its parent."""
    sys.stdout = sys.stderr = open(log, 'a', encoding='utf-8', buffering=1)
    for descriptor in (1, 2):
        os.dup2(sys.stdout.fileno(), descriptor)
    started = time.process_time()
    step()
    done.write_text(f'{time.process_time() - started:.1f} CPU seconds\n', encoding='utf-8')


def _tool(name: str, *arguments: object) -> None:
    sys.argv = [name, *map(str, arguments)]
    try:
        runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
    except SystemExit as stop:
        if stop.code:
            raise


def read_rows(args: argparse.Namespace, folders: dict[str, list[Path]]) -> dict:
    """Numbers of every row: fractions, in the order of the seeds, and errors over videos."""
    results = {}
    label_map = read_label_map(args.data / 'label_map.pbtxt')
    split = read_split(args.data / 'split.json', label_map)
    place = {class_id: i for i, class_id in enumerate(label_map)}
    groups = {'all': list(place.values())}
    groups.update({name: [place[i] for i in ids] for name, ids in split.groups.items()})
    ground_truth = read_ava_csv(args.data / f'{args.on}.csv')
    excluded = read_excluded_timestamps(args.data / f'{args.on}_excluded_timestamps.csv')
    matched = {
        name: [
            match_by_video(
                read_detections(folder / 'detections.parquet'),
                ground_truth,
                list(label_map),
                excluded,
            )
            for folder in of_row
        ]
        for name, of_row in folders.items()
    }
    errors = bootstrap_methods(matched, groups, 'baseline', num_resamples=args.num_resamples)
    for name, of_row in folders.items():
        results[name] = {group: {'errors_over_videos': errors[name][group]} for group in GROUPS}
        for folder in of_row:
            metrics = json.loads((folder / 'metrics.json').read_text(encoding='utf-8'))
            for group in GROUPS:
                summary = metrics if group == 'all' else metrics['groups'][group]
                for measure in ('mSAP', 'frame_mAP'):
                    results[name][group].setdefault(measure, []).append(summary[measure])
    return results


def make_table(results: dict) -> str:
    """The table in percent, as Markdown."""
    head = ['method', *(f'mSAP {group}' for group in GROUPS), 'tail gain', 'frame-mAP all']
    head.append('paper, own scale: table; mSAP all, head, tail')
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    base = results['baseline']
    for name, row in ROWS.items():
        if name not in results:
            continue
        found = results[name]
        cells = [row.label]
        for group in GROUPS:
            over_videos = found[group]['errors_over_videos']['se']
            over_seeds = with_error(*mean_and_error(found[group]['mSAP']))
            cells.append(f'{over_seeds} ({100 * over_videos:.1f})')
        gains = np.subtract(found['tail']['mSAP'], base['tail']['mSAP'])
        gain = with_error(*mean_and_error(gains), '+.1f')
        gain_se = found['tail']['errors_over_videos']['gain_se']
        cells.append('' if name == 'baseline' else f'{gain} ({100 * gain_se:.1f})')
        cells.append(with_error(*mean_and_error(found['all']['frame_mAP'])))
        paper = row.paper
        cells.append(f'{paper[0]}; {paper[1]}, {paper[2]}, {paper[3]}' if paper else '')
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


class Table(NamedTuple):
    """What makes one paper's table.

    Attributes:
        experiment: Runs one seed.
        rows: Names of the rows.
        read: (arguments, folders of each row) -> numbers.
        make: Numbers -> Markdown.
        work_dir: Name of the default work folder.
        data: Default data, in data/toy.
        num_seeds: Seeds by default.
    """

    experiment: type
    rows: Sequence
    read: Callable
    make: Callable
    work_dir: str
    data: str
    num_seeds: int


TABLES = {
    'in_the_wild': Table(
        Experiment, list(ROWS), read_rows, make_table, 'toy_table', 'ava/annotations', 3
    ),
    'videolt': Table(
        FeatureExperiment,
        list(METHODS),
        lambda args, folders: read_seeds(folders),
        seed_table,
        'videolt_table',
        'features',
        5,
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    args = parse_args(argv)
    import mmaction.models  # noqa: F401  (here, so that the forked steps have it)

    try:
        run_table(args)
    except (OSError, ValueError, StepError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


def run_table(args: argparse.Namespace) -> None:
    """Run what is missing, then tell."""
    kind = TABLES[args.table]
    experiments = [kind.experiment(args, seed) for seed in args.seeds]
    folders = {name: [each.row(name) for each in experiments] for name in args.rows}
    results = kind.read(args, folders)
    table = kind.make(results)
    print(table)
    if not args.write:
        return
    folder = ROOT / 'configs' / args.table
    content = {'seeds': args.seeds, 'split': args.on, 'rows': results}
    with atomic_write(folder / 'toy_results.json', overwrite=True) as path:
        path.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
    readme = folder / 'README.md'
    marks = ('<!-- toy table -->', '<!-- end of toy table -->')
    text = replace_between(readme.read_text(encoding='utf-8'), *marks, table)
    with atomic_write(readme, overwrite=True) as path:
        path.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    sys.exit(main())
