from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from mmlt.fileio.class_counts import ClassCounts, write_class_counts
from mmlt.fileio.class_split import read_split

ROOT = Path(__file__).parents[3]
COUNTS = {0: 5, 3: 40, 7: 41, 9: 0, 12: 1000}


@pytest.fixture
def main():
    path = ROOT / 'tools' / 'analysis' / 'split_by_counts.py'
    spec = importlib.util.spec_from_file_location('split_by_counts', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *arguments: module.main([str(argument) for argument in arguments])


@pytest.fixture
def counts_file(tmp_path):
    names = {class_id: f'class {class_id}' for class_id in COUNTS}
    path = tmp_path / 'counts.json'
    write_class_counts(path, ClassCounts('boxes of train.csv', 'boxes', names, COUNTS))
    return path


def test_two_way_split_by_hand(main, counts_file, tmp_path, capsys):
    out = tmp_path / 'split.json'
    main(counts_file, '--tail-max', 40, '--out', out)
    assert json.loads(out.read_text()) == {
        'source': 'boxes of train.csv: tail <= 40',
        'head': [7, 12],
        'tail': [0, 3, 9],
    }
    assert read_split(out, COUNTS, min_id=0).groups == {'head': (7, 12), 'tail': (0, 3, 9)}
    printed = capsys.readouterr().out
    assert printed == f'head 2, tail 3 classes (boxes of train.csv: tail <= 40): {out}\n'


def test_three_way_split_by_hand(main, counts_file, tmp_path, capsys):
    out = tmp_path / 'split.json'
    main(counts_file, '--tail-max', 39, '--head-min', 41, '--out', out)
    assert json.loads(out.read_text()) == {
        'source': 'boxes of train.csv: tail <= 39, head > 41',
        'head': [12],
        'medium': [3, 7],
        'tail': [0, 9],
    }
    assert capsys.readouterr().out.startswith('head 1, medium 2, tail 2 classes')


def test_counts_that_ship_with_mmlt(main, tmp_path, capsys):
    main('ava_v2.2', '--tail-max', 999, '--head-min', 10_000, '--out', tmp_path / 'split.json')
    assert 'head 8, medium 23, tail 29 classes' in capsys.readouterr().out  # Arnab et al.: 8/23/29


@pytest.fixture
def refused(main, capsys):
    """Call main with arguments that are wrong: what is said of them."""

    def run(*arguments):
        assert main(*arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == '' and printed.err.count('\n') == 1
        assert printed.err.startswith('error: ')
        return printed.err

    return run


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (
            ['--tail-max', '1000'],
            'counts.json: no class is in head: head has more than 1,000 training boxes, tail at '
            'most 1,000, and the classes have 0 to 1,000, 40 in the middle; set tail_max '
            '(--tail-max) to what these data hold\n',
        ),
        (
            ['--tail-max', '40', '--head-min', '2000'],
            'counts.json: no class is in head: head has more than 2,000 training boxes, tail at '
            'most 40, and the classes have 0 to 1,000, 40 in the middle; set head_min and tail_max '
            '(--head-min, --tail-max) to what these data hold\n',
        ),
        (
            ['--tail-max', '41', '--head-min', '50'],
            'no class is in medium: head has more than 50 training boxes, tail at most 41, and the '
            'classes have 0 to 1,000, 40 in the middle; set head_min and tail_max (--head-min, '
            '--tail-max) to what these data hold, or leave out --head-min\n',
        ),
        (['--tail-max', '-1'], 'tail_max must be an integer of at least 0, got -1'),
        (['--tail-max', '50', '--head-min', '9'], 'tail_max is 50: it must not exceed head_min, 9'),
    ],
)
def test_bad_borders(refused, counts_file, tmp_path, arguments, message):
    assert message in refused(counts_file, *arguments, '--out', tmp_path / 'split.json')
    assert os.listdir(tmp_path) == ['counts.json']


def test_empty_tail(refused, tmp_path, counts_file):
    content = json.loads(counts_file.read_text())
    content['classes'] = [entry for entry in content['classes'] if entry['count'] > 5]
    counts_file.write_text(json.dumps(content))
    said = refused(counts_file, '--tail-max', 39, '--out', tmp_path / 'split.json')
    assert 'counts.json: no class is in tail: ' in said
    assert 'tail at most 39, and the classes have 40 to 1,000, ' in said
    assert said.endswith('; set tail_max (--tail-max) to what these data hold\n')


def test_empty_groups_of_videos(refused, tmp_path, counts_file):
    content = json.loads(counts_file.read_text())
    counts_file.write_text(json.dumps({**content, 'unit': 'videos'}))
    bounds = ('--tail-max', 1000, '--head-min', 1001)
    said = refused(counts_file, *bounds, '--out', tmp_path / 'split.json')
    assert 'no class is in head or medium: head has more than 1,001 training videos, ' in said


def test_bad_counts(refused, counts_file, tmp_path):
    out = ('--tail-max', 9, '--out', tmp_path / 'split.json')
    assert 'counts that ship with mmlt: ava_v2.2' in refused(tmp_path / 'gone.json', *out)
    counts_file.write_text('{"classes": 3}')
    assert 'counts.json: field classes is not a list: 3' in refused(counts_file, *out)


def test_existing_split_needs_overwrite(main, refused, counts_file, tmp_path):
    out = tmp_path / 'split.json'
    out.write_text('mine')
    said = refused(counts_file, '--tail-max', 40, '--out', out)
    assert 'split.json: exists already; pass --overwrite' in said
    assert out.read_text() == 'mine'
    assert main(counts_file, '--tail-max', 40, '--out', out, '--overwrite') == 0
    assert json.loads(out.read_text())['head'] == [7, 12]
