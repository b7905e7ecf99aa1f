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
    assert capsys.readouterr().out == f'5 boxes of 4 classes: {out}\n'


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
