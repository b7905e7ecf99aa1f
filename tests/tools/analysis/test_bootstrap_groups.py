from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'bootstrap_groups.py'
WORLD = ROOT / 'tests' / 'data' / 'hand_world'


def _write_split(path, head, tail, **others):
    path.write_text(json.dumps({'source': 'test', 'head': head, 'tail': tail, **others}))


@pytest.fixture
def run(tmp_path):
    spec = importlib.util.spec_from_file_location('bootstrap_groups', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from mmlt.fileio.label_map import read_label_map

    ids = sorted(read_label_map(WORLD / 'label_map.pbtxt'))
    split = tmp_path / 'split.json'
    _write_split(split, ids[:1], ids[1:])

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
    # derived by hand in tests/evaluation/test_ava.py
    assert intervals['all/mSAP']['value'] == pytest.approx(7 / 9, abs=1e-12)
    gap = intervals['head/mSAP']['value'] - intervals['tail/mSAP']['value']
    assert intervals['head - tail/mSAP']['value'] == pytest.approx(gap)
    for cell in intervals.values():
        assert cell['low'] <= cell['high'] and cell['se'] >= 0
    assert 'head - tail' in capsys.readouterr().out


def test_values_with_exclusions_are_those_of_the_evaluation(run, tmp_path, capsys):
    from mmlt.evaluation.ava import evaluate_ava
    from mmlt.evaluation.runs.folder import write_results
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


def test_an_undefined_mean_is_left_out_and_named(run, tmp_path, capsys):
    """No class is medium, and the tail's, 5, has no box."""
    split = tmp_path / 'other_split.json'
    _write_split(split, [1, 2, 7], [5], medium=[])
    assert run('--num-resamples', '40', f'--split={split}') == 0
    said = capsys.readouterr()
    undefined = [
        f'{group}/{key}'
        for group in ('medium', 'tail', 'head - tail')
        for key in ('frame_mAP', 'mSAP', 'mAUC')
    ]
    assert said.err == f'warning: undefined, and left out: {", ".join(undefined)}\n'
    intervals = json.loads((tmp_path / 'bootstrap.json').read_text())['intervals']
    assert {key.split('/')[0] for key in intervals} == {'all', 'head'}
    assert 'head' in said.out and 'medium' not in said.out


def test_a_measure_that_is_undefined_leaves_a_dash(run, tmp_path, capsys):
    """Both persons do both classes: none is without them, so that no ROC-AUC is defined."""
    truth, found = tmp_path / 'truth.csv', tmp_path / 'found.csv'
    box = '0.1,0.1,0.5,0.9'
    keys = [(video, label) for video in 'vw' for label in (1, 2)]
    truth.write_text(''.join(f'{video},1,{box},{label},0\n' for video, label in keys))
    found.write_text(''.join(f'{video},1,{box},{label},0.5\n' for video, label in keys))
    label_map = tmp_path / 'map.pbtxt'
    label_map.write_text('item { name: "stand" id: 1 } item { name: "sit" id: 2 }')
    split = tmp_path / 'other_split.json'
    _write_split(split, [1], [2])
    files = [f'--ground-truth={truth}', f'--label-map={label_map}', f'--split={split}']
    assert run('--num-resamples', '5', *files, detections=found) == 0
    said = capsys.readouterr()
    left_out = 'all/mAUC, head/mAUC, tail/mAUC, head - tail/mAUC'
    assert said.err == f'warning: undefined, and left out: {left_out}\n'
    rows = [line for line in said.out.splitlines() if '100.0 [100.0, 100.0]' in line]
    assert len(rows) == 3 and all('–' in row for row in rows)


def test_resamples_without_a_box_of_the_classes_do_not_count(run, tmp_path):
    """The one class is on one video of three: 8 of 27 draws miss it."""
    truth, found = tmp_path / 'truth.csv', tmp_path / 'found.csv'
    box = '0.1,0.1,0.5,0.9'
    truth.write_text(f'v,1,{box},1,0\nv,2,{box},5,0\nw,1,{box},5,0\nx,1,{box},5,0\n')
    found.write_text(''.join(f'{key},1,{box},1,0.5\n' for key in 'vwx'))
    label_map = tmp_path / 'map.pbtxt'
    label_map.write_text('item { name: "stand" id: 1 }')
    split = tmp_path / 'other_split.json'
    _write_split(split, [1], [])
    files = [f'--ground-truth={truth}', f'--label-map={label_map}', f'--split={split}']
    assert run('--num-resamples', '40', *files, detections=found) == 0
    interval = json.loads((tmp_path / 'bootstrap.json').read_text())['intervals']['all/mSAP']
    assert interval['low'] <= interval['value'] <= interval['high']


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
