from __future__ import annotations

import io

import pytest
from rich.console import Console

from mmlt.evaluation.report.page import build_report
from mmlt.evaluation.runs import tasks
from mmlt.evaluation.runs.folder import write_results
from mmlt.evaluation.runs.gains import print_gains
from mmlt.evaluation.runs.read import read_run
from mmlt.evaluation.runs.schema import Measure, Name, ResultSchema
from mmlt.evaluation.runs.tasks import CLASSIFICATION, DETECTION, get_task
from mmlt.evaluation.runs.terminal import print_table

LOCALIZATION = ResultSchema(
    task='localization',
    name='localizer',
    noun='segments',
    measures=(
        Measure(
            overall=Name('mean_miss', 'mMiss', log='miss'),
            group=Name('mean_miss', 'mMiss', log='miss'),
            of_class=Name('miss', 'miss rate', log='miss'),
            higher_is_better=False,
        ),
        Measure(overall=Name('recall', 'Recall', log='recall')),
        Measure(of_class=Name('hit', 'hit rate')),
    ),
    gains=('miss',),
    keys={'num_segments': 'count'},
    conditions=('num_segments',),
    title='{num_segments} segments',
    facts={'Test set': lambda metrics: f'{metrics["num_segments"]} segments of long videos'},
    explanation='<b>Miss rate</b>: segments that were not found.',
)


def _metrics(*misses, recall=0.75):
    """Of a class in the head and one in the tail."""
    rows = {
        name: {'id': i, 'num_segments': 20, 'num_train': 900 - 890 * i, 'miss': miss, 'hit': None,
               'group': group}
        for i, (name, group, miss) in enumerate(zip(('dive', 'vault'), ('head', 'tail'), misses))
    }  # fmt: skip
    return {
        'task': 'localization',
        'mean_miss': sum(misses) / 2,
        'recall': recall,
        'num_segments': 40,
        'train_counts_source': 'by hand',
        'split_source': None,
        'groups': {
            row['group']: {'num_classes': 1, 'mean_miss': row['miss']} for row in rows.values()
        },
        'per_class': rows,
    }


@pytest.fixture
def localizers(tmp_path, monkeypatch):
    """Two runs of a task that nothing but its schema makes known; the second misses less."""
    monkeypatch.setattr(tasks, 'SCHEMAS', (*tasks.SCHEMAS, LOCALIZATION))
    for name, misses in (('base', (0.25, 0.5)), ('ours', (0.375, 0.125))):
        write_results(_metrics(*misses), tmp_path / name)
    return [tmp_path / 'base', tmp_path / 'ours']


def _printed(show, *args):
    stream = io.StringIO()
    show(*args, Console(file=stream, width=100))
    return stream.getvalue()


def _cells(text):
    rows = [line.replace('┃', '│').split('│') for line in text.splitlines()]
    return [[cell.strip() for cell in row[1:-1]] for row in rows if len(row) > 2]


def test_a_file_of_detectors_names_no_task(make_metrics, make_classifier_metrics):
    assert get_task(make_metrics()) is DETECTION
    assert get_task(make_classifier_metrics()) is CLASSIFICATION
    with pytest.raises(ValueError, match=r"'task' must be 'classification', .*, got \['x'\]"):
        get_task({'task': ['x']})


def test_a_further_task_is_written_read_and_printed_by_its_schema(localizers):
    runs = [read_run(folder) for folder in localizers]
    assert runs[0].metrics == _metrics(0.25, 0.5)
    assert (localizers[0] / 'per_class.csv').read_text().splitlines() == [
        'name,id,group,num_train,num_segments,miss,hit',
        'dive,0,head,900,20,0.25,',
        'vault,1,tail,10,20,0.5,',
    ]
    text = _printed(print_table, runs[0].metrics)
    assert ' '.join(text.split()).startswith('in percent, Recall 75.0, 40 segments')
    assert _cells(text) == [
        ['classes', 'number', 'mMiss'],
        ['all', '2', '37.5'],
        ['head', '1', '25.0'],
        ['tail', '1', '50.0'],
    ]
    assert [row[1] for row in _cells(_printed(print_gains, runs))] == [
        'mMiss', '−12.5', '+12.5', '−37.5'
    ]  # fmt: skip
    assert runs[0].task.log_values(runs[0].metrics, per_class_keys=True) == {
        'miss': 0.375, 'recall': 0.75, 'head/miss': 0.25, 'tail/miss': 0.5,
        'miss/dive': 0.25, 'miss/vault': 0.5,
    }  # fmt: skip


def test_a_further_task_gets_a_report_in_which_less_may_be_better(localizers, tmp_path):
    page = build_report(localizers, tmp_path / 'r.html').read_text(encoding='utf-8')
    for text in (
        '<dd>40 segments of long videos</dd>',
        LOCALIZATION.explanation,
        'the classes of the highest miss rate, mean of the runs, first',
        'miss rate of base, classes by training segments',
        'What ours gains on base, class by class',
        '<td class="up">−12.5</td>',
        '<td class="down">+12.5</td>',
    ):
        assert text in page, text
    gains = page[page.index('Largest gains of ours') :]
    assert gains.index('vault') < gains.index('dive')
    assert 'SAP' not in page and 'boxes' not in page and 'samples' not in page


def test_measures_of_another_task_are_not_compared(localizers, make_run, tmp_path):
    with pytest.raises(ValueError, match='ours: the metrics.json of a localizer; .* a report of'):
        build_report([make_run('boxes'), localizers[1]], tmp_path / 'r.html')
