from __future__ import annotations

import re

from mmlt.evaluation.report.charts import explanation, figure_sections
from mmlt.evaluation.runs.read import Run, join_classes


def _strips(html):
    return [re.findall('<title>(.*?):', svg) for svg in re.findall('<svg.*?</svg>', html, re.S)]


def _runs(two_classes, make_entry, *names):
    """Runs of two classes with boxes and two without."""
    metrics = two_classes()
    metrics['per_class']['fly'] = make_entry(90, None, None, 'tail', 3, 0)
    metrics['per_class']['drive'] = make_entry(91, None, None, 'head', 30_000, 0)
    return [Run(name, metrics) for name in names]


def test_classes_without_boxes_are_left_out_with_a_note(two_classes, make_entry):
    note = (
        '2 of 4 classes have no evaluated boxes and are left out; the table of <a href="#classes">'
        'all classes</a> lists them.'
    )
    for names, num_charts in (('a', 2), ('ab', 4), ('abc', 2)):
        runs = _runs(two_classes, make_entry, *names)
        html = figure_sections(runs, join_classes(runs))
        assert _strips(html) == [['stand', 'swim']] * num_charts
        assert html.count(note) == 2  # below class frequencies and the first scores


def test_a_class_that_one_run_has_boxes_of_is_drawn(two_classes, make_entry):
    runs = _runs(two_classes, make_entry, 'a', 'b')
    metrics = {**runs[1].metrics, 'per_class': {**runs[1].metrics['per_class']}}
    metrics['per_class']['fly'] = make_entry(90, 0.5, 0.5, 'tail', 3, 12)
    runs[1] = Run('b', metrics)
    html = figure_sections(runs, join_classes(runs))
    assert _strips(html)[0] == ['stand', 'swim', 'fly']
    assert 'fly: 3 in training, 12 evaluated' in html
    assert '1 of 4 classes has no evaluated boxes and is left out' in html


def test_all_classes_with_boxes_need_no_note(two_classes):
    runs = [Run('a', two_classes())]
    assert 'left out' not in figure_sections(runs, join_classes(runs))


def test_no_class_with_boxes_is_no_chart(make_entry, two_classes):
    metrics = {**two_classes(), 'per_class': {'fly': make_entry(90, None, None, None, None, 0)}}
    runs = [Run('a', metrics)]
    assert figure_sections(runs, join_classes(runs)) == ''


def test_what_random_scores_give_is_said_with_the_share_that_is_missing(two_classes):
    told = explanation([Run('a', two_classes())])
    assert 'about 50 only where every box has a score' in told and '(here' not in told
    assert 'depends on prevalence' in told
    runs = [Run('a', two_classes()), Run('b', {**two_classes(), 'no_score_ratio': 0.196})]
    assert '(here 19.6% of the scores are missing)' in explanation(runs[1:])
    assert '(here in b 19.6% of the scores are missing)' in explanation(runs)


def test_classifiers_have_no_sap(make_classifier_metrics):
    told = explanation([Run('clips', make_classifier_metrics())])
    assert 'depends on prevalence' in told and 'SAP' not in told
