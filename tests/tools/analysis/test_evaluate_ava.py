from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmlt.fileio.detections import read_detections, write_detections

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'evaluate_ava.py'
WORLD = ROOT / 'tests' / 'data' / 'hand_world'
DETECTIONS = str(WORLD / 'detections.csv')
GROUND_TRUTH = str(WORLD / 'ground_truth.csv')
LABEL_MAP = str(WORLD / 'label_map.pbtxt')


@pytest.fixture
def run(tmp_path):
    """Run the tool on the hand-made world; later options win over the standard ones."""
    spec = importlib.util.spec_from_file_location('evaluate_ava', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def _run(*options, detections=DETECTIONS):
        standard = ['--ground-truth', GROUND_TRUTH, '--label-map', LABEL_MAP]
        return module.main([str(detections), *standard, '--out', str(tmp_path / 'run'), *options])

    return _run


def _metrics(tmp_path) -> dict:
    return json.loads((tmp_path / 'run' / 'metrics.json').read_text())


def test_hand_made_world(run, tmp_path, capsys):
    # The numbers are derived in tests/evaluation/test_ava.py.
    options = (
        '--train-annotations',
        str(WORLD / 'train.csv'),
        '--head-min',
        '2',
        '--tail-max',
        '0',
    )
    assert run(*options) == 0
    metrics = _metrics(tmp_path)
    assert metrics['mSAP'] == pytest.approx(7 / 9, abs=1e-12)
    assert metrics['groups']['medium']['mSAP'] == pytest.approx(17 / 24, abs=1e-12)
    assert metrics['train_counts_source'] == 'label rows of train.csv'
    files = sorted(os.listdir(tmp_path / 'run'))
    assert files == ['metrics.json', 'per_class.csv', 'report.html']
    printed = capsys.readouterr()
    assert 'medium' in printed.out
    assert 'training counts: label rows of train.csv' in printed.out
    assert printed.out.endswith(f'report: {tmp_path / "run" / "report.html"}\n')
    # 'wave' has .5 for each of the four persons.
    assert printed.err.startswith(f'warning: {DETECTIONS}: 25% of the scores are tied; if the file')
    assert printed.err.count('\n') == 1


def test_parquet_gives_what_the_csv_gives(run, tmp_path):
    parquet = tmp_path / 'detections.parquet'
    write_detections(parquet, read_detections(DETECTIONS))
    assert run() == 0
    from_csv = _metrics(tmp_path)
    assert run('--overwrite', detections=parquet) == 0
    from_parquet = _metrics(tmp_path)
    warnings = from_csv.pop('warnings')  # they name the file
    assert [w.replace('.csv', '') for w in warnings] == [
        w.replace(f'{parquet}', DETECTIONS).replace('.csv', '')
        for w in from_parquet.pop('warnings')
    ]
    assert from_parquet == from_csv


def test_options_reach_the_evaluation(run, tmp_path):
    split = tmp_path / 'split.json'
    split.write_text(json.dumps({'source': 'by hand', 'head': [1, 7], 'tail': [2, 5]}))
    options = ['--exclude', str(WORLD / 'excluded.csv'), '--split', str(split)]
    options += ['--protocol', 'official', '--capacity', 'all', '--num-trials', '4', '--seed', '9']
    assert run(*options, '--pool', 'detections') == 0
    metrics = _metrics(tmp_path)
    assert metrics['protocol'] == 'official'
    assert metrics['capacity'] is None
    assert (metrics['num_trials'], metrics['seed'], metrics['pool']) == (4, 9, 'detections')
    assert list(metrics['groups']) == ['head', 'tail']
    assert metrics['split_source'] == 'by hand'
    assert metrics['num_keyframes'] == 2


def test_builtin_counts_name_their_source(run, tmp_path, capsys):
    label_map = tmp_path / 'ava.pbtxt'
    label_map.write_text('item { name: "stand" id: 12 }\nitem { name: "sit" id: 11 }')
    paths = {}
    for name, path in (('detections', DETECTIONS), ('truth', GROUND_TRUTH)):
        rows = [line.split(',') for line in Path(path).read_text().splitlines()]
        rows = [[*row[:6], {'1': '12', '2': '11'}.get(row[6], '80'), *row[7:]] for row in rows]
        paths[name] = tmp_path / f'{name}.csv'
        paths[name].write_text(''.join(','.join(row) + '\n' for row in rows))
    options = ('--ground-truth', str(paths['truth']), '--label-map', str(label_map))
    assert run(*options, '--train-counts', 'ava_v2.2', detections=paths['detections']) == 0
    metrics = _metrics(tmp_path)
    assert metrics['per_class']['stand']['num_train'] == 166357
    assert metrics['per_class']['sit']['group'] == 'head'
    printed = capsys.readouterr()
    assert 'training counts: Arnab et al. 2022, Table 9' in printed.out
    # One sentence a file on the rows of other classes.
    assert printed.err.count('outside the label map') == 2
    assert '8 of 16 rows carry a class id outside the label map' in printed.err


def test_odd_inputs_are_told(run, tmp_path, capsys):
    exclude = _file(tmp_path, 'exclude.csv', 'x,1\n')
    dense = [line for line in Path(DETECTIONS).read_text().splitlines() if ',5,' not in line]
    assert run('--exclude', exclude, detections=_file(tmp_path, 'd.csv', '\n'.join(dense))) == 0
    assert capsys.readouterr().err == (
        f'warning: {exclude}: excludes nothing; none of its 1 videos is annotated\n'
        f'warning: {tmp_path}/d.csv: 25% of the scores of detected boxes are absent; if the file '
        'was thresholded or rounded, SAP and ROC-AUC do not stand, nor frame-AP where a class lost '
        'all of its detections\n'
    )


def test_dump_keeps_the_detections(run, tmp_path):
    assert run('--dump') == 0
    kept, given = (
        read_detections(tmp_path / 'run' / 'detections.parquet'),
        read_detections(DETECTIONS),
    )
    for field, expected in zip(kept, given):
        assert field.tolist() == expected.tolist()
    assert run('--dump') == 2
    assert run('--dump', '--overwrite') == 0


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--head-min', '5'], '--head-min has no effect without --train-annotations or --train-c'),
        (['--tail-max', '5'], '--tail-max has no effect without --train-annotations or --train-c'),
        (['--capacity', '5'], '--capacity has no effect without --protocol official'),
    ],
)
def test_options_without_effect_are_refused(run, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        run(*options)
    assert (stop.value.code, os.listdir(tmp_path)) == (2, [])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('option', ['--head-min', '--tail-max'])
def test_thresholds_beside_a_split_are_refused(run, capsys, option):
    with pytest.raises(SystemExit):
        run('--split', 'split.json', option, '5')
    assert f'{option} has no effect with --split' in capsys.readouterr().err


def test_without_matplotlib_the_numbers_are_there(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    assert run() == 0
    assert sorted(os.listdir(tmp_path / 'run')) == ['metrics.json', 'per_class.csv']
    printed = capsys.readouterr().out
    assert 'frame-mAP' in printed
    assert printed.endswith(
        "report: not written, the report draws with matplotlib: pip install 'mmlt[report]'\n"
    )


def test_existing_results_need_overwrite(run, tmp_path, capsys):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'report.html').write_text('mine')
    assert run() == 2
    error = capsys.readouterr().err
    assert 'report.html: exists already; pass --overwrite' in error
    assert 'overwrite=True' not in error
    assert os.listdir(tmp_path / 'run') == ['report.html']
    assert run('--overwrite') == 0
    assert 'html' in (tmp_path / 'run' / 'report.html').read_text()


def _file(tmp_path, name, text) -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


QUOTE = 'input: line 2: unexpected end of data; is a quote not closed?'


@pytest.mark.parametrize(
    ('option', 'text', 'message'),
    [
        ('--label-map', 'item { id: 1 }', 'input, line 1: the item that ends here (id 1) has no'),
        ('--ground-truth', 'v,1,0,0,1,1\n', 'input'),
        ('--ground-truth', 'x,1,0,0,1,1,1,0\n', 'none of its keyframes (seconds 1 to 2) is in'),
        ('--ground-truth', 'v,1,0,0,1,1,3,0\nv,2,0,0,1,1,1,"0\nv,2,0\n', QUOTE),
        ('--exclude', 'v,1\n"w,1\nv,2\n', 'input, line 2: unexpected end of data; is a quote not'),
        ('--exclude', 'v,1\nv,2\nw,1\n', 'input: no box of a class of the label map lies on an'),
        ('--exclude', 'v;1\n', 'input, line 1: expected video_id,timestamp'),
        ('--train-counts', '{}', 'input: field classes is not a list'),
        ('--train-annotations', 't,1,0,0,1,1,3,0\n', 'input, line 1: class id 3 is not in'),
        ('--split', '{"head": [1, 2, 5], "tail": []}', 'input: class 7 left out'),
    ],
)
def test_bad_input_is_one_clear_line(run, tmp_path, capsys, option, text, message):
    assert run(option, _file(tmp_path, 'input', text)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    assert not (tmp_path / 'run').exists()


def test_a_missing_file_is_one_clear_line(run, tmp_path, capsys):
    assert run(detections=tmp_path / 'gone.csv') == 2
    assert capsys.readouterr().err == f'error: {tmp_path}/gone.csv: no such file\n'
    assert run('--train-counts', 'ava_v2.1') == 2
    assert capsys.readouterr().err == (
        'error: ava_v2.1: no such file; the counts that ship with mmlt: ava_v2.2\n'
    )


def test_out_must_not_be_a_file(run, tmp_path, capsys):
    out = _file(tmp_path, 'results', 'mine')
    # Said before the inputs are read.
    assert run('--out', out, '--overwrite', detections=tmp_path / 'gone.csv') == 2
    assert capsys.readouterr().err == f'error: {out}: is a file; --out takes a folder\n'
    assert Path(out).read_text() == 'mine'


def test_detections_of_few_keyframes_are_told(run, tmp_path, capsys):
    few = Path(DETECTIONS).read_text().splitlines(keepends=True)[:2]
    assert run(detections=_file(tmp_path, 'd.csv', ''.join(few))) == 0
    told = 'd.csv: the detections cover 1 of 3 annotated keyframes, 1 of 2 videos'
    assert f'{tmp_path}/{told}\n' in capsys.readouterr().err
    assert told.replace('d.csv', 'run') in (tmp_path / 'run' / 'report.html').read_text()
    assert _metrics(tmp_path)['num_keyframes_detected'] == 1


def test_as_a_command(tmp_path):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, str(TOOL), DETECTIONS, '--ground-truth', GROUND_TRUTH]
    command += ['--label-map', str(tmp_path / 'gone.pbtxt'), '--out', str(tmp_path / 'run')]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f'error: {tmp_path}/gone.pbtxt: no such file\n'


def test_a_quote_left_open_does_not_show_the_whole_file(run, tmp_path, capsys):
    rows = ''.join(f'v,{second},0,0,1,1,1,0\n' for second in range(1000))
    assert run('--ground-truth', _file(tmp_path, 'input', 'v,1,0,0,1,1,1,0\n"' + rows)) == 2
    error = capsys.readouterr().err
    assert f'{tmp_path}/input: line 2: unexpected end of data; is a quote not closed?' in error
    assert len(error) < 500
