from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from mmlt.evaluation.metrics import LongTailMetric

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
    assert capsys.readouterr().out == (
        f'5 labels of boxes, 4 classes: {out}\na class has 0 to 3, 1 in the middle\n'
    )


def test_excluded_keyframes_are_left_out(main, tmp_path):
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('t,0002\n')
    out = tmp_path / 'counts.json'
    arguments = ['--label-map', LABEL_MAP, '--exclude', str(exclude), '--out', str(out)]
    assert main([str(WORLD / 'train.csv'), *arguments]) == 0
    assert [entry['count'] for entry in json.loads(out.read_text())['classes']] == [1, 1, 0, 1]


def test_a_list_that_excludes_nothing_is_told(main, tmp_path, capsys):
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('elsewhere,0002\n')
    out = tmp_path / 'counts.json'
    arguments = ['--label-map', LABEL_MAP, '--exclude', str(exclude), '--out', str(out)]
    assert main([str(WORLD / 'train.csv'), *arguments]) == 0
    assert capsys.readouterr().err == (
        f'warning: {exclude}: excludes nothing; none of its 1 videos is annotated\n'
    )
    assert sum(entry['count'] for entry in json.loads(out.read_text())['classes']) == 5


def test_clips(main, tmp_path, capsys):
    # single and several labels, an empty line, the end of line of another system
    (tmp_path / 'train.txt').write_text('a.mp4 0\nb/c.mp4 3 0\n\nd.mp4 1\r\n')
    (tmp_path / 'labels.txt').write_text('walk\nsit down\nlie\nrun\n')
    out = tmp_path / 'counts.json'
    clips = [str(tmp_path / 'train.txt'), '--format', 'clips', '--out', str(out)]
    assert main([*clips, '--class-names', str(tmp_path / 'labels.txt')]) == 0
    assert json.loads(out.read_text()) == {
        'source': 'clips of train.txt',
        'unit': 'clips',
        'classes': [
            {'id': 0, 'name': 'walk', 'count': 2},
            {'id': 1, 'name': 'sit down', 'count': 1},
            {'id': 2, 'name': 'lie', 'count': 0},
            {'id': 3, 'name': 'run', 'count': 1},
        ],
    }
    assert capsys.readouterr().out == (
        f'4 labels of clips, 4 classes: {out}\na class has 0 to 2, 1 in the middle\n'
    )
    assert main([*clips, '--overwrite']) == 0
    named = {entry['name']: entry['count'] for entry in json.loads(out.read_text())['classes']}
    assert named == {'0': 2, '1': 1, '2': 0, '3': 1}


def test_the_metric_of_classifiers_reads_what_was_counted(main, tmp_path):
    (tmp_path / 'train.txt').write_text('a 0\nb 0\nc 0\nd 1\ne 1\nf 2\n')
    out = tmp_path / 'counts.json'
    assert main([str(tmp_path / 'train.txt'), '--format', 'clips', '--out', str(out)]) == 0
    metric = LongTailMetric(class_counts=str(out), head_min=2, tail_max=1)
    for label in range(3):
        scores = torch.nn.functional.one_hot(torch.tensor(label), 3).float()
        metric.process({}, [{'pred_score': scores, 'gt_label': torch.tensor([label])}])
    found = metric.evaluate(3)
    assert [found[f'longtail/{group}/mAP'] for group in ('head', 'medium', 'tail')] == [1, 1, 1]
    assert metric.train_counts.counts == {0: 3, 1: 2, 2: 1}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a.mp4 0\nb.mp4\n', "train.txt, line 2: no label behind the path: 'b.mp4'"),
        ('a.mp4 0\nb.mp4 -1\n', "train.txt, line 2: label '-1' is not a whole number of at least"),
        ('my clip.mp4 0\n', "train.txt, line 1: label 'clip.mp4' is not a whole number"),
        ('a.mp4 0\nb.mp4 1 0 1\n', "train.txt, line 2: a label stands twice: '1 0 1'"),
        ('a.mp4 2\n', 'train.txt, line 1: label 2 is not among the 2 class names, 0 to 1'),
        ('\n', 'train.txt: an empty list of clips'),
        ('a.mp4 0\n\udcff 1\n', "train.txt, line 2: byte b'\\xff' is not UTF-8 text"),
    ],
)
def test_bad_lists_of_clips(main, tmp_path, capsys, text, message):
    (tmp_path / 'train.txt').write_text(text, encoding='utf-8', errors='surrogateescape')
    (tmp_path / 'labels.txt').write_text('walk\nsit\n')
    options = ['--class-names', str(tmp_path / 'labels.txt'), '--out', str(tmp_path / 'c.json')]
    assert main([str(tmp_path / 'train.txt'), '--format', 'clips', *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert message in error
    assert not (tmp_path / 'c.json').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            ['--format', 'clips', '--label-map', 'a'],
            '--label-map has no effect with --format clips',
        ),
        (['--format', 'clips', '--exclude', 'a'], '--exclude has no effect with --format clips'),
        (
            ['--class-names', 'a', '--label-map', 'a'],
            '--class-names has no effect with --format av',
        ),
        ([], '--format ava needs --label-map'),
    ],
)
def test_options_of_the_other_format(main, capsys, options, message):
    with pytest.raises(SystemExit):
        main(['train', '--out', 'c.json', *options])
    assert message in capsys.readouterr().err


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
    counted = f'4 labels of videos, 3 classes: {tmp_path / "counts.json"}\n'
    assert printed.out == f'{counted}a class has 0 to 2, 2 in the middle\n'
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
