"""One HTML file about one run, or about several beside each other, that opens offline."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template

from mmlt.evaluation.coverage import low_coverage_warning
from mmlt.evaluation.report_figures import (
    all_runs_figure,
    frequency_figure,
    gain_figure,
    scores_figure,
)
from mmlt.evaluation.report_tables import class_table, escape, present_groups, summary_table
from mmlt.evaluation.run_metrics import (
    ClassRow,
    Run,
    compare_runs,
    has_counts,
    join_classes,
    read_run,
)
from mmlt.evaluation.score_ratios import changed_scores_warning
from mmlt.functional.safe_write import new_file

MAX_BYTES = 2_000_000
_TEMPLATE = Path(__file__).parent.parent / 'resources' / 'report.html'
_GROUP_HINT = 'Head, medium and tail: classes with many, fewer and few training examples.'
_FREQUENCY = (
    'Bars: how many labelled boxes of each class the training set holds, the most frequent class '
    'on the left. The scale is logarithmic: each grid line is ten times the one below. Diamonds: '
    'how many boxes of the class the scores of this report rest on. A class with none has no mark.'
)
_FREQUENCY_NO_COUNTS = (
    'How many annotated boxes of each class the scores of this report rest on, on a logarithmic '
    'scale. The runs name no training counts, so that classes have no head, medium and tail.'
)
_SCORES = (
    '<b>AP</b>: rank every box by the model’s score for a class; AP is high when the boxes of that '
    'class come first. Where they are a few among very many others, even a good model has an AP '
    'near zero, so that AP follows how rare the class is in the test set. <b>SAP</b> (sampled AP) '
    'is AP when a class’s positives meet as many negatives, drawn at random: rare and frequent '
    'classes can be compared. Random scores get about 50 (dashed line). Thin line on a bar: one '
    'standard deviation of SAP over {trials} draws.'
)
_AS_ABOVE = 'As above, with the classes in the same order.'
_GAIN = (
    'Above: the SAP of both runs. Below: how many points the second run gains (bars: SAP, '
    'diamonds: AP), the class that gains most on the left.{left_out}'
)
_ALL_RUNS = (
    'SAP of each class in every run: AP when a class’s positives meet as many negatives, drawn at '
    'random. Random scores get about 50 (dashed line).'
)


def build_report(
    runs: str | os.PathLike | Sequence[str | os.PathLike],
    out_path: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    title: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report of one or several runs.

    Two runs are compared class by class; with more, each is compared with the first. Runs with
    different classes are shown over the union of them, and the report says so.

    Args:
        runs: Run folders (or the ``metrics.json`` in them), the baseline first.
        out_path: The HTML file to write.
        names: What to call the runs; None takes the names of their folders.
        title: Heading of the report; None makes one from the names.
        overwrite: Whether an existing file may be replaced.

    Returns:
        ``out_path``.

    Raises:
        FileExistsError: ``out_path`` exists and ``overwrite`` is false.
        FileNotFoundError: A run has no ``metrics.json``.
        ValueError: No run, another number of names than runs, a malformed ``metrics.json``, or a
            report of more than 2 MB.
        ImportError: matplotlib is not installed.
    """
    paths = [Path(path) for path in ([runs] if isinstance(runs, (str, os.PathLike)) else runs)]
    if not paths:
        raise ValueError('runs: at least one run folder is needed')
    if names is not None and len(names) != len(paths):
        raise ValueError(f'names: got {len(names)} for {len(paths)} runs: {list(names)}')
    out_path = Path(out_path)
    if out_path.exists() and not overwrite:  # said before the work; new_file makes sure of it
        raise FileExistsError(f'{out_path}: exists already; pass --overwrite to replace it')
    page = _render(read_runs(paths, names), title)
    content = page.encode('utf-8')
    if len(content) > MAX_BYTES:
        raise ValueError(
            f'runs: the report of {len(paths)} runs would take {len(content) / 1e6:.1f} MB, more '
            f'than {MAX_BYTES / 1e6:.0f} MB; give fewer runs'
        )
    with new_file(out_path, overwrite=overwrite) as temporary:
        temporary.write_bytes(content)
    return out_path


def read_runs(paths: Sequence[Path], names: Sequence[str] | None = None) -> list[Run]:
    """The runs as a report calls them: by ``names``, else so that no two share a name."""
    if names:
        return [read_run(path, name) for path, name in zip(paths, names)]
    return _distinguish([read_run(path) for path in paths], paths)


def _distinguish(runs: list[Run], paths: Sequence[Path]) -> list[Run]:
    """Runs in folders of the same name get the folder above put before it, or a number."""
    seen = [run.name for run in runs]
    for index, run in enumerate(runs):
        if seen.count(run.name) > 1:
            folder = paths[index].resolve()
            folder = folder if folder.is_dir() else folder.parent
            runs[index] = run._replace(name=f'{folder.parent.name}/{run.name}')
    if len({run.name for run in runs}) < len(runs):
        runs = [run._replace(name=f'{run.name} ({i})') for i, run in enumerate(runs, 1)]
    return runs


def _render(runs: Sequence[Run], title: str | None) -> str:
    rows = join_classes(runs)
    notes = [*_warnings(runs), *compare_runs(runs, rows)]
    options = ''.join(f'<option>{group}</option>' for group in present_groups(runs))
    group_filter = (
        f'<label>Group <select id="group"><option value="">all</option>{options}</select></label>'
    )
    return Template(_TEMPLATE.read_text(encoding='utf-8')).substitute(
        title=escape(title or _title([run.name for run in runs])),
        facts=_facts(runs),
        notes=''.join(f'<p class="note">{escape(note)}</p>' for note in notes),
        summary=summary_table(runs),
        figures=_figures(runs, rows),
        group_hint=_GROUP_HINT if options else '',
        num_classes=f'{len(rows):,}',
        group_filter=group_filter if options else '',
        class_table=class_table(runs, rows),
    )


def _warnings(runs: Sequence[Run]) -> list[str]:
    """What casts doubt on the numbers of a run, a sentence each."""
    tell = (low_coverage_warning, changed_scores_warning)
    told = [warning(run.metrics, run.name) for run in runs for warning in tell]
    return [f'{sentence}.' for sentence in told if sentence]


def _title(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f'Long-tail report: {names[0]}'
    others = names[1] if len(names) == 2 else f'{len(names) - 1} runs'
    return f'Long-tail report: {others} against {names[0]}'


def _facts(runs: Sequence[Run]) -> str:
    """How the numbers came about; a fact that differs between the runs is told for each."""
    lines = []
    for term, tell in _FACTS.items():
        texts = [tell(run.metrics) for run in runs]
        if len(set(texts)) > 1:
            texts = [f'{text} ({run.name})' for run, text in zip(runs, texts)]
        lines.append(f'<dt>{term}</dt><dd>{escape("; ".join(dict.fromkeys(texts)))}</dd>')
    return ''.join(lines)


def _protocol(metrics: Mapping) -> str:
    name = {'mmaction2': 'mmaction2’s', 'official': 'the official (ActivityNet)'}
    text = f'frame-AP by {name.get(metrics["protocol"], metrics["protocol"])} protocol'
    if metrics['capacity'] is not None:
        text += f', the {metrics["capacity"]} best-scored rows of a keyframe'
    return text


def _test_set(metrics: Mapping) -> str:
    return (
        f'{metrics["num_boxes"]:,} annotated boxes on {metrics["num_keyframes"]:,} keyframes, '
        f'{len(metrics["per_class"]):,} classes'
    )


def _sampling(metrics: Mapping) -> str:
    pool = {
        'boxes': 'the annotated boxes',
        'detections': 'the annotated boxes and the unmatched detections',
    }
    return (
        f'exact expectation over draws from {pool.get(metrics["pool"], metrics["pool"])}; ± from '
        f'{metrics["num_trials"]} draws, seed {metrics["seed"]}'
    )


def _training_counts(metrics: Mapping) -> str:
    return metrics['train_counts_source'] or 'none given; classes are ordered by evaluated boxes'


def _groups(metrics: Mapping) -> str:
    if not metrics['groups']:
        return 'none: they take training counts or a split file'
    return metrics['split_source'] or 'head, medium and tail by training count'


_FACTS = {
    'Protocol': _protocol,
    'Test set': _test_set,
    'SAP': _sampling,
    'Training counts': _training_counts,
    'Groups': _groups,
}


def _figures(runs: Sequence[Run], rows: Sequence[ClassRow]) -> str:
    names = [run.name for run in runs]
    counts = has_counts(rows)
    order = 'training boxes' if counts else 'evaluated boxes'
    caption = _FREQUENCY if counts else _FREQUENCY_NO_COUNTS
    parts = [_figure('How frequent the classes are', caption, frequency_figure(rows))]
    if len(runs) > 2:
        heading = f'SAP of every run, classes by {order}'
        parts.append(_figure(heading, _ALL_RUNS, all_runs_figure(rows, names)))
        return ''.join(parts)
    for index, run in enumerate(runs):
        heading = f'SAP and AP of {run.name}, classes by {order}'
        caption = _SCORES.format(trials=run.metrics['num_trials']) if index == 0 else _AS_ABOVE
        parts.append(_figure(heading, caption, scores_figure(rows, index, run.name)))
    if len(runs) == 2:
        heading = f'What {names[1]} gains on {names[0]}, class by class'
        lost = sum(math.isnan(row.gain(1, 'SAP')) for row in rows)
        left_out = f' {lost} of {len(rows)} classes have no SAP in one of the runs.' if lost else ''
        drawing = gain_figure(rows, names) or '<p>No class has a SAP in both runs.</p>'
        parts.append(_figure(heading, _GAIN.format(left_out=left_out), drawing))
    return ''.join(parts)


def _figure(heading: str, caption: str, drawing: str) -> str:
    return (
        f'<section><h2>{escape(heading)}</h2><figure>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}">'
        f'{drawing}</div><figcaption>{caption}</figcaption></figure></section>\n'
    )
