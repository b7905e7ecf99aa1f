"""The feature part from the search to the results, at its smallest."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from mmlt.datasets.toy_world.box_factors import FactorConfig
from mmlt.experiments import short_training
from mmlt.experiments.cofinetune_features.results import make_tables
from mmlt.experiments.cofinetune_features.rows import ROWS
from mmlt.experiments.cofinetune_features.runs import Cell, Plan
from mmlt.fileio.json_files import read_json_object

ROOT = Path(__file__).parents[3]
PLAN = Plan(
    cells=(Cell(0.5, 1e-4, 2),),
    num_worlds=1,
    num_updates=12,
    num_plateau_seeds=2,
    plateau_rows=('a_with_ava',),
    lrs=(0.1,),
    first_lrs=(0.1,),
    search_seeds=(100,),
    config=FactorConfig(
        num_boxes=(512, 300, 4_000),
        min_positives=(0, 3, 4),
        num_clips={'A': (1_024, 80, 160), 'B': (512, 80, 80)},
    ),
)


@pytest.fixture
def tool(monkeypatch):
    path = ROOT / 'tools' / 'analysis' / 'cofinetune_features.py'
    spec = importlib.util.spec_from_file_location('cofinetune_features_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'Plan', lambda: PLAN)
    monkeypatch.setattr(
        short_training, 'NUM_VALIDATIONS', 1
    )  # which take most of so short a training
    return module


def test_search_and_runs_and_again(tool, tmp_path, capsys):
    assert tool.main(['search', '--work-dir', str(tmp_path)]) == 0
    rates = read_json_object(tmp_path / 'learning_rates.json')
    assert list(rates) == ['0.0001'] and list(rates['0.0001']) == list(ROWS)
    assert tool.main(['run', '--work-dir', str(tmp_path)]) == 0
    results = read_json_object(tmp_path / 'results.json')
    assert 'agrees' in make_tables(results) or 'cannot be told' in make_tables(results)
    for measures in results['cells']['half shared, weight decay 0.0001'].values():
        for values in measures.values():
            assert len(values) == 1 and len(values[0]) == 2
            assert all(0 <= value <= 1 for value in values[0])
    # one file is lost: its run alone is done again, and gives what it gave
    lost = sorted((tmp_path / 'runs').iterdir())[0]
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / 'runs').iterdir()}
    rows = read_json_object(lost)['rows']
    lost.unlink()
    assert tool.main(['run', '--work-dir', str(tmp_path)]) == 0
    assert read_json_object(lost)['rows'] == rows
    assert [path for path in kept if path.stat().st_mtime_ns != kept[path]] == [lost]


def test_runs_before_the_search_are_refused(tool, tmp_path, capsys):
    assert tool.main(['run', '--work-dir', str(tmp_path)]) == 2
    assert 'learning_rates.json' in capsys.readouterr().err
