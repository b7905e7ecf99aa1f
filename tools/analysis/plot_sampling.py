"""Show class frequencies before and after class-balanced sampling: a table and a picture.

Frequency of a class: share of the boxes (clips, features) that carry it. After sampling that is
expected of an epoch; a config's sampler is also run and counted. With several labels to a box a
frequent class rides along with rare ones, so that classes come out level at best roughly.

Examples:
    python tools/analysis/plot_sampling.py CONFIG --out sampling.png
    python tools/analysis/plot_sampling.py CONFIG --mode sqrt --out sampling.png
    python tools/analysis/plot_sampling.py --counts ava_v2.2 --mode duplicate --out sampling.svg
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from mmlt.command_line import TOOL_ERRORS, HelpFormatter, tool_main
from mmlt.datasets.samplers import ClassBalancedSampler
from mmlt.datasets.samplers.sample_labels import class_names
from mmlt.experiments.markdown import markdown_table
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.class_counts import read_class_counts
from mmlt.functional import ClassMembers, class_counts_of_draws, expected_draws
from mmlt.functional.sampling.class_balanced_sampling import SAMPLING_MODES
from mmlt.registry import DATA_SAMPLERS, DATASETS

FORMATS = ('.png', '.svg', '.pdf')


class Sampling(NamedTuple):
    """Frequencies of C classes as shares of the candidates.

    Attributes:
        title: What was sampled, and how.
        names: C names.
        before: (C,) in the data.
        expected: (C,) among the draws, in expectation.
        counted: (C,) among draws really made; None where there is no dataset to draw from.
    """

    title: str
    names: list[str]
    before: np.ndarray
    expected: np.ndarray
    counted: np.ndarray | None


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('config', nargs='?', help='its train_dataloader is sampled')
    parser.add_argument(
        '--counts', help='instead of CONFIG: counts.json or ava_v2.2; boxes have one label then'
    )
    parser.add_argument('--mode', choices=SAMPLING_MODES, help="default: that of CONFIG's sampler")
    parser.add_argument('--repeat-threshold', type=float, help="for 'repeat_factor'")
    parser.add_argument('--num-draws', type=int, default=100_000, help='at most, to be counted')
    parser.add_argument('--seed', type=int, default=0, help='of the draws')
    parser.add_argument('--out', type=Path, required=True, help='picture: .png, .svg or .pdf')
    parser.add_argument('--overwrite', action='store_true', help='replace an existing picture')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='change CONFIG')
    args = parser.parse_args(argv)
    if (args.config is None) == (args.counts is None):
        parser.error('give a CONFIG or --counts')
    if args.counts and args.mode is None:
        parser.error('--counts needs --mode')
    if args.num_draws < 1:
        parser.error(f'--num-draws must be at least 1, got {args.num_draws}')
    if args.out.suffix.lower() not in FORMATS:
        parser.error(f'--out must end in {", ".join(FORMATS)}, got {args.out}')
    return args


def of_config(args: argparse.Namespace) -> Sampling:
    """Build the sampler of a config, and draw."""
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    loader = cfg.get('train_dataloader') or {}
    if not {'dataset', 'sampler'} <= set(loader):
        raise ValueError(f'{args.config}: no train_dataloader with a dataset and a sampler')
    options = _sampler_options(loader.sampler, args)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    sampler = DATA_SAMPLERS.build(options, default_args={'dataset': dataset, 'seed': args.seed})
    if not isinstance(sampler, ClassBalancedSampler):
        raise ValueError(
            f'{args.config}: the train_dataloader has a {type(sampler).__name__}: give the --mode '
            'of an mmlt.ClassBalancedSampler'
        )
    number_of = {box: number for number, box in enumerate(sampler.boxes)}
    drawn = itertools.islice(sampler, args.num_draws)
    drawn = [number_of[int(index), index.box] for index in drawn]
    counted = np.bincount(drawn, minlength=len(number_of))
    names = class_names(dataset)
    names = [names.get(class_id, str(class_id)) for class_id in sampler.class_ids.tolist()]
    title = f'{Path(args.config).stem}, {sampler.mode!r}'
    return _sampling(title, names, sampler.members, sampler.expected_draws(), counted)


def _sampler_options(configured: dict, args: argparse.Namespace) -> dict:
    """The config's sampler; with --mode that mode, and the config's other options if they fit."""
    if args.mode is None:
        return configured
    is_ours = str(configured.get('type')).endswith('ClassBalancedSampler')
    kept = {**configured} if is_ours else {}
    if args.mode != 'repeat_factor' or args.repeat_threshold is not None:
        kept['repeat_threshold'] = args.repeat_threshold
    return {**kept, 'type': 'mmlt.ClassBalancedSampler', 'mode': args.mode}


def of_counts(args: argparse.Namespace) -> Sampling:
    """Take every label for a box of its own."""
    counts = read_class_counts(args.counts, min_id=0)
    values = np.array(list(counts.counts.values()))
    members = ClassMembers(
        np.arange(values.sum()), np.append(0, np.cumsum(values)), int(values.sum())
    )
    draws = expected_draws(members, mode=args.mode, repeat_threshold=args.repeat_threshold)
    title = f'{counts.source}, {args.mode!r}'
    return _sampling(title, list(counts.names.values()), members, draws, None)


def _sampling(
    title: str,
    names: list[str],
    members: ClassMembers,
    expected: np.ndarray,
    counted: np.ndarray | None,
) -> Sampling:
    shares = [
        None if draws is None else class_counts_of_draws(members, draws) / draws.sum()
        for draws in (np.ones(members.num_candidates), expected, counted)
    ]
    return Sampling(title, names, *shares)


def table(sampling: Sampling) -> str:
    """The frequencies in percent, as Markdown."""
    columns = (sampling.before, sampling.expected, sampling.counted)
    rows = [
        (
            sampling.names[index],
            *('–' if values is None else f'{100 * values[index]:.3f}' for values in columns),
        )
        for index in np.argsort(-sampling.before, kind='stable')
    ]
    return markdown_table(('class', 'before', 'after, expected', 'after, counted'), rows)


def plot(sampling: Sampling, path: Path, *, overwrite: bool) -> None:
    """Draw the frequencies, classes in descending order of that before."""
    from matplotlib.figure import Figure

    order = np.argsort(-sampling.before, kind='stable')
    places = np.arange(len(order))
    figure = Figure(figsize=(max(6.0, 1.5 + 0.2 * min(len(order), 80)), 4.2), layout='constrained')
    axes = figure.add_subplot()
    axes.bar(places, 100 * sampling.before[order], color='#b4bac2', label='before')
    expected = 100 * sampling.expected[order]
    axes.plot(places, expected, color='#004488', marker='.', label='after, expected')
    if sampling.counted is not None:
        counted = np.where(sampling.counted > 0, 100 * sampling.counted, np.nan)[order]
        axes.plot(places, counted, 'x', color='#bb5566', label='after, counted')
    axes.set_yscale('log')
    axes.set_ylabel('share of the boxes or samples, %')
    axes.set_title(sampling.title)
    if len(order) <= 80:
        names = [sampling.names[index] for index in order]
        axes.set_xticks(places, names, rotation=90, fontsize=7)
    else:
        axes.set_xlabel('class, by frequency')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False)
    with atomic_write(path, overwrite=overwrite) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=130)


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    if args.out.exists() and not args.overwrite:
        raise FileExistsError(f'{args.out}: exists already; pass --overwrite to replace it')
    sampling = of_config(args) if args.config else of_counts(args)
    print(table(sampling))
    plot(sampling, args.out, overwrite=args.overwrite)
    print(f'picture: {args.out}')


main = tool_main(parse_args, run, (*TOOL_ERRORS, KeyError))


if __name__ == '__main__':
    sys.exit(main())
