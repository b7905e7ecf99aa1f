"""The feature part from the search to the results, at its smallest."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmlt.experiments import short_training
from mmlt.experiments.three_branch_features.model import ROWS
from mmlt.experiments.three_branch_features.results import make_tables
from mmlt.experiments.three_branch_features.runs import Plan
from mmlt.fileio.json_files import read_json_object

ROOT = Path(__file__).parents[3]
PLAN = Plan(
    num_worlds=1,
    num_seeds=2,
    num_updates=3,
    num_plateau_seeds=2,
    plateau_rows=('all',),
    lrs=(0.1,),
    first_lrs=(0.1,),
)


@pytest.fixture
def tool(monkeypatch):
    path = ROOT / 'tools' / 'analysis' / 'three_branch_features.py'
    spec = importlib.util.spec_from_file_location('three_branch_features_tool', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, 'Plan', lambda: PLAN)
    monkeypatch.setattr(short_training, 'NUM_VALIDATIONS', 1)
    return module


@pytest.fixture
def work_dir(tmp_path):
    """Features of the plan's worlds, at random."""
    rng = np.random.default_rng(0)
    for world in PLAN.worlds():
        folder = tmp_path / 'worlds' / world.name
        (folder / 'ava' / 'annotations').mkdir(parents=True, exist_ok=True)
        split = '{"head": [1], "medium": [2], "tail": [3]}'
        (folder / 'ava' / 'annotations' / 'split.json').write_text(split)
        arrays = {}
        for name in ('train', 'val', 'test'):
            keyframe, context = np.repeat(np.arange(20), 3), np.zeros(60, dtype=int)
            targets = np.arange(30) == np.arange(60)[:, None] % 30
            if world.share:
                context[20:26] = 1
            features = rng.normal(size=(60, 8)).astype(np.float32)
            arrays |= {
                f'{name}_{key}': value
                for key, value in {
                    'boxes': features,
                    'keyframe_of_box': keyframe,
                    'targets': targets,
                    'context': context,
                    'clips': features[:20],
                    'videos': np.repeat(['a', 'b'], 10),
                    'timestamps': np.tile(np.arange(902, 912), 2),
                    'persons': features,
                    'keyframe_of_person': keyframe,
                    'scores': rng.random(60),
                }.items()
            }
        np.savez(folder / world.features_file, **arrays)
    return tmp_path


def test_search_and_runs_and_again(tool, work_dir, capsys):
    assert tool.main(['search', '--work-dir', str(work_dir)]) == 0
    assert list(read_json_object(work_dir / 'learning_rates.json')) == list(ROWS)
    assert tool.main(['run', '--work-dir', str(work_dir)]) == 0
    results = read_json_object(work_dir / 'results.json')
    assert 'cannot be told' in make_tables(results)
    for cell in results['cells'].values():
        for measures in cell.values():
            for values in measures.values():
                assert np.shape(values) == (1, 2) and 0 <= np.min(values) <= np.max(values) <= 1
    # one file is lost: its run alone is done again, and gives what it gave
    lost = sorted((work_dir / 'runs').iterdir())[0]
    kept = {path: path.stat().st_mtime_ns for path in (work_dir / 'runs').iterdir()}
    rows = read_json_object(lost)['rows']
    lost.unlink()
    assert tool.main(['run', '--work-dir', str(work_dir)]) == 0
    assert read_json_object(lost)['rows'] == rows
    again = {path: path.stat().st_mtime_ns for path in (work_dir / 'runs').iterdir()}
    assert {path for path in kept if kept[path] != again[path]} == {lost}
