"""The tool that makes the toy tables: its steps, its errors over videos, its table."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
from pathlib import Path

import pytest
from mmengine.config import Config

from mmlt.datasets.toy_world import ToyWorldConfig, make_feature_world
from mmlt.experiments import toy_runs
from mmlt.experiments import two_stage_table as table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope='module')
def tool():
    path = ROOT / 'tools' / 'analysis' / 'run_toy_table.py'
    spec = importlib.util.spec_from_file_location('run_toy_table', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numbers(tail, se=0.02, gain_se=0.01):
    """A row's numbers, two seeds: the same in every group but the tail."""
    row = {}
    for group in table.GROUPS:
        row[group] = {
            'mSAP': tail if group == 'tail' else [0.5, 0.7],
            'frame_mAP': [0.25, 0.25],
            'errors_over_videos': {'se': se, 'gain_se': gain_se},
        }
    return row


def test_table_by_hand():
    results = {
        'two_stage_counts': _numbers([0.6, 0.5], gain_se=0.015),
        'baseline': _numbers([0.5, 0.5]),
    }
    # .5 and .7: mean .6, standard deviation .2 / sqrt 2, over sqrt 2 .1; gains .1 and 0: .05
    both = '60.0 ± 10.0 (2.0)'
    columns = 'mSAP all | mSAP head | mSAP medium | mSAP tail | tail gain | frame-mAP all'
    assert table.make_table(results).splitlines() == [
        f'| method | {columns} | paper, own scale: table; mSAP all, head, tail |',
        '|' + '---|' * 8,
        f'| baseline | {both} | {both} | {both} | 50.0 ± 0.0 (2.0) |  | 25.0 ± 0.0 '
        '| 2; 47.8, 47.8, 47.7 |',
        f'| two-stage, split by counts | {both} | {both} | {both} | 55.0 ± 5.0 (2.0) '
        '| +5.0 ± 5.0 (1.5) | 25.0 ± 0.0 |  |',
    ]


def test_a_single_seed_has_no_error_over_seeds():
    numbers = _numbers([0.5])
    for group in table.GROUPS:
        numbers[group].update(mSAP=[0.5], frame_mAP=[0.25])
    told = table.make_table({'baseline': numbers, 'focal': numbers})
    assert '| 50.0 (2.0) |' in told and '| +0.0 (1.0) |' in told
    assert 'nan' not in told and '±' not in told


def test_every_row_has_its_config_and_trunk():
    for row in table.ROWS.values():
        assert toy_runs._config(row.config).is_file()
        assert row.trunk in (None, 'baseline', 'stage_one_ap', 'stage_one_counts')


@pytest.fixture
def runs(tmp_path):
    return toy_runs.TwoStageRuns(tmp_path / 'runs', tmp_path, 3)


def _shell(runs, name):
    """The command of a step as it is typed."""
    return runs.steps[name].shell()


def test_a_two_stage_row_is_algorithm_one(runs):
    assert runs.row('two_stage_ap') == runs.folder / 'two_stage_ap_test'
    assert list(runs.steps) == [
        'baseline', 'baseline_train', 'baseline_val', 'split_ap', 'stage_one_ap',
        'stage_one_ap_features', 'two_stage_ap', 'two_stage_ap_test',
    ]  # fmt: skip
    folder = runs.folder
    assert f'{folder / "baseline_train"} {folder / "baseline_val"} ' in _shell(runs, 'split_ap')
    split = f'model.roi_head.bbox_head.split_file={folder / "split_ap.json"}'
    assert split in _shell(runs, 'stage_one_ap')
    of_stage_one = f'"$(cat {folder / "stage_one_ap" / "last_checkpoint"})"'
    assert of_stage_one in _shell(runs, 'stage_one_ap_features')
    features = folder / 'stage_one_ap_features'
    trained, judged = _shell(runs, 'two_stage_ap'), _shell(runs, 'two_stage_ap_test')
    assert f'train_dataloader.dataset.feature_dir={features / "train"}' in trained
    assert f'test_dataloader.dataset.feature_dir={features / "test"}' in judged
    # one updates on 1,000 boxes; the others are given the two ranks' clips
    batch = 'train_dataloader.batch_size=16'
    assert batch in _shell(runs, 'stage_one_ap') and batch not in trained


def test_ablations_take_another_trunk(runs, tmp_path):
    runs.row('stage_one_all')
    assert 'stage_one_ap' not in runs.steps
    baseline = f'"$(cat {runs.folder / "baseline" / "last_checkpoint"})"'
    assert baseline in _shell(runs, 'baseline_features')
    runs.steps.clear()
    runs.row('whole_model')
    cfg = Config.fromfile(toy_runs._config('_stage_two_whole_model'))
    (i,) = (i for i, hook in enumerate(cfg.custom_hooks) if 'checkpoint' in hook)
    trunk = f'"$(cat {runs.folder / "stage_one_ap" / "last_checkpoint"})"'
    assert f'custom_hooks.{i}.checkpoint={trunk}' in _shell(runs, 'whole_model')
    assert not any('features' in name for name in runs.steps)
    runs.steps.clear()
    runs.row('two_stage_counts')
    counts = f'split_by_counts.py {tmp_path / "train_counts.json"} --tail-max 40 --out '
    assert counts in _shell(runs, 'split_counts')


def test_steps_that_rows_share_stand_once_and_are_named_by_their_seed(runs):
    for name in table.ROWS:
        runs.row(name)
    names = [step.name for step in runs.steps.values()]
    assert len(set(names)) == len(names) and all(name.startswith('seed 3: ') for name in names)
    places = [path for step in runs.steps.values() for path in (step.stamp, step.log)]
    assert len(set(places)) == len(places)
    made = [path for step in runs.steps.values() for path in step.outputs]
    for step in runs.steps.values():  # whatever is asked for is made by a step, or was there
        for path in step.inputs:
            if isinstance(path, Path) and runs.folder in path.parents and path.name != 'meta.json':
                assert path in made, path


def test_videolts_long_tail_mixed_reconstruction_starts_from_the_baseline(tmp_path):
    data = tmp_path / 'data'
    assert make_feature_world(data, ToyWorldConfig(scale=0.02))
    runs = toy_runs.VideoLTRuns(tmp_path / 'runs', data, 5, 'val', ['a.b=1'])
    assert runs.row('lmr') == runs.folder / 'lmr_val'
    assert list(runs.steps) == ['counts', 'baseline', 'baseline_val', 'lmr', 'lmr_val']
    trained = _shell(runs, 'lmr')
    assert f'checkpoint="$(cat {runs.folder / "baseline" / "last_checkpoint"})"' in trained
    assert ' a.b=1 ' in trained and 'VIDEOLT_CLASSES=40 ' in trained and '--seed 5' in trained
    assert f'ann_file={data / "val.lst"}' in _shell(runs, 'lmr_val')


def test_the_plan_of_both_tables(tool, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_feature_world(Path('data/toy/features'), ToyWorldConfig(scale=0.02))
    assert tool.main(['--dry-run', '--seeds', '1', '2']) == 0
    plan = capsys.readouterr().out
    assert plan.count('# seed 1: ') == plan.count('# seed 2: ') == 25
    assert tool.main(['--dry-run', '--table', 'videolt', '--seeds', '0', '--rows', 'cbs']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith('#')] == [
        f'# seed 0: {name}: to do' for name in ('counts', 'cbs', 'cbs_test')
    ]
    assert os.listdir() == ['data']


def test_a_failed_step_stops_all(tool, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv('PYTHON', '/bin/false')
    assert tool.main(['--work-dir', str(tmp_path / 'runs'), '--rows', 'baseline']) == 1
    printed = capfd.readouterr()
    assert re.fullmatch(r'== seed 0: baseline: not finished after \d+ s\n', printed.out)
    log = tmp_path / 'runs' / 'seed0' / 'logs' / 'baseline.log'
    told = f'the end of {log}:\nerror: seed 0: baseline failed, log: {log}\n'
    assert printed.err == told


@pytest.fixture
def judged(toy_detector, tmp_path):
    """Two rows of results that hold the ground truth of test as detections."""
    from mmlt.fileio.detections import write_detections
    from mmlt.functional import read_ava_csv

    data = toy_detector.root / 'data' / 'toy' / 'ava' / 'annotations'
    truth = read_ava_csv(data / 'test.csv')
    folder = tmp_path / 'perfect'
    folder.mkdir()
    write_detections(folder / 'detections.parquet', truth._replace(scores=truth.scores * 0 + 0.9))
    summary = {'mSAP': 0.75, 'frame_mAP': 0.5}
    groups = {name: summary for name in table.GROUPS[1:]}
    (folder / 'metrics.json').write_text(json.dumps({**summary, 'groups': groups}))
    return data, {'baseline': [folder, folder], 'focal': [folder]}


def test_rows_are_read_in_the_order_of_the_seeds(judged):
    data, folders = judged
    results = table.read_rows(folders, data, 'test', 3)
    assert list(results) == ['baseline', 'focal']
    for group in table.GROUPS:
        assert results['baseline'][group]['mSAP'] == [0.75, 0.75]
        assert results['focal'][group]['frame_mAP'] == [0.5]
        errors = results['focal'][group]['errors_over_videos']
        # every box that a draw holds is found before every other: no draw moves anything
        assert errors == pytest.approx({'se': 0, 'gain_se': 0}, abs=1e-12)
        assert all(math.isfinite(value) for value in errors.values())


def test_rows_need_the_baseline(judged):
    data, folders = judged
    with pytest.raises(ValueError, match="baseline 'baseline' is not among focal"):
        table.read_rows({'focal': folders['focal']}, data, 'test', 3)


def test_bad_arguments(tool, capsys):
    for bad in (['--rows', 'best'], ['--data-split', 'train'], ['--seeds', 'one']):
        with pytest.raises(SystemExit):
            tool.parse_args(bad)
        assert bad[1] in capsys.readouterr().err
