from __future__ import annotations

import os

import pytest

from mmlt.evaluation.runs.origin import find_annotations, find_origin

LINE = '2026/11/27 13:00:00 - mmengine - INFO - '
TRAINED = f'{LINE}Epoch(train)  [1][10/20]  loss: 0.5\n'


def _job(folder, config, log='', name='20261127_130501'):
    """What mmengine leaves of a job in its WORK_DIR."""
    job = folder / name
    (job / 'vis_data').mkdir(parents=True)
    (job / 'vis_data' / 'config.py').write_text(config)
    (job / f'{name}.log').write_text(log)
    (folder / 'slowonly.py').write_text(config)
    return job


def test_results_in_the_folder_of_the_job_that_trained(tmp_path):
    config = "load_from = 'weights.pth'\nrandomness = dict(seed=3)\nwork_dir = 'w'\n"
    job = _job(tmp_path / 'w', config, TRAINED)
    (tmp_path / 'w' / 'other.py').write_text('load_from = None\n')
    assert find_origin(job) == {
        'Date': '2026-11-27 13:05:01',
        'Config': 'slowonly.py',
        'Checkpoint': 'none: evaluated during its training',
        'Training seed': '3',
    }


def test_the_config_keeps_its_name_when_a_later_job_wrote_another_text(tmp_path):
    job = _job(tmp_path, 'randomness = dict(seed=0)\n', TRAINED)
    (tmp_path / 'slowonly.py').write_text("load_from = 'last.pth'\n")  # the test, same config
    assert find_origin(job)['Config'] == 'slowonly.py'
    (tmp_path / 'i3d.py').write_text('')
    assert 'Config' not in find_origin(job)  # one of two, and nothing says which


@pytest.mark.parametrize('out_dir', ['runs/base/test', '{}/runs/base/test'])
def test_results_elsewhere_are_traced_to_the_job_and_its_training(tmp_path, out_dir):
    """As the demo does: trained in runs/base, tested with another work_dir and an out_dir."""
    base = tmp_path / 'runs' / 'base'
    _job(base, 'randomness = dict(seed=7)\n', TRAINED)
    (base / 'epoch_6.pth').write_bytes(b'')
    evaluator = f"dict(type='mmlt.AVALongTailMetric', out_dir='{out_dir.format(tmp_path)}')"
    config = f"load_from = 'runs/base/epoch_6.pth'\ntest_evaluator = {evaluator}\n"
    _job(base / 'test', config, name='20261127_150000')
    assert find_origin(base / 'test') == {
        'Date': '2026-11-27 15:00:00',
        'Config': 'slowonly.py',
        'Checkpoint': 'runs/base/epoch_6.pth',
        'Training seed': '7',
    }
    assert find_origin(base / 'another') == {}


def test_two_jobs_with_the_same_out_dir_leave_the_origin_unknown(tmp_path):
    """Of 'test' and 'test-2', one is of each; nothing says which, and 'test-2' no job names."""
    config = "load_from = '{}.pth'\ntest_evaluator = dict(out_dir='runs/test')\n"
    runs = tmp_path / 'runs'
    _job(runs, config.format('first'), name='20261127_150000')
    assert find_origin(runs / 'test')['Checkpoint'] == 'first.pth'
    _job(runs, config.format('second'), name='20261127_160000')
    for name in ('test', 'test-2'):
        (runs / name).mkdir()
        (runs / name / 'metrics.json').write_text('{}')
        os.utime(runs / name / 'metrics.json', (1_000_000_000, 1_000_000_000))
        date = '2001-09-09 01:46:40 UTC, when metrics.json was last changed'
        assert find_origin(runs / name) == {'Date': date}


def test_a_seed_that_mmengine_drew_is_in_the_log(tmp_path):
    log = f'{LINE}Runtime environment:\n    cudnn_benchmark: False\n    seed: 41\n{TRAINED}'
    job = _job(tmp_path, 'randomness = dict(seed=None)\n', log)
    assert find_origin(job)['Training seed'] == '41'


def test_trainings_with_other_seeds_beside_a_checkpoint_leave_it_unknown(tmp_path):
    for seed in (0, 1):
        _job(tmp_path, f'randomness = dict(seed={seed})\n', TRAINED, name=f'2026112{seed}_130000')
    (tmp_path / 'last.pth').write_bytes(b'')
    job = _job(tmp_path / 'test', f"load_from = '{tmp_path / 'last.pth'}'\n")
    assert 'Training seed' not in find_origin(job)


def test_without_a_job_there_is_the_date_of_the_file(tmp_path):
    (tmp_path / 'metrics.json').write_text('{}')
    os.utime(tmp_path / 'metrics.json', (1_000_000_000, 1_000_000_000))
    told = {'Date': '2001-09-09 01:46:40 UTC, when metrics.json was last changed'}
    assert find_origin(tmp_path) == told
    assert find_origin(tmp_path / 'absent') == {}


@pytest.mark.parametrize(
    'config', ['load_from = (', 'x\0', "load_from = open('f').read()\nrandomness = 3\n", '((' * 400]
)
def test_a_config_is_read_and_never_run(tmp_path, config):
    """Nothing is known of it but when the job began."""
    job = _job(tmp_path, config)
    known = find_origin(job)
    assert known.pop('Date') == '2026-11-27 13:05:01'
    assert set(known) <= {'Config'}


def _evaluator(**settings):
    listed = ', '.join(f'{key}={value!r}' for key, value in settings.items())
    return f'dict(type="mmlt.AVALongTailMetric", {listed})'


def test_annotations_of_a_test_and_of_a_training(tmp_path):
    for name in ('val.csv', 'test.csv', 'test_excluded.csv'):
        (tmp_path / name).write_text('')
    val = _evaluator(ann_file=str(tmp_path / 'val.csv'))
    test = _evaluator(
        ann_file=str(tmp_path / 'test.csv'),
        exclude_file=str(tmp_path / 'test_excluded.csv'),
        ann_format='ava_kinetics',
    )
    config = f'val_evaluator = {val}\ntest_evaluator = [dict(type="AccMetric"), {test}]\n'
    tested = find_annotations(_job(tmp_path / 'w', config))
    assert tested == (tmp_path / 'test.csv', tmp_path / 'test_excluded.csv', 'ava_kinetics')
    trained = find_annotations(_job(tmp_path / 't', config, TRAINED))
    assert trained == (tmp_path / 'val.csv', None, 'ava')


def test_annotations_by_a_relative_path(tmp_path, monkeypatch):
    """As configs have it: from where the job was started, which may lie above the run."""
    config = f'test_evaluator = {_evaluator(ann_file="data/mine/test.csv")}\n'
    job = _job(tmp_path / 'work_dirs' / 'mine', config)
    assert find_annotations(job) is None
    (tmp_path / 'data' / 'mine').mkdir(parents=True)
    (tmp_path / 'data' / 'mine' / 'test.csv').write_text('')
    assert find_annotations(job).ann_file == tmp_path / 'data' / 'mine' / 'test.csv'
    monkeypatch.chdir(tmp_path)
    assert find_annotations(job).ann_file.is_file()


@pytest.mark.parametrize(
    'config',
    [
        '',
        'test_evaluator = dict(type="AccMetric")\n',
        'test_evaluator = dict(type="mmlt.AVALongTailMetric", ann_file=PATH)\n',
        f'test_evaluator = {_evaluator(ann_file="nowhere.csv")}\n',
        f'test_evaluator = {_evaluator(ann_file="here.csv", exclude_file="nowhere.csv")}\n',
    ],
)
def test_annotations_that_are_not_known_are_not_guessed(tmp_path, config):
    (tmp_path / 'here.csv').write_text('')
    assert find_annotations(_job(tmp_path / 'w', config)) is None
    assert find_annotations(tmp_path) is None
