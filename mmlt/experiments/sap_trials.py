"""The study "SAP and its variance against the number of trials": its numbers, and its picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmlt.evaluation.report.shapes import INK
from mmlt.evaluation.report.svg import PLAIN_COLOR, drawing_style
from mmlt.fileio.atomic_write import atomic_write
from mmlt.functional import (
    MatchedScores,
    average_precision_trials,
    expected_sampled_average_precision,
)

_CLASS_COLOR = '#b4bac2'


def study_trials(
    matched: MatchedScores,
    label_map: Mapping[int, str],
    *,
    min_trials: int = 5,
    max_trials: int = 40,
    seed: int = 0,
) -> dict:
    """Sampled AP of every class after 5, 6, ..., 40 trials, and how far the trials lie apart.

    One series of trials is drawn; N trials are its first N.

    Args:
        matched: Scores, targets and pool of the classes of ``label_map`` in the order of the ids.
        label_map: Class id -> name.
        min_trials: Least number of trials, at least 1.
        max_trials: Greatest number of trials, at least ``min_trials``.
        seed: Seed of the trials.

    Returns:
        Plain Python values, fractions: 'num_trials' (L numbers N), 'mSAP' (L), 'mSAP_exact' (the
        limit), 'variance' (L) of the N trials' AP (ddof=0) and 'variance_of_mean' (L), the same
        divided by N, means over the classes; 'per_class' -> {'id', 'num_boxes', 'SAP' (L),
        'SAP_exact', 'variance' (L)}, null for a class without ground truth.

    Raises:
        ValueError: No class has ground truth, no box a score, or a bad number of trials.

    Reference:
        Zhang, Tokmakov, Hebert, Schmid, "A Study on Action Detection in the Wild", 2019, Fig. 4.
    """
    if not 1 <= min_trials <= max_trials:
        raise ValueError(
            f'min_trials and max_trials must be 1 <= {min_trials} <= {max_trials}: not so'
        )
    num_boxes = matched.targets.sum(axis=0)
    if not num_boxes.any():
        raise ValueError('no annotated box of a class of the label map on an evaluated keyframe')
    if not np.isfinite(matched.scores).any():
        raise ValueError('no detection matches an annotated box; is it another split?')
    trials = average_precision_trials(*matched, num_trials=max_trials, seed=seed)
    numbers = range(min_trials, max_trials + 1)
    sap = np.stack([trials[:number].mean(axis=0) for number in numbers])
    variance = np.stack([trials[:number].var(axis=0) for number in numbers])
    exact = expected_sampled_average_precision(*matched)
    known = num_boxes > 0
    mean_variance = variance[:, known].mean(axis=1)
    return {
        'num_trials': list(numbers),
        'seed': seed,
        'mSAP': sap[:, known].mean(axis=1).tolist(),
        'mSAP_exact': float(exact[known].mean()),
        'variance': mean_variance.tolist(),
        'variance_of_mean': (mean_variance / list(numbers)).tolist(),
        'per_class': {
            label_map[class_id]: {
                'id': class_id,
                'num_boxes': int(num_boxes[i]),
                'SAP': sap[:, i].tolist() if known[i] else None,
                'SAP_exact': float(exact[i]) if known[i] else None,
                'variance': variance[:, i].tolist() if known[i] else None,
            }
            for i, class_id in enumerate(sorted(label_map))
        },
    }


def draw_trials(study: Mapping, path: str | Path, *, overwrite: bool = False) -> None:
    """Draw SAP (above) and variance (below) against the number of trials, a light line a class.

    Args:
        study: What :func:`study_trials` returned.
        path: The picture; its ending (.png, .svg, .pdf) is its format.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FileExistsError: The file exists and ``overwrite`` is false.
        ImportError: matplotlib is not installed.
    """
    rows = [row for row in study['per_class'].values() if row['SAP'] is not None]
    numbers = study['num_trials']
    dashes = dict(color=INK, linewidth=1, linestyle=(0, (4, 3)))
    with drawing_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.5, 6.4), layout='constrained')
        above, below = figure.subplots(2, 1, sharex=True)
        _draw_curves(above, numbers, [row['SAP'] for row in rows], study['mSAP'], 'mSAP')
        above.axhline(study['mSAP_exact'], label='mSAP, exact', **dashes)
        above.set_ylim(0, 1)
        above.yaxis.set_major_formatter(lambda value, _: f'{100 * value:.0f}')
        above.set_ylabel('SAP (%)')
        variances = [_above_rounding(row['variance']) for row in rows]
        mean = _above_rounding(study['variance'])
        _draw_curves(below, numbers, variances, mean, 'mean over classes')
        below.plot(numbers, mean / numbers, label='mean / number of trials', **dashes)
        if np.isfinite(mean).any():
            below.set_yscale('log')
            # not a power in math text, which our style turns off
            below.yaxis.set_major_formatter(lambda value, _: f'{value:.0e}')
        below.set_ylabel("variance of the trials' AP")
        below.set_xlabel('number of trials')
        below.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
        below.xaxis.get_major_locator().set_params(integer=True)
        for axes in (above, below):
            place = dict(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0.2)
            axes.legend(ncols=3, **place)
        with atomic_write(path, overwrite=overwrite) as temporary:
            figure.savefig(temporary, format=Path(path).suffix[1:], dpi=150)


def _draw_curves(axes, numbers, class_curves, mean_curve, mean_label: str) -> None:
    label = f'each of {len(class_curves):,} classes'
    for curve in class_curves:
        axes.plot(numbers, curve, color=_CLASS_COLOR, linewidth=0.7, label=label)
        label = None
    axes.plot(numbers, mean_curve, color=PLAIN_COLOR, linewidth=2, label=mean_label)


def _above_rounding(values: list[float]) -> np.ndarray:
    """What a logarithmic axis can show: a class whose trials all agree has no line."""
    return np.where(np.asarray(values) > 1e-20, values, np.nan)
