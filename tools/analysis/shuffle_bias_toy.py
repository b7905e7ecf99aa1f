"""Shuffle bias on the toy clips: train and test on both sets with several seeds, tell the results.

Example:
    python tools/data/make_toy_world.py --out data/toy --parts clips
    python tools/analysis/shuffle_bias_toy.py --work-dir work_dirs/shuffle_bias_toy --plot bias.png

2 to 4 minutes a run and core. May be stopped and started again: what is finished is not repeated,
and a training goes on from its last checkpoint. What a run prints is in its train.log and test.log.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from mmlt.command_line import HelpFormatter
from mmlt.evaluation.progress import StepError, run_step
from mmlt.fileio.atomic_write import atomic_write
from mmlt.functional import representation_bias

ROOT = Path(__file__).resolve().parents[2]
SETS = ('motion', 'appearance')
# Hara et al. 2021, Table 1: accuracy in percent on original and on shuffled inputs, log ratio.
PAPER_GENERIC = {
    'Kinetics-400': (64.3, 32.7, 0.68),
    'Moments in Time': (27.1, 14.2, 0.65),
    'ActivityNet': (33.4, 29.6, 0.12),
    'UCF-101': (45.3, 32.0, 0.35),
    'HMDB-51': (19.4, 11.0, 0.56),
}
PAPER_FINE_GRAINED = {
    'Something v2': (44.3, 2.3, 2.95),
    'Jester': (92.0, 20.1, 1.52),
    'Gym288': (71.7, 3.9, 2.92),
    'Diving48': (15.1, 4.2, 1.29),
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/shuffle_bias_toy'),
        help='folder of all runs',
    )
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2], help='one network a set and seed'
    )
    parser.add_argument(
        '--num-shuffles', type=int, default=5, help='orders of the frames in a test'
    )
    parser.add_argument('--plot', type=Path, help='picture to write (needs matplotlib)')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing picture')
    parser.add_argument('--cfg-options', nargs='+', default=[], help='of the training and the test')
    return parser.parse_args(argv)


def run(name: str, seed: int, args: argparse.Namespace) -> dict:
    """Train and test one network, as far as that is not done yet; its accuracy row."""
    folder = args.work_dir / f'{name}_seed{seed}'
    result = folder / 'test' / 'shuffle_bias.json'
    config = ROOT / 'configs' / 'toy' / f'resnet3d_toy_{name}.py'
    given = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    if not (folder / 'trained').exists():
        train = ['--work-dir', folder, '--seed', seed, '--resume', *given]
        _call(folder / 'train.log', 'train.py', config, *train)
        (folder / 'trained').touch()
    if not result.exists():
        checkpoint = (folder / 'last_checkpoint').read_text()
        options = [f'test_evaluator.out_dir={folder / "test"}']
        options += [f'test_cfg.num_shuffles={args.num_shuffles}', *args.cfg_options]
        test = ['--work-dir', folder / 'test_log', '--cfg-options', *options]
        _call(folder / 'test.log', 'test.py', config, checkpoint, *test)
    found = json.loads(result.read_text(encoding='utf-8'))
    if found['num_shuffles'] != args.num_shuffles:
        raise ValueError(
            f'{result}: num_shuffles is {found["num_shuffles"]}, not {args.num_shuffles}; choose '
            'another --work-dir'
        )
    return found['metrics']['accuracy']


def _call(log: Path, tool: str, *arguments: object) -> None:
    command = [sys.executable, str(ROOT / 'tools' / tool), *map(str, arguments)]

    def call() -> int:
        with open(log, 'a', encoding='utf-8') as file:
            print(' '.join(command), file=file, flush=True)
            return subprocess.run(command, stdout=file, stderr=subprocess.STDOUT).returncode

    run_step(f'{log.parent.name}: {log.stem}', log, call)


def summarise(rows: Sequence[dict]) -> dict:
    """Mean accuracies over the seeds, and the log ratio's mean with its standard deviation."""
    ratios = [representation_bias(row['original'], row['shuffled']) for row in rows]
    return {
        'num_seeds': len(rows),
        'original': float(np.mean([row['original'] for row in rows])),
        'shuffled': float(np.mean([row['shuffled'] for row in rows])),
        'log_ratio': float(np.mean(ratios)),
        'log_ratio_std': float(np.std(ratios, ddof=1)) if len(rows) > 1 else None,
        'log_ratios': ratios,
        'std_errors_of_shuffling': [row['log_ratio_std_error'] for row in rows],
    }


def table(results: dict[str, dict]) -> str:
    """The results as a Markdown table, below the paper's Table 1."""
    lines = ['| trained and tested on | original | shuffled | log ratio |', '|---|---|---|---|']
    for name, (original, shuffled, ratio) in {**PAPER_GENERIC, **PAPER_FINE_GRAINED}.items():
        lines.append(f'| {name} (paper) | {original:.1f} | {shuffled:.1f} | {ratio:.2f} |')
    for name, row in results.items():
        accuracies = f'{100 * row["original"]:.1f} | {100 * row["shuffled"]:.1f}'
        ratio, seeds = f'{row["log_ratio"]:.3f}', f'{row["num_seeds"]} seeds'
        if row['num_seeds'] > 1:
            ratio += f' ± {row["log_ratio_std"]:.3f}'
        else:
            seeds = '1 seed'
        lines.append(f'| toy {name}, {seeds} | {accuracies} | {ratio} |')
    return '\n'.join(lines)


def plot(results: dict[str, dict], path: Path, *, overwrite: bool) -> None:
    """Draw the log ratios as bars, the paper's and ours."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout='constrained')
    axes = figure.add_subplot()
    for label, colour, paper in (
        ('generic (paper)', '#6b8fb8', PAPER_GENERIC),
        ('fine-grained (paper)', '#c0695f', PAPER_FINE_GRAINED),
    ):
        axes.bar(list(paper), [row[2] for row in paper.values()], color=colour, label=label)
    names = [f'toy {name}' for name in results]
    ratios = [row['log_ratio'] for row in results.values()]
    errors = [row['log_ratio_std'] or 0 for row in results.values()]
    axes.bar(names, ratios, yerr=errors, capsize=4, color='#7a7a7a', label='toy world (ours)')
    for bar in (bar for container in axes.containers if len(container) for bar in container):
        if hasattr(bar, 'get_height'):
            height = bar.get_height()
            axes.text(bar.get_x() + 0.4, height + 0.08, f'{height:.2f}', ha='center', fontsize=8)
    axes.set_ylabel('ln(original / shuffled accuracy)')
    for name in axes.get_xticklabels():
        name.set(rotation=30, ha='right', rotation_mode='anchor')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False)
    with atomic_write(path, overwrite=overwrite) as file:
        figure.savefig(file, format='png', dpi=130)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit code."""
    args = parse_args(argv)
    try:
        if args.plot and args.plot.exists() and not args.overwrite:
            raise FileExistsError(f'{args.plot}: exists already; pass --overwrite to replace it')
        rows = {name: [run(name, seed, args) for seed in args.seeds] for name in SETS}
        results = {name: summarise(of_seeds) for name, of_seeds in rows.items()}
        with atomic_write(args.work_dir / 'results.json', overwrite=True) as file:
            file.write_text(json.dumps(results, indent=1) + '\n', encoding='utf-8')
        if args.plot:
            plot(results, args.plot, overwrite=args.overwrite)
    except (OSError, ValueError, StepError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(table(results))
    return 0


if __name__ == '__main__':
    sys.exit(main())
