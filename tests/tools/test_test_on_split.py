"""``tools/test.py --on SPLIT``: the options that mmaction2's tool is given."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ANNOTATIONS = 'data/toy/ava/annotations'
TOY = str(ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py')
ON_VAL = [
    f'test_dataloader.dataset.ann_file={ANNOTATIONS}/val.csv',
    f'test_dataloader.dataset.exclude_file={ANNOTATIONS}/val_excluded_timestamps.csv',
    f'test_dataloader.dataset.proposal_file={ANNOTATIONS}/val_proposals.pkl',
    f'test_evaluator.ann_file={ANNOTATIONS}/val.csv',
    f'test_evaluator.exclude_file={ANNOTATIONS}/val_excluded_timestamps.csv',
]


@pytest.fixture(scope='module')
def apply_split():
    spec = importlib.util.spec_from_file_location('mmlt_tools_test', ROOT / 'tools' / 'test.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.apply_split


def test_without_it_nothing_changes(apply_split):
    arguments = [TOY, 'a.pth', '--cfg-options', 'a=1']
    assert apply_split(arguments) == arguments
    assert apply_split([]) == []


def test_on_val_by_hand(apply_split):
    found = apply_split([TOY, 'a.pth', '--on', 'val', '--launcher', 'pytorch'])
    assert found == [TOY, 'a.pth', '--launcher', 'pytorch', '--cfg-options', *ON_VAL]


def test_on_test_is_the_config_as_it_is(apply_split):
    assert apply_split([TOY, 'a.pth', '--on', 'test']) == [TOY, 'a.pth']


def test_options_given_by_hand_come_last(apply_split):
    given = ['test_evaluator.ann_file=mine.csv', 'test_evaluator.out_dir=out']
    found = apply_split([TOY, 'a.pth', '--on', 'val', '--cfg-options', *given, '--dump', 'r.pkl'])
    assert found == [TOY, 'a.pth', '--cfg-options', *ON_VAL, *given, '--dump', 'r.pkl']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([TOY, 'a.pth', '--on'], r'usage: test\.py CONFIG CHECKPOINT --on train\|val\|test'),
        (['--on', 'val', TOY, 'a.pth'], r'usage: test\.py CONFIG CHECKPOINT --on'),
        ([TOY, 'a.pth', '--on', 'all'], r"slowonly_toy_ava\.py: .* one of .*, got 'all'"),
        (['gone.py', 'a.pth', '--on', 'val'], r'^gone\.py: .*gone\.py'),
    ],
)
def test_errors_are_one_line(apply_split, arguments, message):
    with pytest.raises(SystemExit, match=message) as error:
        apply_split(arguments)
    assert '\n' not in str(error.value)
