from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree

import pytest

from mmlt.evaluation.report.page import build_report
from mmlt.evaluation.report.shuffle_bias import bias_figure, shuffle_bias_section
from mmlt.evaluation.runs.read import ClassRow, Run


def _row(original, shuffled, log_ratio, error=0.05, **more):
    return {'original': original, 'shuffled': shuffled, 'log_ratio': log_ratio,
            'log_ratio_std_error': error, **more}  # fmt: skip


def _run(name, metrics, per_class=None, num_shuffles=3):
    result = dict(num_shuffles=num_shuffles, metrics=metrics, per_class=per_class or {})
    return Run(name, {}, result)


def _strip_texts(html):
    svg = ElementTree.fromstring(re.search(r'<svg.*?</svg>', html, re.S)[0])
    return [title.text for title in svg.iter('title')]


def _class_row(name, *entries, group=None):
    return ClassRow(name, 0, group, None, 0, entries)


ACCURACY = {
    'swings': _row(1.0, 0.96, 0.0408),
    'drifts': _row(1.0, 0.0, math.inf, None),
    'never seen': _row(0.0, 0.0, None, None),
    'circles': _row(1.0, 0.5, 0.6931),
}


def test_recognizer_by_hand():
    html = shuffle_bias_section([_run('a', {'accuracy': _row(0.75, 0.375, 0.6931)}, ACCURACY)])
    assert _strip_texts(html) == [
        'drifts: accuracy 100.0 in order, 0.0 shuffled, log ratio ∞',
        'circles: accuracy 100.0 in order, 50.0 shuffled, log ratio 0.69 ±0.05',
        'swings: accuracy 100.0 in order, 96.0 shuffled, log ratio 0.04 ±0.05',
        'never seen: accuracy 0.0 in order, 0.0 shuffled, log ratio –',
    ]
    assert '1 of 4 classes have no ratio' in html
    assert '(3 shuffles; their mean is shown)' in html
    assert '<td class="edge">75.0</td><td>37.5</td><td>0.69 <small>±0.05</small></td>' in html


def test_detector_shows_the_ap_of_each_action():
    metrics = {
        'ava/frame_mAP': _row(0.5, 0.4, 0.223),
        'ava/mSAP_sampled': _row(0.5, 0.4, 0.223),
        'ava/head/frame_mAP': _row(0.5, 0.4, 0.223),
        'ava/AP/carry/hold': _row(0.5, 0.25, 0.6931),
        'ava/AP/sit': _row(0.5, 0.5, 0.0),
        'ava/AP/no box': _row(None, None, None, None),
        'ava/SAP/sit': _row(0.9, 0.9, 0.0),
    }
    rows = [_class_row('sit', group='head'), _class_row('carry/hold', group='tail')]
    html = shuffle_bias_section([_run('a', metrics)], rows)
    assert [text.split(': ')[0] for text in _strip_texts(html)] == ['carry/hold', 'sit']
    assert '>in order: head<' in html and '>in order: tail<' in html
    assert '<th scope="row">frame-mAP</th>' in html
    assert 'sampled' not in html and 'head/' not in html


def test_two_runs_beside_each_other():
    other = {'drifts': _row(0.5, 0.4, 0.2231), 'only here': _row(0.9, 0.9, 0.0)}
    overall = {'accuracy': _row(0.75, 0.375, 0.6931)}
    html = shuffle_bias_section([_run('a', overall, ACCURACY), _run('b', overall, other, 5)])
    assert '(3 shuffles or 5 shuffles; ' in html
    texts = _strip_texts(html)
    assert texts[0] == (
        'drifts: a: accuracy 100.0 in order, 0.0 shuffled, log ratio ∞; '
        'b: accuracy 50.0 in order, 40.0 shuffled, log ratio 0.22 ±0.05'
    )
    assert texts[-2].startswith('only here: a: accuracy – in order, – shuffled, log ratio –; b: ')
    assert html.count('>in order<') == 2 * 2 + 2  # a legend each; two tables, two runs


def test_runs_without_results():
    bare = Run('bare', {})
    assert shuffle_bias_section([bare]) == ''
    html = shuffle_bias_section([bare, _run('a', {'accuracy': _row(1, 1, 0.0)}, ACCURACY)])
    assert 'Without such results: bare.' in html


def _bars(svg, color):
    paths = re.findall(r'<path d="([^"]*)"[^>]*style="fill: ' + color, svg)
    return [
        max(float(y) for y in ys) - min(float(y) for y in ys)
        for path in paths
        for ys in [re.findall(r'[ML] \S+ (\S+)', part) for part in path.split('z')]
        if len(ys) >= 4
    ]


def test_bars_have_the_heights_of_the_log_ratios():
    rows = [_class_row(str(r), _row(0.9, 0.5, r, None), _row(0.9, 0.5, r / 2, None))
            for r in (1.0, 0.5, -0.25)]  # fmt: skip
    svg = bias_figure(rows, ['a', 'b'], 'accuracy')
    second = _bars(svg, '#bb5566')  # the second run's bars; the last entry is the legend's
    assert second[:3] == pytest.approx([second[0] * f for f in (1, 0.5, 0.25)], abs=0.05)


def test_all_undefined():
    svg = bias_figure([_class_row('a', _row(0.0, 0.0, None, None))], ['run'], 'AP')
    assert 'log ratio –' in svg


def test_minus_infinity():
    row = _class_row('a', _row(0.0, 0.1, -math.inf, None))
    assert 'log ratio −∞' in bias_figure([row], ['run'], 'AP')


def _text(path):
    return path.read_text(encoding='utf-8')


def test_shuffle_bias_of_recognizers(make_shuffle_row, write_shuffle_bias, tmp_path):
    per_class = [{name: make_shuffle_row(0.75, 0.5, 0.405, id=i, num_videos=4)}
                 for i, name in enumerate(('drift', 'striped'))]  # fmt: skip
    overall = {'accuracy': make_shuffle_row(0.75, 0.5, 0.405)}
    runs = [write_shuffle_bias(tmp_path / name, overall, rows)
            for name, rows in zip(('motion', 'looks'), per_class)]  # fmt: skip
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'Shuffle bias: looks against motion' in text
    assert '9 samples, classes with samples: 1' in text and '2, seed 0' in text
    assert 'accuracy 75.0 in order, 50.0 shuffled, log ratio 0.41 ±0.05' in text
    assert 'id="classes"' not in text


def test_a_detector_beside_a_recognizer_is_refused(
    make_shuffle_row, write_shuffle_bias, make_run, tmp_path
):
    bare = write_shuffle_bias(tmp_path / 'clips', {'accuracy': make_shuffle_row(1, 0.5, 0.7)})
    with pytest.raises(ValueError, match='ava: the metrics.json of a detector; clips: only a'):
        build_report([make_run('ava'), bare], tmp_path / 'r.html')


def test_detectors_without_shuffle_bias_are_named(
    make_shuffle_row, write_shuffle_bias, make_run, tmp_path
):
    runs = [make_run('with'), make_run('without')]
    assert 'Shuffle bias' not in _text(build_report(runs, tmp_path / 'none.html'))
    write_shuffle_bias(runs[0], {'ava/AP/sit': make_shuffle_row(0.6, 0.5, 0.18)})
    text = _text(build_report(runs, tmp_path / 'one.html'))
    assert 'Without such results: without.' in text
    assert 'sit: frame-AP 60.0 in order, 50.0 shuffled, log ratio 0.18 ±0.05' in text
