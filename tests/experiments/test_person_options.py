from __future__ import annotations

import argparse

import pytest

from mmlt.experiments.person_options import (
    PersonOptions,
    add_person_options,
    parse_class_names,
    person_options,
)


def _parse(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument('--num-workers', type=int, default=3)
    parser.add_argument('--overwrite', action='store_true')
    add_person_options(parser)
    return person_options(parser, parser.parse_args(words))


def test_defaults():
    assert _parse() == PersonOptions(num_workers=3, class_names=[])
    assert _parse('--no-persons') is None


def test_all_of_them():
    words = '--detector-config c.py --detector-checkpoint w.pth --person-label 1 --score-thr 0'
    found = _parse(*words.split(), '--classes', 'a, b c', '--batch-size', '2', '--device', 'cpu')
    expected = PersonOptions('c.py', 'w.pth', '1', 0.0, ['a', 'b c'], 3, 2, 'cpu', False)
    assert found == expected
    assert _parse('--overwrite').overwrite


def test_classes_of_files(tmp_path):
    (tmp_path / 'names.txt').write_text('run, fast\n\nsit\n')
    assert parse_class_names(str(tmp_path / 'names.txt')) == ['run, fast', 'sit']
    (tmp_path / 'map.pbtxt').write_text('item {\n  name: "wave"\n  id: 4\n}\n')
    assert parse_class_names(str(tmp_path / 'map.pbtxt')) == ['wave']


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--detector-config', 'c.py'], '--detector-checkpoint are needed together'),
        (['--detector-checkpoint', 'w.pth'], '--detector-checkpoint are needed together'),
        (['--person-label', '0'], "--person-label is of mmdet's detectors"),
        (['--score-thr', '0'], '--score-thr must be above 0 and below 1, not 0.0'),
        (['--score-thr', '1'], '--score-thr must be above 0 and below 1, not 1.0'),
        (['--score-thr', 'nan'], '--score-thr must be above 0 and below 1, not nan'),
        (['--batch-size', '0'], '--batch-size must be at least 1'),
        (['--classes', 'a,,b'], "name '': it must not be empty"),
        (['--classes', 'a,b,a'], "name 'a': it is there twice"),
        (['--classes', 'nowhere.txt'], '--classes nowhere.txt: no such file'),
        (
            '--no-persons --detector-config c --detector-checkpoint w'.split(),
            '--no-persons finds none',
        ),
    ],
)
def test_errors(words, message, capsys):
    with pytest.raises(SystemExit):
        _parse(*words)
    assert message in capsys.readouterr().err
