from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from mmlt.evaluation.report.groups import intervals_hint, intervals_section
from mmlt.evaluation.runs.read import Run


def _with_intervals(run, half=0.1, **more):
    """Means with intervals of half a width; the draws go from the one end to the other."""
    groups = {'all': run.metrics, **run.metrics['groups']}
    values = {f'{group}/{key}': means[key] for group, means in groups.items()
              for key in ('mSAP', 'frame_mAP', 'mAUC')}  # fmt: skip
    means = {name: {'value': v, 'se': half / 2, 'low': v - half, 'high': v + half}
             for name, v in values.items()}  # fmt: skip
    draws = {name: [v - half, v, v + half] for name, v in values.items()}
    base = {'num_resamples': 3, 'seed': 0, 'videos': [f'v{i}' for i in range(30)]}
    return run._replace(intervals={**base, 'means': means, 'draws': draws, **more})


@pytest.fixture
def pair_of_runs(make_metrics):
    return Run('base', make_metrics(seed=1)), Run('ours', make_metrics(seed=2, tail_gain=0.12))


def _whiskers(html, color):
    """Lengths of the vertical lines of a colour, panel by panel."""
    svg = ElementTree.fromstring(re.search('<svg.*</svg>', html, re.S)[0])
    lengths = []
    for path in svg.iter('path'):
        points = re.findall(r'[ML] (\S+) (\S+)', path.get('d'))
        if len(points) == 2 and points[0][0] == points[1][0]:
            if f'stroke: {color}' in path.get('style', '') and path.get('clip-path'):
                lengths.append(abs(float(points[0][1]) - float(points[1][1])))
    return lengths


def test_a_whisker_for_each_mean(pair_of_runs):
    html = intervals_section([_with_intervals(pair_of_runs[0])])
    lengths = _whiskers(html, '#004488')
    assert len(lengths) == 3 * 4  # measures x (all, head, medium, tail)
    assert lengths[:4] == pytest.approx([lengths[0]] * 4, abs=0.02)  # all as long
    assert 'from 3 resamples of the 30 test videos' in html
    assert 'gain' not in html and 'too narrow' not in html
    for title in ('mSAP (%)', 'frame-mAP (%)', 'mAUC (%)', 'tail'):
        assert f'>{title}<' in html


def test_gains_of_paired_runs_have_whiskers_of_their_own(pair_of_runs):
    """Both runs move alike from draw to draw: the means are unsure, the gain is not."""
    runs = [_with_intervals(run) for run in pair_of_runs]
    html = intervals_section(runs)
    lengths = _whiskers(html, '#bb5566')
    assert len(lengths) == 2 * 3 * 4
    short = [length for length in lengths if length < 1]
    assert len(short) == 12  # those of the gains
    assert '>mSAP: gain<' in html and 'gained on base' in html


def test_runs_of_other_draws_have_no_interval_of_the_gain(pair_of_runs):
    runs = [_with_intervals(pair_of_runs[0]), _with_intervals(pair_of_runs[1], seed=1)]
    assert 'gain<' not in intervals_section(runs)
    assert 'ours: other resamples or videos than base’s; the gain has no interval.' in (
        intervals_hint(runs)
    )
    assert intervals_hint([runs[0], runs[0]]) == ''


def test_few_videos_and_points_outside_their_lines_are_told(pair_of_runs):
    run = _with_intervals(pair_of_runs[0], videos=['a', 'b'])
    assert 'So few videos make intervals that are too narrow.' in intervals_section([run])
    run.intervals['means']['tail/frame_mAP'].update(low=0.9, high=0.95)
    assert 'outside its line (frame-mAP of tail)' in intervals_section([run])


def test_a_run_without_intervals_is_told_how_to_get_them(pair_of_runs):
    assert intervals_section(pair_of_runs) == ''
    hint = intervals_hint(pair_of_runs)
    assert 'tools/analysis/report.py RUN RUN --ground-truth ANNOTATIONS.csv' in hint
    assert 'dump=' not in hint
    no_dump = pair_of_runs[0]._replace(remark='keeps no detections.parquet')
    hint = intervals_hint([no_dump, _with_intervals(pair_of_runs[1])])
    assert 'base keeps no detections.parquet. ' in hint
    assert 'test_evaluator.dump=detections.parquet' in hint and 'ours' not in hint


def test_classifiers_have_none(make_classifier_metrics):
    assert intervals_hint([Run('clips', make_classifier_metrics())]) == ''
