from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'bootstrap_groups.py'
WORLD = ROOT / 'tests' / 'data' / 'hand_world'


@pytest.fixture
def run(tmp_path):
    spec = importlib.util.spec_from_file_location('bootstrap_groups', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from mmlt.fileio.label_map import read_label_map

    ids = sorted(read_label_map(WORLD / 'label_map.pbtxt'))
    split = tmp_path / 'split.json'
    split.write_text(json.dumps({'source': 'test', 'head': ids[:1], 'tail': ids[1:]}))

    def _run(*options, detections=WORLD / 'detections.csv'):
        files = ('ground-truth', WORLD / 'ground_truth.csv', 'label-map', WORLD / 'label_map.pbtxt')
        return module.main(
            [
                str(detections),
                f'--{files[0]}={files[1]}',
                f'--{files[2]}={files[3]}',
                f'--split={split}',
                f'--out={tmp_path / "bootstrap.json"}',
                *options,
            ]
        )

    return _run


def test_values_are_those_of_the_evaluation(run, tmp_path, capsys):
    assert run('--num-resamples', '40') == 0
    result = json.loads((tmp_path / 'bootstrap.json').read_text())
    intervals = result['intervals']
    # derived by hand in tests/evaluation/test_ava_evaluation.py
    assert intervals['all/mSAP']['value'] == pytest.approx(7 / 9, abs=1e-12)
    gap = intervals['head/mSAP']['value'] - intervals['tail/mSAP']['value']
    assert intervals['head - tail/mSAP']['value'] == pytest.approx(gap)
    for cell in intervals.values():
        assert cell['low'] <= cell['high'] and cell['se'] >= 0
    assert 'head - tail' in capsys.readouterr().out


def test_values_with_exclusions_are_those_of_the_evaluation(run, tmp_path, capsys):
    from mmlt.evaluation.ava_evaluation import evaluate_ava, write_results
    from mmlt.fileio.label_map import read_label_map
    from mmlt.functional import read_ava_csv, read_excluded_timestamps

    label_map = read_label_map(WORLD / 'label_map.pbtxt')
    files = (read_ava_csv(WORLD / f'{name}.csv') for name in ('detections', 'ground_truth'))
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('v,1\n')
    metrics = evaluate_ava(*files, label_map, excluded=read_excluded_timestamps(exclude))
    write_results(metrics, tmp_path)
    shutil.copy(WORLD / 'detections.csv', tmp_path)
    options = dict(detections=tmp_path / 'detections.csv')

    assert run('--num-resamples', '40', f'--exclude={exclude}', **options) == 0
    intervals = json.loads((tmp_path / 'bootstrap.json').read_text())['intervals']
    for key in ('mSAP', 'frame_mAP', 'mAUC'):
        assert intervals[f'all/{key}']['value'] == pytest.approx(metrics[key], abs=1e-12)
    assert capsys.readouterr().err == ''

    assert run('--num-resamples', '40', '--overwrite', **options) == 0  # all keyframes
    told = capsys.readouterr().err
    assert told.startswith(f'warning: {tmp_path / "metrics.json"}: all/')
    assert told.endswith('; other --exclude, --ground-truth or --label-map?\n')


def test_odd_inputs_are_told(run, tmp_path, capsys):
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('x,1\n')
    assert run('--num-resamples', '40', '--exclude', str(exclude)) == 0
    told = f'{exclude}: excludes nothing; none of its 1 videos is annotated'
    assert capsys.readouterr().err == f'warning: {told}\n'


def test_an_existing_file_is_kept(run, tmp_path, capsys):
    (tmp_path / 'bootstrap.json').write_text('mine')
    assert run('--num-resamples', '40') == 2
    assert 'bootstrap.json' in capsys.readouterr().err
    assert (tmp_path / 'bootstrap.json').read_text() == 'mine'
    assert run('--num-resamples', '40', '--overwrite') == 0
