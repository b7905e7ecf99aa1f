from __future__ import annotations

import math

import pytest

from mmlt.evaluation.runs.compare import add_intervals, read_runs
from mmlt.evaluation.runs.intervals import write_intervals
from mmlt.evaluation.shuffle_bias import compare, write_shuffle_bias
from mmlt.functional import ava_boxes_from_arrays

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


def test_a_training_folder_is_answered_with_its_runs(make_run, tmp_path):
    make_run('work/20261126_090000')
    expected = f'{tmp_path / "work"}: holds no metrics.json, but {{}} the run itself'
    told = expected.format(f'{tmp_path / "work" / "20261126_090000"} has: name')
    with pytest.raises(FileNotFoundError) as error:
        read_runs([tmp_path / 'work'])
    assert str(error.value) == told
    for day in (27, 28, 29):
        write_shuffle_bias(RESULT, tmp_path / 'work' / f'202611{day}_090000')
    days = [str(tmp_path / 'work' / f'202611{day}_090000') for day in (29, 28, 27)]
    with pytest.raises(FileNotFoundError) as error:
        read_runs([tmp_path / 'work'])
    assert str(error.value) == expected.format(f'{", ".join(days)} and 1 more have: name')
    with pytest.raises(FileNotFoundError, match='20261127_090000 and 1 more have: '):
        read_runs([tmp_path])  # two levels up
    (tmp_path / 'empty' / 'logs').mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r'no metrics\.json, nor does a folder in it'):
        read_runs([tmp_path / 'empty'])


def test_intervals_of_the_run_and_of_another(make_run, make_metrics):
    folder, metrics = make_run('run'), make_metrics()
    assert read_runs([folder])[0].remark == 'keeps no detections.parquet'
    (folder / 'detections.parquet').write_bytes(b'')
    assert read_runs([folder])[0].remark is None
    means = {'all/mSAP': {'value': metrics['mSAP'], 'se': 0.1, 'low': 0.1, 'high': 0.9}}
    intervals = {'num_resamples': 2, 'seed': 0, 'videos': ['v'], 'means': means,
                 'draws': {'all/mSAP': [0.1, None]}}  # fmt: skip
    write_intervals(intervals, folder)
    assert read_runs([folder])[0].intervals == intervals
    means['all/mSAP']['value'] = 0.125
    write_intervals(intervals, folder, overwrite=True)
    (run,) = read_runs([folder])
    assert run.intervals is None
    assert run.remark.startswith('has an intervals.json of another evaluation (all/mSAP is 0.125')


def test_the_origin_of_a_run_is_known_to_it(make_run, tmp_path):
    folder = make_run('work/20261127_130501')
    (folder / 'vis_data').mkdir()
    (folder / 'vis_data' / 'config.py').write_text("load_from = 'a.pth'\n")
    (run,) = read_runs([folder])
    assert run.origin == {'Date': '2026-11-27 13:05:01', 'Checkpoint': 'a.pth'}


def test_a_broken_detector_is_not_taken_for_a_recognizer(tmp_path):
    write_shuffle_bias(RESULT, tmp_path)
    (tmp_path / 'metrics.json').write_text('{')
    with pytest.raises(ValueError, match='metrics.json, line 1: not JSON'):
        read_runs([tmp_path])
    with pytest.raises(FileNotFoundError, match='nowhere: no such file'):
        read_runs([tmp_path / 'nowhere'])


def test_no_intervals_of_a_classifier(make_classifier_run, make_classifier_metrics):
    folder = make_classifier_run('clips', make_classifier_metrics())
    boxes = ava_boxes_from_arrays(['v'], [902], [[0, 0, 1, 1]], [1])
    with pytest.raises(ValueError, match='clips: intervals .* this is the metrics.json of a class'):
        add_intervals(folder, boxes, frozenset(), num_resamples=2, seed=0)
    assert not (folder / 'intervals.json').exists()
