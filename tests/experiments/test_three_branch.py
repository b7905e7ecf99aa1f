from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from mmlt.experiments.commands import ROOT
from mmlt.experiments.three_branch import ThreeBranch

CONFIGS = ROOT / 'configs'
LOADER = "dict(type='LoadFeatureBank', bank_dir=%s)"


def _experiment(config, tmp_path, **options):
    return ThreeBranch(config, 1, tmp_path / 'runs', **options)


@pytest.mark.parametrize(
    ('name', 'splits', 'keeps_best'),
    [
        ('toy/slowonly_toy_three_branch', ['train', 'val', 'test'], True),
        ('three_branch/slowfast_r50_three_branch', ['train', 'val'], False),
        ('three_branch/slowfast_r101_three_branch', ['train', 'val'], False),
    ],
)
def test_the_configs_that_come_with_it(name, splits, keeps_best, tmp_path):
    experiment = _experiment(CONFIGS / f'{name}.py', tmp_path, with_tta=True)
    experiment.check()
    assert experiment.bank_splits() == splits
    baseline, bank, whole, *_ = experiment.steps()
    assert bank.outputs == [tmp_path / 'runs' / 'bank' / split / 'index.json' for split in splits]
    for step in (baseline, whole):
        assert ('--no-validate' in step.command) != keeps_best


@pytest.mark.parametrize(
    'branches', ['global', 'global_feature', 'global_loss', 'long_term', 'global_loss_long_term']
)
def test_fewer_branches_with_a_phase_one_by_name(branches, tmp_path):
    folder = CONFIGS / 'three_branch'
    experiment = _experiment(
        folder / f'slowfast_r101_three_branch_{branches}.py',
        tmp_path,
        baseline=folder / 'slowfast_r101_three_branch_phase_one.py',
    )
    experiment.check()
    names = [step.name for step in experiment.steps()]
    assert ('bank' in names) == ('long_term' in branches)


def test_reading_a_config_leaves_the_environment_and_the_log_as_they_were(tmp_path, monkeypatch):
    experiment = _experiment(CONFIGS / 'toy' / 'slowonly_toy_three_branch.py', tmp_path)
    monkeypatch.delenv('FEATURE_BANK', raising=False)
    experiment.bank_splits()
    assert 'FEATURE_BANK' not in os.environ
    assert logging.root.manager.disable == logging.NOTSET
    monkeypatch.setenv('FEATURE_BANK', 'of the user')
    _experiment(experiment.config, tmp_path / 'another').bank_splits()
    assert os.environ['FEATURE_BANK'] == 'of the user'


def _write(path, pipeline, head=''):
    path.write_text(
        f'model = dict(roi_head=dict({head}))\n'
        f'train_dataloader = dict(dataset=dict(pipeline=[{pipeline}]))\n'
    )
    return path


@pytest.mark.parametrize('folder', ["'mine/train'", "'{{$FEATURE_BANK:x}}/trial'"])
def test_another_bank_than_the_one_that_is_made(folder, tmp_path):
    config = _write(tmp_path / 'a.py', LOADER % folder, 'long_term=dict()')
    with pytest.raises(ValueError, match=r'a\.py: LoadFeatureBank reads .*, not the bank that is'):
        _experiment(config, tmp_path).bank_splits()


def test_several_banks_of_one_pipeline(tmp_path):
    folders = "['{{$FEATURE_BANK:x}}/val', '{{$FEATURE_BANK:x}}/train']"
    config = _write(tmp_path / 'a.py', LOADER % folders, 'long_term=dict()')
    assert _experiment(config, tmp_path).bank_splits() == ['train', 'val']


def test_a_long_term_branch_without_a_bank(tmp_path):
    config = _write(tmp_path / 'a.py', '', 'long_term=dict()')
    with pytest.raises(ValueError, match='has a long-term branch, but no pipeline has a LoadFeat'):
        _experiment(config, tmp_path).bank_splits()


@pytest.mark.parametrize('place', ['', '_phase_one'])
@pytest.mark.parametrize(
    ('evaluator', 'kind'), [("dict(type='AVAMetric')", 'AVAMetric'), ('None', 'None')]
)
def test_a_test_of_which_the_report_could_not_tell(evaluator, kind, place, tmp_path):
    """Before the trainings, not after them."""
    for suffix in ('', '_phase_one'):
        asked = evaluator if suffix == place else "dict(type='mmlt.AVALongTailMetric')"
        path = _write(tmp_path / f'a{suffix}.py', '')
        path.write_text(f'{path.read_text()}test_evaluator = {asked}\n')
    with pytest.raises(ValueError, match=rf'a{place}\.py: test_evaluator is {kind}, the report'):
        _experiment(tmp_path / 'a.py', tmp_path).check()


def test_phase_one_is_beside_the_whole():
    assert ThreeBranch(Path('c/x.py'), 1, Path('w')).phase_one == Path('c/x_phase_one.py')
