from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from mmlt.fileio.detections import read_detections, write_detections

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'sap_trials.py'
WORLD = ROOT / 'tests' / 'data' / 'hand_world'
DETECTIONS = WORLD / 'detections.csv'


@pytest.fixture
def run(tmp_path):
    """Run the tool on the hand-made world; later options win over the standard ones."""
    spec = importlib.util.spec_from_file_location('sap_trials', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def _run(*options, detections=DETECTIONS):
        standard = ['--ground-truth', WORLD / 'ground_truth.csv', '--out', tmp_path / 'study']
        standard += ['--label-map', WORLD / 'label_map.pbtxt']
        return module.main([str(option) for option in (detections, *standard, *options)])

    return _run


def _study(tmp_path) -> dict:
    return json.loads((tmp_path / 'study' / 'sap_trials.json').read_text(encoding='utf-8'))


def test_hand_made_world(run, tmp_path, capsys):
    assert run() == 0
    study = _study(tmp_path)
    # derived by hand in tests/evaluation/test_ava.py
    assert study['mSAP_exact'] == pytest.approx(7 / 9, abs=1e-12)
    assert study['num_trials'] == list(range(5, 41))
    assert (study['pool'], study['seed']) == ('boxes', 0)
    assert len(study['mSAP']) == len(study['variance']) == 36
    folder = tmp_path / 'study'
    assert sorted(os.listdir(folder)) == ['sap_trials.json', 'sap_trials.png']
    printed = capsys.readouterr().out
    assert 'mSAP, exact: 77.78\n' in printed
    assert printed.endswith(
        f'numbers: {folder / "sap_trials.json"}\npicture: {folder / "sap_trials.png"}\n'
    )


def test_a_run_folder_is_its_detections(run, tmp_path, capsys):
    folder = tmp_path / 'run'
    folder.mkdir()
    assert run(detections=folder) == 2
    assert 'one .parquet file of detections expected, found none' in capsys.readouterr().err
    write_detections(folder / 'detections.parquet', read_detections(DETECTIONS))
    assert run(detections=folder) == 0
    from_folder = _study(tmp_path)
    assert run('--overwrite') == 0
    assert _study(tmp_path) == from_folder


def test_options_reach_the_study(run, tmp_path):
    options = ['--exclude', WORLD / 'excluded.csv', '--pool', 'detections', '--seed', '3']
    assert run(*options, '--min-trials', '2', '--max-trials', '4', '--format', 'svg') == 0
    study = _study(tmp_path)
    assert (study['pool'], study['seed'], study['num_trials']) == ('detections', 3, [2, 3, 4])
    assert study['per_class']['stand']['num_boxes'] == 2  # 3 without the excluded keyframe of w
    assert '<svg' in (tmp_path / 'study' / 'sap_trials.svg').read_text(encoding='utf-8')


def test_odd_inputs_are_told(run, tmp_path, capsys):
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('x,1\n')
    assert run('--exclude', exclude) == 0
    told = f'{exclude}: excludes nothing; none of its 1 videos is annotated'
    assert capsys.readouterr().err == f'warning: {told}\n'


def test_existing_results_need_overwrite(run, tmp_path, capsys):
    (tmp_path / 'study').mkdir()
    (tmp_path / 'study' / 'sap_trials.png').write_text('mine')
    assert run() == 2
    assert 'sap_trials.png: exists already; pass --overwrite' in capsys.readouterr().err
    assert os.listdir(tmp_path / 'study') == ['sap_trials.png']
    assert run('--overwrite') == 0
    assert sorted(os.listdir(tmp_path / 'study')) == ['sap_trials.json', 'sap_trials.png']


@pytest.mark.parametrize(
    ('option', 'text', 'message'),
    [
        ('--label-map', 'item { id: 1 }', 'input, line 1: the item that ends here (id 1) has no'),
        ('--ground-truth', 'x,1,0,0,1,1,1,0\n', 'none of its keyframes (seconds 1 to 2) is in'),
        ('--ground-truth', 'v,1,0,0,9,9,1,0\n', 'input, line 1: v,1,0,0,9,9,1: a box far outside'),
        ('--ground-truth', 'v,1,0,0,1,1,1,0\n', 'no detection matches an annotated box'),
        ('--ground-truth', 'v,1,0,0,1,1\n', 'input'),
        ('--exclude', 'v;1\n', 'input, line 1: expected video_id,timestamp'),
    ],
)
def test_bad_input_is_one_clear_line(run, tmp_path, capsys, option, text, message):
    (tmp_path / 'input').write_text(text)
    assert run(option, tmp_path / 'input') == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    assert not (tmp_path / 'study').exists()


def test_bad_numbers_of_trials_and_a_missing_file(run, tmp_path, capsys):
    assert run('--min-trials', '9', '--max-trials', '4') == 2
    assert '1 <= 9 <= 4' in capsys.readouterr().err
    assert run(detections=tmp_path / 'gone.csv') == 2
    error = capsys.readouterr().err
    assert 'gone.csv' in error and error.count('\n') == 1
