from __future__ import annotations

import math

import pytest

from mmlt.evaluation.report_runs import read_runs
from mmlt.evaluation.shuffle_bias import compare, write_shuffle_bias

RESULT = {
    'num_shuffles': 2,
    'seed': 0,
    'num_samples': 4,
    'metrics': {'accuracy': compare(0.5, [0.0, 0.0])},
    'per_class': {'a': {'id': 0, 'num_videos': 4, **compare(0.5, [0.25, 0.25])}},
}


def test_a_detector_with_and_without_shuffle_bias(make_run):
    folder = make_run('run')
    assert read_runs([folder])[0].shuffle_bias is None
    write_shuffle_bias(RESULT, folder)
    for path in (folder, folder / 'metrics.json', folder / 'shuffle_bias.json'):
        (run,) = read_runs([path])
        assert run.name == 'run' and len(run.metrics['per_class']) == 60
        assert run.shuffle_bias['metrics']['accuracy']['log_ratio'] == math.inf


def test_a_recognizer_has_shuffle_bias_alone(tmp_path):
    write_shuffle_bias(RESULT, tmp_path)
    (run,) = read_runs([tmp_path])
    assert run.metrics == {} and run.shuffle_bias == RESULT
    assert read_runs([tmp_path], ['mine'])[0] == run._replace(name='mine')


def test_a_classifier_with_and_without_shuffle_bias(
    make_classifier_run, make_classifier_metrics, tmp_path
):
    plain, clips = (make_classifier_run(n, make_classifier_metrics()) for n in ('plain', 'clips'))
    write_shuffle_bias(RESULT, clips)
    write_shuffle_bias(RESULT, tmp_path / 'bare')
    runs = read_runs([plain, clips])
    assert [len(run.metrics['per_class']) for run in runs] == [6, 6]
    assert [run.shuffle_bias for run in runs] == [None, RESULT]
    # all that the two have in common
    assert [run.metrics for run in read_runs([clips, tmp_path / 'bare'])] == [{}, {}]
    with pytest.raises(ValueError, match=r'plain: the metrics\.json of a classifier; bare: only a'):
        read_runs([plain, tmp_path / 'bare'])


def test_a_detector_beside_a_classifier_is_refused(
    make_run, make_classifier_run, make_classifier_metrics
):
    clips = make_classifier_run('clips', make_classifier_metrics())
    message = (
        r'runs: ava, ava2: the metrics\.json of a detector; clips: the metrics\.json of a class'
    )
    with pytest.raises(ValueError, match=message):
        read_runs([make_run('ava'), clips, make_run('ava2')])


def test_a_broken_detector_is_not_taken_for_a_recognizer(tmp_path):
    write_shuffle_bias(RESULT, tmp_path)
    (tmp_path / 'metrics.json').write_text('{')
    with pytest.raises(ValueError, match='metrics.json, line 1: not JSON'):
        read_runs([tmp_path])
    with pytest.raises(FileNotFoundError, match='nowhere: no such file'):
        read_runs([tmp_path / 'nowhere'])
