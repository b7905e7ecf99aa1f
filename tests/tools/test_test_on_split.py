"""``tools/test.py --data-split SPLIT``: the options with which mmaction2's tool then tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
ANNOTATIONS = 'data/toy/ava/annotations'
TOY = str(ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py')
ON_VAL = {
    'test_dataloader.dataset.ann_file': f'{ANNOTATIONS}/val.csv',
    'test_dataloader.dataset.exclude_file': f'{ANNOTATIONS}/val_excluded_timestamps.csv',
    'test_dataloader.dataset.proposal_file': f'{ANNOTATIONS}/val_proposals.pkl',
    'test_evaluator.ann_file': f'{ANNOTATIONS}/val.csv',
    'test_evaluator.exclude_file': f'{ANNOTATIONS}/val_excluded_timestamps.csv',
}


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('mmlt_tools_test', ROOT / 'tools' / 'test.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tested(tool, tmp_path, monkeypatch):
    """Call with arguments of the tool: the config of the Runner that it would build."""
    checkpoint = tmp_path / 'a.pth'
    checkpoint.touch()
    found = []

    class Runner:
        @classmethod
        def from_cfg(cls, config):
            found.append(config)
            return cls()

        def test(self):
            pass

    monkeypatch.setattr('mmengine.runner.Runner', Runner)

    def run(*arguments, config=TOY):
        monkeypatch.setattr(sys, 'argv', ['test.py', config, str(checkpoint), *arguments])
        tool.main()
        return found.pop()

    return run


def _value(config, key):
    for part in key.split('.'):
        config = config[int(part)] if part.isdigit() else config[part]
    return config


@pytest.mark.parametrize('arguments', [(), ('--data-split', 'test')])
def test_without_it_the_config_is_as_it_is(tested, arguments):
    config, stock = tested(*arguments), Config.fromfile(TOY)
    assert config.test_dataloader == stock.test_dataloader
    assert config.test_evaluator == stock.test_evaluator


@pytest.mark.parametrize(
    'arguments', [('--data-split', 'val'), ('--data-split=val', '--launcher', 'none')]
)
def test_on_val_by_hand(tested, arguments):
    config, stock = tested(*arguments), Config.fromfile(TOY)
    assert {key: _value(config, key) for key in ON_VAL} == ON_VAL
    stock.merge_from_dict(ON_VAL)
    assert config.test_dataloader == stock.test_dataloader
    assert config.test_evaluator == stock.test_evaluator


def test_the_old_name_works_with_a_warning(tested, capsys):
    config = tested('--on', 'val')
    assert {key: _value(config, key) for key in ON_VAL} == ON_VAL
    assert capsys.readouterr().err == 'warning: --on is now --data-split\n'
    tested('--data-split', 'val')
    assert capsys.readouterr().err == ''


def test_options_given_by_hand_win(tested):
    given = ['test_evaluator.ann_file=mine.csv', 'test_evaluator.out_dir=out']
    config = tested('--data-split', 'val', '--cfg-options', *given)
    assert config.test_evaluator.ann_file == 'mine.csv'
    assert config.test_evaluator.out_dir == 'out'
    key = 'test_dataloader.dataset.ann_file'
    assert _value(config, key) == ON_VAL[key]


def test_beside_a_dump_whose_evaluator_is_a_second_one(tested):
    config = tested('--data-split', 'val', '--dump', 'r.pkl')
    assert [each['type'] for each in config.test_evaluator][1] == 'DumpResults'
    assert config.test_evaluator[0].ann_file == ON_VAL['test_evaluator.ann_file']


def test_a_split_that_is_none(tested, capsys):
    with pytest.raises(SystemExit) as stop:
        tested('--data-split', 'all')
    assert stop.value.code == 2
    assert "--data-split: invalid choice: 'all'" in capsys.readouterr().err


def test_a_config_without_the_split(tested, tmp_path):
    config = tmp_path / 'no_val.py'
    config.write_text(f'_base_ = {TOY!r}\nval_dataloader = None\n')
    with pytest.raises(ValueError, match=r'no_val\.py: the config has no val_dataloader, which'):
        tested('--data-split', 'val', config=str(config))
