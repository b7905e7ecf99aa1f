"""Shuffle bias on the toy clips beside the paper's: means over the seeds, Markdown, a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.paper_results import read_paper_results
from mmlt.fileio.atomic_write import atomic_write
from mmlt.functional import representation_bias

#: The paper's data sets: end of the config's name -> label.
GENERIC = {
    'kinetics400': 'Kinetics-400',
    'moments_in_time': 'Moments in Time',
    'activitynet': 'ActivityNet',
    'ucf101': 'UCF-101',
    'hmdb51': 'HMDB-51',
}
FINE_GRAINED = {
    'sthv2': 'Something v2',
    'jester': 'Jester',
    'gym288': 'Gym288',
    'diving48': 'Diving48',
}


def paper_rows(data_sets: Mapping[str, str]) -> dict[str, tuple[float, float, float]]:
    """Label -> accuracy in percent on original and on shuffled inputs, log ratio (Table 1)."""
    found = {model: numbers for (model, _), numbers in read_paper_results('shuffle_bias').items()}
    measures = ('accuracy', 'accuracy, frames shuffled', 'log ratio')
    return {
        label: tuple(found[f'resnet3d_r50_{name}'][measure] for measure in measures)
        for name, label in data_sets.items()
    }


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
    head = ('trained and tested on', 'original', 'shuffled', 'log ratio')
    rows = [
        (f'{name} (paper)', f'{original:.1f}', f'{shuffled:.1f}', f'{ratio:.2f}')
        for name, (original, shuffled, ratio) in paper_rows({**GENERIC, **FINE_GRAINED}).items()
    ]
    for name, row in results.items():
        accuracies = (f'{100 * row[key]:.1f}' for key in ('original', 'shuffled'))
        ratio, seeds = f'{row["log_ratio"]:.3f}', f'{row["num_seeds"]} seeds'
        if row['num_seeds'] > 1:
            ratio += f' ± {row["log_ratio_std"]:.3f}'
        else:
            seeds = '1 seed'
        rows.append((f'toy {name}, {seeds}', *accuracies, ratio))
    return markdown_table(head, rows)


def plot(results: dict[str, dict], path: Path, *, overwrite: bool) -> None:
    """Draw the log ratios as bars, the paper's and ours."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout='constrained')
    axes = figure.add_subplot()
    for label, colour, paper in (
        ('generic (paper)', '#6b8fb8', paper_rows(GENERIC)),
        ('fine-grained (paper)', '#c0695f', paper_rows(FINE_GRAINED)),
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
