"""How the numbers of a report came about, and what casts doubt on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmlt.evaluation.coverage import low_coverage_warning
from mmlt.evaluation.report_parts import escape
from mmlt.evaluation.run_metrics import Run
from mmlt.evaluation.run_tasks import DETECTION, task_of
from mmlt.evaluation.score_ratios import changed_scores_warning


def warnings_of(runs: Sequence[Run]) -> list[str]:
    """What casts doubt on the numbers of a run, a sentence each."""
    tell = (low_coverage_warning, changed_scores_warning)
    told = [warning(run.metrics, run.name) for run in runs for warning in tell]
    return [f'{sentence}.' for sentence in told if sentence]


def facts_list(runs: Sequence[Run]) -> str:
    """The facts as HTML; one that differs between the runs is told for each."""
    facts = _FACTS if runs[0].task is DETECTION else _CLASSIFIER_FACTS
    return _list({term: [tell(run.metrics) for run in runs] for term, tell in facts.items()}, runs)


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
    return _list(facts, runs)


def _list(facts: Mapping[str, list[str]], runs: Sequence[Run]) -> str:
    lines = []
    for term, texts in facts.items():
        if len(set(texts)) > 1:
            texts = [f'{text} ({run.name})' for run, text in zip(runs, texts)]
        lines.append(f'<dt>{term}</dt><dd>{escape("; ".join(dict.fromkeys(texts)))}</dd>')
    return f'<dl>{"".join(lines)}</dl>'


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


def _test_samples(metrics: Mapping) -> str:
    return f'{metrics["num_samples"]:,} samples, {len(metrics["per_class"]):,} classes'


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
    absent = f'none given; classes are ordered by evaluated {task_of(metrics).noun}'
    return metrics['train_counts_source'] or absent


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
_CLASSIFIER_FACTS = {
    'Test set': _test_samples,
    'Training counts': _training_counts,
    'Groups': _groups,
}
