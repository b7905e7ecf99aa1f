from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WORLD = ROOT / 'tests' / 'data' / 'hand_world'
LABEL_MAP = str(WORLD / 'label_map.pbtxt')


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location('tool', ROOT / 'tools/data/count_classes.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_counts_by_hand(main, tmp_path, capsys):
    out = tmp_path / 'new' / 'counts.json'
    assert main([str(WORLD / 'train.csv'), '--label-map', LABEL_MAP, '--out', str(out)]) == 0
    assert json.loads(out.read_text()) == {
        'source': 'label rows of train.csv',
        'unit': 'boxes',
        'classes': [
            {'id': 1, 'name': 'stand', 'count': 3},
            {'id': 2, 'name': 'sit', 'count': 1},
            {'id': 5, 'name': 'wave (a hand)', 'count': 0},
            {'id': 7, 'name': 'lie/sleep', 'count': 1},
        ],
    }
    assert capsys.readouterr().out == f'5 labels of boxes, 4 classes: {out}\n'


def test_excluded_keyframes_are_left_out(main, tmp_path):
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('t,0002\n')
    out = tmp_path / 'counts.json'
    arguments = ['--label-map', LABEL_MAP, '--exclude', str(exclude), '--out', str(out)]
    assert main([str(WORLD / 'train.csv'), *arguments]) == 0
    assert [entry['count'] for entry in json.loads(out.read_text())['classes']] == [1, 1, 0, 1]


def test_an_existing_file_needs_overwrite(main, tmp_path, capsys):
    out = tmp_path / 'counts.json'
    out.write_text('mine')
    arguments = [str(WORLD / 'train.csv'), '--label-map', LABEL_MAP, '--out', str(out)]
    assert main(arguments) == 2
    assert out.read_text() == 'mine'
    assert '--overwrite' in capsys.readouterr().err
    assert main([*arguments, '--overwrite']) == 0
    assert json.loads(out.read_text())['unit'] == 'boxes'


def test_a_class_outside_the_label_map_stops_it(main, tmp_path, capsys):
    small = tmp_path / 'small.pbtxt'
    small.write_text('item { name: "stand" id: 1 }')
    out = tmp_path / 'counts.json'
    arguments = [str(WORLD / 'train.csv'), '--label-map', str(small), '--out', str(out)]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert 'train.csv, line 2: class id 2 is not in the label map' in error
    assert error.count('\n') == 1
    assert not out.exists()


@pytest.fixture
def videolt(tmp_path):
    """Arguments for a list of three videos and four labels."""
    (tmp_path / 'train.lst').write_text('a 0\nb 2,0\nc 2\n')
    (tmp_path / 'count.lst').write_text('bee 0 2.0\nbat 1 0.0\ncow 2 2.0\n')
    arguments = [str(tmp_path / 'train.lst'), '--format', 'videolt', '--count-file']
    return [*arguments, str(tmp_path / 'count.lst'), '--out', str(tmp_path / 'counts.json')]


def test_videolt_counts_by_hand(main, videolt, tmp_path, capsys):
    assert main(videolt) == 0
    assert json.loads((tmp_path / 'counts.json').read_text()) == {
        'source': 'videos of train.lst',
        'unit': 'videos',
        'classes': [
            {'id': 0, 'name': 'bee', 'count': 2},
            {'id': 1, 'name': 'bat', 'count': 0},
            {'id': 2, 'name': 'cow', 'count': 2},
        ],
    }
    printed = capsys.readouterr()
    assert printed.out == f'4 labels of videos, 3 classes: {tmp_path / "counts.json"}\n'
    assert printed.err == ''


def test_a_count_file_that_contradicts_the_list(main, videolt, tmp_path, capsys):
    (tmp_path / 'count.lst').write_text('bee 0 2.0\nbat 1 7.0\ncow 2 3.0\n')
    assert main(videolt) == 0
    assert 'for 2 classes, e.g. 7 and 0 for class 1 (bat); those' in capsys.readouterr().err
    classes = json.loads((tmp_path / 'counts.json').read_text())['classes']
    assert [entry['count'] for entry in classes] == [2, 0, 2]


def test_a_bad_list_writes_nothing(main, videolt, tmp_path, capsys):
    (tmp_path / 'train.lst').write_text('a 0\nb 3\n')
    assert main(videolt) == 2
    assert 'train.lst, line 2: unknown class 3: ' in capsys.readouterr().err
    assert not (tmp_path / 'counts.json').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ([], '--format ava needs --label-map'),
        (['--format', 'videolt'], '--format videolt needs --count-file'),
        (
            ['--format', 'videolt', '--count-file', 'c', '--exclude', 'e'],
            '--exclude has no effect with --format videolt',
        ),
    ],
)
def test_options_of_the_formats(main, capsys, options, message):
    with pytest.raises(SystemExit):
        main(['train', '--out', 'counts.json', *options])
    assert message in capsys.readouterr().err
