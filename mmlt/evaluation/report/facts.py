"""How the numbers of a report came about, and what casts doubt on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from mmlt.evaluation.coverage import low_coverage_warning
from mmlt.evaluation.report.html import escape
from mmlt.evaluation.runs.gains import undetected
from mmlt.evaluation.runs.read import Run, compare_runs, join_classes
from mmlt.evaluation.runs.tasks import get_task
from mmlt.evaluation.runs.undetected import list_names
from mmlt.evaluation.score_ratios import changed_scores_warning

_TELL = (low_coverage_warning, changed_scores_warning)


def warnings_of(runs: Sequence[Run]) -> list[str]:
    """What casts doubt on the numbers of a run, a sentence each."""
    told = [warning(run.metrics, run.name) for run in runs for warning in _TELL]
    return [f'{sentence}.' for sentence in told if sentence]


def notes_of(runs: Sequence[Run]) -> list[str]:
    """What a reader must know before comparing the runs, or believing one, a sentence each."""
    rows = join_classes(runs)
    return [*warnings_of(runs), *gaps_warnings(runs), *compare_runs(runs, rows)]


def checks_box(runs: Sequence[Run]) -> str:
    """What the data checks of the evaluations said, as HTML; '' where they had nothing to say.

    What :func:`warnings_of` says of a run anyway is not said again.
    """
    lines = []
    for run in runs:
        said = {(tell(run.metrics, '') or '').partition(': ')[2] for tell in _TELL}
        for warning in run.metrics.get('warnings', ()):
            where, colon, what = warning.partition(': ')
            if colon and what in said:
                continue
            if colon:  # in whose folder the file was is no matter
                warning = f'{PurePath(where).name}: {what}'
            lines.append(f'{run.name}: {warning}' if len(runs) > 1 else warning)
    if not lines:
        return ''
    items = ''.join(f'<li>{escape(line)}</li>' for line in dict.fromkeys(lines))
    start = '<div class="checks" role="note"><b>The data checks of the evaluation said:</b>'
    return f'{start}<ul>{items}</ul></div>'


def gaps_warnings(runs: Sequence[Run]) -> list[str]:
    """That the frame-mAPs of detectors are over different classes, a sentence for each pair."""
    notes = []
    for run in runs[1:]:
        before, after = undetected(runs[0]), undetected(run)
        if before == after:
            continue
        pairs = ((runs[0].name, before - after), (run.name, after - before))
        told = '; '.join(
            f'{name} alone never detected {list_names(sorted(own))}' for name, own in pairs if own
        )
        notes.append(
            f'The frame-mAPs of {runs[0].name} and {run.name} are means over different classes: '
            f'{told}. Compare the values with undetected classes as 0.'
        )
    return notes


def facts_list(runs: Sequence[Run]) -> str:
    """The facts as HTML; one that differs between the runs is told for each."""
    facts = {**runs[0].task.facts, 'Training counts': _training_counts, 'Groups': _groups}
    told = {term: [tell(run.metrics) for run in runs] for term, tell in facts.items()}
    return _list({**_origins(runs), **told}, runs)


def shuffle_facts(runs: Sequence[Run]) -> str:
    """The same of runs that hold nothing but shuffle bias."""
    results = [run.shuffle_bias for run in runs]
    facts = {
        'Test set': [
            f'{result["num_samples"]:,} samples, classes with samples: {len(result["per_class"]):,}'
            for result in results
        ],
        'Shuffles': [f'{result["num_shuffles"]}, seed {result["seed"]}' for result in results],
    }
    return _list({**_origins(runs), **facts}, runs)


def _origins(runs: Sequence[Run]) -> dict[str, list[str | None]]:
    """Date, config, checkpoint and seed, as far as they are known of any run."""
    terms = dict.fromkeys(term for run in runs for term in run.origin)
    return {term: [run.origin.get(term) for run in runs] for term in terms}


def _list(facts: Mapping[str, list[str | None]], runs: Sequence[Run]) -> str:
    lines = []
    for term, texts in facts.items():
        if len(set(texts)) > 1:
            pairs = zip(runs, texts)
            texts = [f'{text} ({run.name})' for run, text in pairs if text is not None]
        lines.append(f'<dt>{term}</dt><dd>{escape("; ".join(dict.fromkeys(texts)))}</dd>')
    return f'<dl>{"".join(lines)}</dl>'


def _training_counts(metrics: Mapping) -> str:
    absent = f'none given; classes are ordered by evaluated {get_task(metrics).noun}'
    return metrics['train_counts_source'] or absent


def _groups(metrics: Mapping) -> str:
    if not metrics['groups']:
        return 'none: they take training counts or a split file'
    return metrics['split_source'] or 'head, medium and tail by training count'
