from __future__ import annotations

import os
import re

import pytest

from mmlt.evaluation.report import page as report_module
from mmlt.evaluation.report.page import MAX_BYTES, build_report


def _text(path):
    return path.read_text(encoding='utf-8')


def test_hand_made_run(two_classes, make_run, tmp_path):
    run = make_run('mine', metrics=two_classes())
    out_path = tmp_path / 'report.html'
    assert build_report([run], out_path) == out_path
    text = _text(out_path)
    assert '<title>Long-tail report: mine</title>' in text
    for fact in (
        'frame-AP by mmaction2’s protocol',
        '93,994 annotated boxes on 55,000 keyframes, 2 classes',
        '± from 15 draws, seed 0',
        'Arnab et al. 2022, Table 9',
        'SAP and frame-AP of mine, classes by training boxes',
    ):
        assert fact in text
    summary = re.search(r'<table class="summary">.*?</table>', text, re.S)[0]
    assert re.findall(r'<td[^>]*>([^<]*)<', summary) == [
        '50.0', '31.2', '90.0', '75.0', '50.0', '90.0', '25.0', '12.5', '90.0',
    ]  # fmt: skip
    assert 'medium' not in summary


def test_a_split_file_and_a_capacity_are_named(two_classes, make_run, tmp_path):
    metrics = {**two_classes(), 'split_source': 'train AP < test AP',
               'protocol': 'official', 'capacity': 50}  # fmt: skip
    text = _text(build_report(make_run('mine', metrics=metrics), tmp_path / 'r.html'))
    assert 'train AP &lt; test AP' in text
    assert 'official (ActivityNet) protocol, the 50 best-scored rows of a keyframe' in text


def test_opens_offline(pair, tmp_path):
    text = _text(build_report(pair, tmp_path / 'r.html'))
    assert not re.search(r'https?:|//[a-z]|@import|\bsrc=|<link|<img|<iframe', text)
    assert set(re.findall(r'url\((.)', text)) == {'#'}
    assert "default-src 'none'" in text


def test_ids_are_unique_and_references_resolve(pair, tmp_path):
    text = _text(build_report(pair, tmp_path / 'r.html'))
    ids = re.findall(r'\sid="([^"]*)"', text)
    assert len(set(ids)) == len(ids)
    references = re.findall(r'(?:url\(#|href="#)([^")]+)', text)
    assert references and set(references) <= set(ids)


def test_at_most_two_megabytes(make_run, pair, tmp_path):
    assert build_report(pair, tmp_path / 'r.html').stat().st_size < 0.5e6
    classes = [(f'class number {i}', i, int(60_000 / (i + 2))) for i in range(1, 1005)]
    many = [make_run(f'many{i}', seed=i, classes=classes) for i in range(2)]
    assert build_report(many, tmp_path / 'many.html').stat().st_size <= MAX_BYTES


def test_too_large_a_report_is_refused(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, 'MAX_BYTES', 100_000)
    with pytest.raises(ValueError, match='report of 2 runs would take 0.3 MB, more than 0 MB'):
        build_report(pair, tmp_path / 'r.html')
    assert not (tmp_path / 'r.html').exists()


def test_same_input_same_bytes(pair, tmp_path):
    first = build_report(pair, tmp_path / 'a.html').read_bytes()
    assert build_report(pair, tmp_path / 'b.html').read_bytes() == first


def test_never_overwrites_unasked(pair, tmp_path):
    out_path = tmp_path / 'out' / 'r.html'
    build_report(pair[0], out_path)
    before = out_path.read_bytes()
    with pytest.raises(FileExistsError, match='r.html: exists already; pass --overwrite'):
        build_report(pair, out_path)
    assert out_path.read_bytes() == before
    build_report(pair, out_path, overwrite=True)
    assert out_path.read_bytes() != before
    assert os.listdir(out_path.parent) == ['r.html']


def test_a_bad_run_leaves_the_old_report(pair, tmp_path):
    out_path = build_report(pair[0], tmp_path / 'r.html')
    before = out_path.read_bytes()
    (pair[1] / 'metrics.json').write_text('{}')
    with pytest.raises(ValueError, match="metrics.json: key 'protocol' is missing"):
        build_report(pair, out_path, overwrite=True)
    assert out_path.read_bytes() == before


def test_without_counts_nothing_speaks_of_groups(make_run, tmp_path):
    text = _text(build_report(make_run('plain', with_counts=False), tmp_path / 'r.html'))
    body = text[text.index('<body>') : text.index('<script>')]
    assert 'class="chip' not in body
    assert '<select' not in body
    assert 'SAP: head' not in body
    assert 'none given; classes are ordered by evaluated boxes' in body
    assert 'SAP and frame-AP of plain, classes by evaluated boxes' in body


def test_two_runs_with_different_classes(make_entry, two_classes, make_run, tmp_path):
    first, second = two_classes(), two_classes()
    second['per_class']['fly'] = make_entry(90, 0.5, 0.5, 'tail', 3)
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert '1 class is not in every run (base lacks 1, ours lacks 0)' in text
    assert '1 class has no SAP in one of the runs' in text
    assert 'Long-tail report: ours against base' in text
    assert '60 classes' not in text


def test_two_runs_without_a_common_class(make_entry, two_classes, make_run, tmp_path):
    first, second = two_classes(), two_classes()
    second['per_class'] = {'fly': make_entry(90, 0.5, 0.5, 'tail', 3)}
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'No class has SAP in both base and ours: no gain is shown.' in text
    assert 'gain on base' not in text and 'What ours gains on base' not in text
    assert 'SAP gain' not in text


def test_two_runs_whose_common_class_has_no_score(two_classes, make_run, tmp_path):
    first, second = two_classes(), two_classes()
    for entry in second['per_class'].values():
        entry.update(SAP=None, AP=None, AUC=None)
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert 'No class has SAP in both base and ours: no gain is shown.' in text
    assert 'gain on base' not in text


def test_three_runs(make_run, pair, tmp_path):
    runs = [*pair, make_run('focal', seed=3)]
    text = _text(build_report(runs, tmp_path / 'r.html', names=['A', 'B', 'C']))
    assert 'Long-tail report: 2 runs against A' in text
    assert text.count('>gain on A<') == 2 * 4  # all classes and three groups
    assert 'SAP of every run, classes by training boxes' in text


def test_facts_that_differ_are_told_for_each_run(two_classes, make_run, tmp_path):
    first, second = two_classes(), two_classes()
    second['num_trials'] = 40
    runs = make_run('base', metrics=first), make_run('ours', metrics=second)
    text = _text(build_report(runs, tmp_path / 'r.html'))
    assert '± from 15 draws, seed 0 (base); ' in text
    assert '± from 40 draws, seed 0 (ours)' in text


def test_names(pair, make_run, tmp_path):
    text = _text(build_report(pair, tmp_path / 'a.html', names=['<one>', 'two'], title='T & U'))
    assert '<h1>T &amp; U</h1>' in text
    assert '&lt;one&gt;' in text and '<one>' not in text
    with pytest.raises(ValueError, match=r"names: got 1 for 2 runs: \['x'\]"):
        build_report(pair, tmp_path / 'b.html', names=['x'])
    same = make_run('x/run', seed=1), make_run('y/run', seed=2)
    assert 'y/run against x/run' in _text(build_report(same, tmp_path / 'c.html'))
    assert 'run (2) against ' in _text(build_report([pair[0]] * 2, tmp_path / 'd.html')).replace(
        'baseline', 'run'
    )


def test_no_run(tmp_path):
    with pytest.raises(ValueError, match='at least one run folder'):
        build_report([], tmp_path / 'r.html')


@pytest.mark.parametrize('name', ['<script>alert(1)</script>', 'a & "b"', '$title', '動作 🎬'])
def test_any_class_name(make_entry, make_run, make_metrics, tmp_path, name):
    metrics = {
        **make_metrics(),
        'per_class': {name: make_entry(1, 0.5, 0.5), 'sit': make_entry(2, 0.5, 0.5)},
    }
    text = _text(build_report(make_run('run', metrics=metrics), tmp_path / 'r.html'))
    assert '<script>alert' not in text
    assert len(re.findall(r'<tr data-group', text)) == 2


def test_doubtful_numbers_are_told_for_the_run_they_belong_to(make_run, make_metrics, tmp_path):
    odd = {'tied_score_ratio': 0.25, 'missing_score_ratio': 0.005, 'num_keyframes_detected': 215,
           'num_videos': 64, 'num_videos_detected': 1}  # fmt: skip
    runs = [make_run('good'), make_run('odd', metrics={**make_metrics(), **odd})]
    assert '<p class="note">' not in _text(build_report(runs[0], tmp_path / 'good.html'))
    text = _text(build_report(runs, tmp_path / 'both.html'))
    assert re.findall('<p class="note">(.*?)</p>', text) == [
        'odd: the detections cover 215 of 55,000 annotated keyframes, 1 of 64 videos.',
        'odd: 25% of the scores are tied; if the file was thresholded or rounded, SAP and ROC-AUC '
        'do not stand, nor frame-AP where a class lost all of its detections.',
    ]
