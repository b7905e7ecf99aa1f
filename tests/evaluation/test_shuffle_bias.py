"""Rows of original against shuffled values, their file and their table."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console

from mmlt.evaluation.shuffle_bias import (
    compare,
    compare_accuracy,
    print_shuffle_bias,
    read_shuffle_bias,
    write_shuffle_bias,
)
from mmlt.functional import representation_bias, representation_bias_std_error

UNDEFINED = {'shuffled': None, 'log_ratio': None, 'log_ratio_std_error': None}


def test_row_by_hand():
    row = compare(0.8, [0.1, 0.3])
    assert row['original'] == 0.8
    assert row['shuffles'] == [0.1, 0.3]
    assert row['shuffled'] == pytest.approx(0.2)
    assert row['log_ratio'] == pytest.approx(2 * math.log(2))
    # s = .1 * sqrt(2), over sqrt(2) * .2
    assert row['log_ratio_std_error'] == pytest.approx(0.5)


def test_row_equals_the_functional():
    row = compare(0.9, [0.31, 0.27, 0.35])
    assert row['log_ratio'] == representation_bias(0.9, row['shuffled'])
    assert row['log_ratio_std_error'] == representation_bias_std_error(row['shuffles'])


def test_undefined_rows():
    assert compare(math.nan, [0.5]) == {'original': None, 'shuffles': [0.5], **UNDEFINED}
    assert compare(0.5, [math.nan]) == {'original': 0.5, 'shuffles': [None], **UNDEFINED}
    # a loss or another value that is no share of anything
    assert compare(-1.0, [2.0]) == {'original': -1.0, 'shuffles': [2.0], **UNDEFINED}
    both_zero = compare(0.0, [0.0, 0.0])
    assert both_zero['log_ratio'] is None and both_zero['shuffled'] == 0
    assert compare(0.5, [0.25])['log_ratio_std_error'] is None
    assert compare(0.5, [0.0])['log_ratio'] == math.inf


LABELS = np.array([0, 0, 2, 2])
HITS = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1]], bool)


def test_accuracy_by_hand():
    overall, per_class = compare_accuracy(LABELS, HITS, ['walk', 'run', 'sit'])
    assert (overall['original'], overall['shuffles']) == (0.75, [0.75, 0.5])
    assert list(per_class) == ['walk', 'sit']  # no video of 'run'
    assert (per_class['walk']['id'], per_class['walk']['num_videos']) == (0, 2)
    assert (per_class['walk']['original'], per_class['walk']['shuffles']) == (1, [0.5, 0])
    assert (per_class['sit']['original'], per_class['sit']['shuffled']) == (0.5, 1)
    assert per_class['sit']['log_ratio'] == pytest.approx(-math.log(2))


def test_classes_without_names():
    assert list(compare_accuracy(LABELS, HITS)[1]) == ['class 0', 'class 2']
    with pytest.raises(ValueError, match='label 2: 2 classes have names'):
        compare_accuracy(LABELS, HITS, ['walk', 'run'])
    with pytest.raises(ValueError, match="classes 0 and 2 are both called 'walk'"):
        compare_accuracy(LABELS, HITS, ['walk', 'run', 'walk'])


def _result():
    overall, per_class = compare_accuracy(LABELS, HITS)
    rows = {'accuracy': overall, 'ava/AP/stand': compare(0.5, [0.0]), 'x': compare(0.5, [0.25])}
    return {'num_shuffles': 2, 'seed': 0, 'metrics': rows, 'per_class': per_class}


def test_file_is_strict_json(tmp_path):
    path = write_shuffle_bias(_result(), tmp_path / 'run')

    def refuse(name):
        raise AssertionError(name)

    found = json.loads(path.read_text(encoding='utf-8'), parse_constant=refuse)
    assert found['metrics']['ava/AP/stand']['log_ratio'] == 'inf'
    assert float(found['metrics']['ava/AP/stand']['log_ratio']) == math.inf
    assert found['metrics']['x']['log_ratio_std_error'] is None
    assert found['metrics']['accuracy']['shuffles'] == [0.75, 0.5]


def test_file_is_not_overwritten(tmp_path):
    path = write_shuffle_bias(_result(), tmp_path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r'shuffle_bias\.json: exists already'):
        write_shuffle_bias({}, tmp_path)
    assert path.read_bytes() == before
    write_shuffle_bias({}, tmp_path, overwrite=True)
    assert json.loads(path.read_bytes()) == {'format_version': 1}


def _printed(result):
    text = io.StringIO()
    print_shuffle_bias(result, Console(file=text, width=100))
    return text.getvalue()


def test_table_begins_with_what_is_recognised_by_looks():
    text = _printed(_result())
    assert text.index('accuracy') < text.index('class 2') < text.index('class 0')
    assert 'ava/AP' not in text
    assert 'nan' not in text


def test_table_of_many_classes_shows_both_ends():
    result = _result()
    result['per_class'] = {f'class {i:03d}': compare(0.9, [0.9 - i / 100]) for i in range(50)}
    text = _printed(result)
    assert text.count('class 0') == 20
    assert '20 of 50 classes, the least and the largest ratios' in text
    assert 'class 009' in text and 'class 010' not in text and 'class 040' in text


def test_table_shows_brackets_of_a_name():
    result = {**_result(), 'per_class': {'hold [red] cup': compare(0.9, [0.3])}}
    assert 'hold [red] cup' in _printed(result)


def test_file_is_read_as_it_was_written(tmp_path):
    assert read_shuffle_bias(tmp_path) is None
    overall, per_class = compare_accuracy(LABELS, HITS)
    rows = {'accuracy': overall, 'a/b': compare(0.5, [0.0]), 'c': compare(0.0, [0.0])}
    result = {'num_shuffles': 2, 'seed': 0, 'num_samples': 4, 'metrics': rows,
              'per_class': per_class}  # fmt: skip
    write_shuffle_bias(result, tmp_path)
    assert read_shuffle_bias(tmp_path) == result


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'num_shuffles': None}, "key 'num_shuffles' must be count, got None"),
        ({'format_version': 2}, "key 'format_version' must be at most 1, the newest that"),
        ({'metrics': {'a': {}}}, "'metrics', 'a': key 'original' is missing"),
        ({'per_class': {'a': compare(0.5, [0.5])}}, "'per_class', 'a': key 'id' is missing"),
        ({'per_class': {'a': 1}}, "'per_class', 'a' must be an object, got 1"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, change, message):
    result = {'num_shuffles': 2, 'seed': 0, 'num_samples': 4, 'metrics': {}, 'per_class': {}}
    write_shuffle_bias({**result, **change}, tmp_path)
    with pytest.raises(ValueError, match='shuffle_bias.json: ') as error:
        read_shuffle_bias(tmp_path)
    assert message in str(error.value)
