"""The toy table of two-stage training: its rows, their numbers, Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlt.evaluation.runs.folder import METRICS_FILE, read_metrics
from mmlt.experiments.markdown import markdown_table
from mmlt.experiments.paper_results import read_paper_results
from mmlt.experiments.seed_table import (
    bootstrap_methods,
    match_by_video,
    mean_and_error,
    with_error,
)
from mmlt.fileio.class_split import read_split
from mmlt.fileio.detections import read_detections
from mmlt.fileio.label_map import read_label_map
from mmlt.functional import read_ava_csv, read_excluded_timestamps

GROUPS = ('all', 'head', 'medium', 'tail')


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        label: What the table calls it.
        trunk: Run whose trunk it takes: 'baseline', 'stage_one_ap' or 'stage_one_counts', or None.
        config: Suffix of its config.
        paper: Table of the paper and the end of the model's name in the metafile; None: not there.
    """

    label: str
    trunk: str | None
    config: str
    paper: tuple[int, str] | None


ROWS = {
    'baseline': Row('baseline', None, '', (2, '')),
    'balanced': Row('balanced from scratch', None, '_balanced', (2, '_balanced')),
    'focal': Row('focal loss, gamma 2', None, '_focal', (2, '_focal')),
    'two_stage_ap': Row('two-stage, split by AP', 'stage_one_ap', '_stage_two', (2, '_stage_two')),
    'two_stage_counts': Row('two-stage, split by counts', 'stage_one_counts', '_stage_two', None),
    'stage_one_all': Row(
        'stage 1 on all classes', 'baseline', '_stage_two', (3, '_stage_two_of_baseline')
    ),
    'whole_model': Row(
        'stage 2 trains the whole model',
        'stage_one_ap',
        '_stage_two_whole_model',
        (4, '_stage_two_whole_model'),
    ),
    'original': Row(
        'stage 2 not balanced', 'stage_one_ap', '_stage_two_original', (5, '_stage_two_original')
    ),
}


def read_rows(
    folders: Mapping[str, Sequence[Path]], data: Path, on: str, num_resamples: int
) -> dict:
    """Numbers of every row: fractions, in the order of the seeds, and errors over videos.

    Args:
        folders: Of each row, the results of each seed.
        data: Folder of the annotations.
        on: Split that was judged.
        num_resamples: Of the bootstrap over videos.
    """
    label_map = read_label_map(data / 'label_map.pbtxt')
    split = read_split(data / 'split.json', label_map)
    place = {class_id: i for i, class_id in enumerate(label_map)}
    groups = {'all': list(place.values())}
    groups.update({name: [place[i] for i in ids] for name, ids in split.groups.items()})
    judged = (
        read_ava_csv(data / f'{on}.csv'),
        list(label_map),
        read_excluded_timestamps(data / f'{on}_excluded_timestamps.csv'),
    )
    matched = {
        name: [
            match_by_video(read_detections(folder / 'detections.parquet'), *judged)
            for folder in of_row
        ]
        for name, of_row in folders.items()
    }
    errors = bootstrap_methods(matched, groups, 'baseline', num_resamples=num_resamples)
    results = {}
    for name, of_row in folders.items():
        results[name] = {group: {'errors_over_videos': errors[name][group]} for group in GROUPS}
        for folder in of_row:
            metrics = read_metrics(folder / METRICS_FILE)
            for group in GROUPS:
                summary = metrics if group == 'all' else metrics['groups'][group]
                for measure in ('mSAP', 'frame_mAP'):
                    results[name][group].setdefault(measure, []).append(summary[measure])
    return results


def make_table(results: Mapping) -> str:
    """The table in percent, as Markdown."""
    head = ['method', *(f'mSAP {group}' for group in GROUPS), 'tail gain', 'frame-mAP all']
    head.append('paper, own scale: table; mSAP all, head, tail')
    lines = []
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
        cells.append(_paper_cell(row))
        lines.append(cells)
    return markdown_table(head, lines)


def _paper_cell(row: Row) -> str:
    if row.paper is None:
        return ''
    table, suffix = row.paper
    found = read_paper_results('in_the_wild')[f'nonlocal_i3d_r50_ava21{suffix}', 'AVA v2.1']
    return f'{table}; {", ".join(str(found[key]) for key in ("mSAP", "mSAP head", "mSAP tail"))}'
