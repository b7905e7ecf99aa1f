from __future__ import annotations

import re

import pytest

from mmlt.evaluation.report.facts import checks_box, facts_list, gaps_warnings, warnings_of
from mmlt.evaluation.runs.read import Run


@pytest.fixture
def make(make_metrics):
    return lambda name, **more: Run(name, {**make_metrics(), **more})


def test_where_the_runs_come_from(make):
    first = make('base')._replace(origin={'Date': '2026-11-27', 'Config': 'a.py'})
    second = make('ours')._replace(origin={'Date': '2026-11-27', 'Checkpoint': 'b.pth'})
    assert facts_list([make('bare')]).startswith('<dl><dt>Protocol</dt>')
    assert facts_list([first]).startswith(
        '<dl><dt>Date</dt><dd>2026-11-27</dd><dt>Config</dt><dd>a.py</dd><dt>Protocol</dt>'
    )
    assert facts_list([first, second]).startswith(
        '<dl><dt>Date</dt><dd>2026-11-27</dd><dt>Config</dt><dd>a.py (base)</dd>'
        '<dt>Checkpoint</dt><dd>b.pth (ours)</dd><dt>Protocol</dt>'
    )


def test_what_the_data_checks_said(make):
    runs = [make('base'), make('ours', warnings=['gt.csv: <3> rows twice', 'no head class'])]
    assert checks_box(runs[:1]) == ''
    box = checks_box(runs[1:])
    assert '<li>gt.csv: &lt;3&gt; rows twice</li><li>no head class</li>' in box
    assert '<li>ours: no head class</li>' in checks_box(runs)


def test_a_warning_is_said_once_and_names_a_file_without_its_folder(make):
    told = 'the detections cover 215 of 55,000 annotated keyframes, 1 of 64 videos'
    warnings = [f'/data/d.parquet: {told}', "/data/d.parquet: 'w' has none"]
    coverage = dict(num_keyframes_detected=215, num_videos=64, num_videos_detected=1)
    run = make('ours', **coverage, warnings=warnings)
    assert warnings_of([run]) == [f'ours: {told}.']
    assert re.findall('<li>(.*?)</li>', checks_box([run])) == ['d.parquet: &#x27;w&#x27; has none']
    assert checks_box([make('ours', **coverage, warnings=warnings[:1])]) == ''


def test_frame_maps_over_different_classes(make):
    base = make('base', undetected_classes=['swim', 'sit'])
    ours = make('ours', undetected_classes=['sit', 'fly'])
    assert gaps_warnings([base, ours]) == [
        'The frame-mAPs of base and ours are means over different classes: base alone never '
        'detected swim; ours alone never detected fly. Compare the values with undetected classes '
        'as 0.'
    ]
    assert gaps_warnings([base, base]) == [] and gaps_warnings([base]) == []
    official = [make(name, protocol='official', undetected_classes=[name]) for name in ('a', 'b')]
    assert gaps_warnings(official) == []  # there they count as 0
