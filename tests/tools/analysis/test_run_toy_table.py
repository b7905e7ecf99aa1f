"""The tool that makes the toy tables: its steps, its errors over videos, its table."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmlt.evaluation.progress import StepError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'analysis' / 'run_toy_table.py'
    spec = importlib.util.spec_from_file_location('run_toy_table', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numbers(tool, tail, se=0.02, gain_se=0.01):
    """A row's numbers, two seeds: the same in every group but the tail."""
    row = {}
    for group in tool.GROUPS:
        row[group] = {
            'mSAP': tail if group == 'tail' else [0.5, 0.7],
            'frame_mAP': [0.25, 0.25],
            'errors_over_videos': {'se': se, 'gain_se': gain_se},
        }
    return row


def test_table_by_hand(tool):
    results = {
        'two_stage_counts': _numbers(tool, [0.6, 0.5], gain_se=0.015),
        'baseline': _numbers(tool, [0.5, 0.5]),
    }
    # .5 and .7: mean .6, standard deviation .2 / sqrt 2, over sqrt 2 .1; gains .1 and 0: .05
    both = '60.0 ± 10.0 (2.0)'
    columns = 'mSAP all | mSAP head | mSAP medium | mSAP tail | tail gain | frame-mAP all'
    assert tool.make_table(results).splitlines() == [
        f'| method | {columns} | paper, own scale: table; mSAP all, head, tail |',
        '|' + '---|' * 8,
        f'| baseline | {both} | {both} | {both} | 50.0 ± 0.0 (2.0) |  | 25.0 ± 0.0 '
        '| 2; 47.8, 47.8, 47.7 |',
        f'| two-stage, split by counts | {both} | {both} | {both} | 55.0 ± 5.0 (2.0) '
        '| +5.0 ± 5.0 (1.5) | 25.0 ± 0.0 |  |',
    ]


def test_a_single_seed_has_no_error_over_seeds(tool):
    numbers = _numbers(tool, [0.5])
    for group in tool.GROUPS:
        numbers[group].update(mSAP=[0.5], frame_mAP=[0.25])
    table = tool.make_table({'baseline': numbers, 'focal': numbers})
    assert '| 50.0 (2.0) |' in table and '| +0.0 (1.0) |' in table
    assert 'nan' not in table and '±' not in table


def test_every_row_has_its_config_and_trunk(tool):
    for row in tool.ROWS.values():
        assert tool._config(row.config).is_file()
        assert row.trunk in (None, 'baseline', 'stage_one_ap', 'stage_one_counts')


@pytest.fixture
def experiment(tool, tmp_path):
    args = tool.parse_args(['--work-dir', str(tmp_path / 'runs'), '--data', str(tmp_path)])
    return tool.Experiment(args, 3)


def test_a_step_runs_once(experiment, tmp_path, capfd):
    def step():  # runs in a process of its own: what it has done is seen in files alone
        print('a wall of lines')
        subprocess.run(['echo', 'and those of a process'], check=True)
        with open(tmp_path / 'calls', 'a') as file:
            file.write('called\n')

    for _ in range(2):
        experiment.once('some_step', step)
    assert (tmp_path / 'calls').read_text() == 'called\n'
    done = tmp_path / 'runs' / 'seed3' / 'some_step.done'
    assert done.read_text().endswith(' CPU seconds\n') and float(done.read_text().split()[0]) >= 0
    log = tmp_path / 'runs' / 'seed3' / 'logs' / 'some_step.log'
    assert log.read_text() == 'a wall of lines\nand those of a process\n'
    told = capfd.readouterr().out
    assert re.fullmatch(rf'seed 3: some_step: \d+ s, log: {re.escape(str(log))}\n', told)


@pytest.mark.parametrize('failure', ['raise', 'exit'])
def test_a_failed_step_stops_all_and_is_not_done(experiment, tmp_path, capfd, failure):
    def step():
        if failure == 'exit':
            raise SystemExit(2)
        raise ValueError('no such thing')

    log = tmp_path / 'runs' / 'seed3' / 'logs' / 'bad_step.log'
    cause = 'ValueError: no such thing' if failure == 'raise' else 'exit code 2'
    with pytest.raises(StepError) as error:
        experiment.once('bad_step', step)
    assert str(error.value) == f'seed 3: bad_step failed: {cause} (log: {log})'
    assert not (tmp_path / 'runs' / 'seed3' / 'bad_step.done').exists()
    assert ('no such thing' in capfd.readouterr().err) == (failure == 'raise')
    experiment.once('bad_step', lambda: None)  # and may be tried again
    assert (tmp_path / 'runs' / 'seed3' / 'bad_step.done').exists()


@pytest.fixture
def steps(tool, experiment, monkeypatch):
    """The command lines of an experiment's steps instead of what they do."""
    lines = {}

    def once(name, step):
        monkeypatch.setattr(tool, '_tool', lambda *parts: lines.update({name: parts}))
        step()
        folder = experiment.folder / name
        folder.mkdir(exist_ok=True)
        (folder / 'last_checkpoint').write_text(f'{name}.pth')

    monkeypatch.setattr(experiment, 'once', once)
    return lines


def test_a_two_stage_row_is_algorithm_one(experiment, steps):
    assert experiment.row('two_stage_ap') == experiment.folder / 'two_stage_ap_test'
    assert list(steps) == [
        'baseline', 'baseline_train', 'baseline_val', 'split_ap', 'stage_one_ap',
        'stage_one_ap_features', 'two_stage_ap', 'two_stage_ap_test',
    ]  # fmt: skip
    folder = experiment.folder
    assert steps['split_ap'][1:3] == (folder / 'baseline_train', folder / 'baseline_val')
    split = f'model.roi_head.bbox_head.split_file={folder / "split_ap.json"}'
    assert split in steps['stage_one_ap']
    assert steps['stage_one_ap_features'][2] == Path('stage_one_ap.pth')
    features = folder / 'stage_one_ap_features'
    assert f'train_dataloader.dataset.feature_dir={features / "train"}' in steps['two_stage_ap']
    assert f'test_dataloader.dataset.feature_dir={features / "test"}' in steps['two_stage_ap_test']
    # one updates on 1,000 boxes; the others are given the two ranks' clips
    batch = 'train_dataloader.batch_size=16'
    assert batch in steps['stage_one_ap'] and batch not in steps['two_stage_ap']


def test_ablations_take_another_trunk(experiment, steps):
    experiment.row('stage_one_all')
    assert 'stage_one_ap' not in steps and steps['baseline_features'][2] == Path('baseline.pth')
    steps.clear()
    experiment.row('whole_model')
    assert 'custom_hooks.1.checkpoint=stage_one_ap.pth' in steps['whole_model']
    assert not any('features' in name for name in steps)
    steps.clear()
    experiment.row('two_stage_counts')
    counts = ('analysis/split_by_counts.py', experiment.args.data / 'train_counts.json')
    assert steps['split_counts'][:4] == (*counts, '--tail-max', 40)


@pytest.fixture
def judged(tool, toy_detector, tmp_path):
    """Two rows of results that hold the ground truth of test as detections."""
    from mmlt.fileio.detections import write_detections
    from mmlt.functional import read_ava_csv

    data = toy_detector.root / 'data' / 'toy' / 'ava' / 'annotations'
    truth = read_ava_csv(data / 'test.csv')
    folder = tmp_path / 'perfect'
    folder.mkdir()
    write_detections(folder / 'detections.parquet', truth._replace(scores=truth.scores * 0 + 0.9))
    summary = {'mSAP': 0.75, 'frame_mAP': 0.5}
    groups = {name: summary for name in tool.GROUPS[1:]}
    (folder / 'metrics.json').write_text(json.dumps({**summary, 'groups': groups}))
    args = SimpleNamespace(data=data, on='test', num_resamples=3)
    return args, {'baseline': [folder, folder], 'focal': [folder]}


def test_rows_are_read_in_the_order_of_the_seeds(tool, judged):
    args, folders = judged
    results = tool.read_rows(args, folders)
    assert list(results) == ['baseline', 'focal']
    for group in tool.GROUPS:
        assert results['baseline'][group]['mSAP'] == [0.75, 0.75]
        assert results['focal'][group]['frame_mAP'] == [0.5]
        errors = results['focal'][group]['errors_over_videos']
        # every box that a draw holds is found before every other: no draw moves anything
        assert errors == pytest.approx({'se': 0, 'gain_se': 0}, abs=1e-12)
        assert all(math.isfinite(value) for value in errors.values())


def test_rows_need_the_baseline(tool, judged):
    args, folders = judged
    with pytest.raises(ValueError, match="baseline 'baseline' is not among focal"):
        tool.read_rows(args, {'focal': folders['focal']})


def test_bad_arguments(tool, capsys):
    for bad in (['--rows', 'best'], ['--on', 'train'], ['--seeds', 'one']):
        with pytest.raises(SystemExit):
            tool.parse_args(bad)
        assert bad[1] in capsys.readouterr().err
