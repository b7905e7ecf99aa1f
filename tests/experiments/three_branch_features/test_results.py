"""From the files of the runs to the tables."""

import json
import re

import numpy as np
import pytest

from mmlt.experiments.contrasts import read_contrasts
from mmlt.experiments.three_branch_features.model import ROWS
from mmlt.experiments.three_branch_features.results import (
    CONTRASTS,
    UNTRAINED,
    collect,
    make_tables,
)
from mmlt.experiments.three_branch_features.rows import MEASURES
from mmlt.experiments.three_branch_features.runs import plan_runs
from mmlt.fileio.json_files import write_json

RATES = {row: {'lr': 0.1, 'tried': {}} for row in ROWS}


def _value(run, row, measure):
    """Made up: another for everything."""
    world = 10 * run.world.share + run.world.seed + 5 * run.world.has_trained_trunk
    number = 10 * world + run.seed + run.num_updates / 10
    return list(ROWS).index(row) / 20 + number / 1000 + MEASURES.index(measure) / 10_000


@pytest.fixture
def results(plan, tmp_path):
    (tmp_path / 'runs').mkdir()
    (tmp_path / 'search').mkdir()
    for run in plan_runs(plan):
        measures = MEASURES if run.world.share else MEASURES[:-1]
        rows = {}
        for row in run.rows:
            means = {measure: _value(run, row, measure) for measure in measures}
            rows[row] = {'means': means, 'per_class': {'AP': [means['AP all']] * 30}}
        write_json(tmp_path / 'runs' / run.file, {'cpu_seconds': 60.0, 'rows': rows})
    write_json(tmp_path / 'search' / 'all_lr0.1_seed100.json', {'val': 0.5, 'cpu_seconds': 120.0})
    return collect(plan, tmp_path, RATES)


def test_every_run_stands_at_its_place(results, plan):
    for share, measure in ((1 / 3, 'AP context'), (0.0, 'SAP tail')):
        cell = plan.world(share, 0).cell
        runs = {
            (run.world.seed, run.seed): run
            for run in plan_runs(plan)
            if run.world.share == share
            and run.world.has_trained_trunk
            and run.num_updates == plan.num_updates
        }
        expected = [
            [_value(runs[world, seed], 'sum', measure) for seed in range(2)] for world in range(2)
        ]
        found = results['cells'][cell]['sum'][measure]
        assert found == pytest.approx(np.array(expected), abs=1e-5)
    assert results['cpu_minutes'] == len(plan_runs(plan)) + 2


def test_the_trunk_that_is_not_trained_is_a_row_of_the_main_cell(results, plan):
    main, other = results['cells'].values()
    runs = [run for run in plan_runs(plan) if not run.world.has_trained_trunk]
    expected = [_value(run, 'all', 'AP all') for run in runs]
    assert np.ravel(main[UNTRAINED]['AP all']) == pytest.approx(expected, abs=1e-5)
    assert UNTRAINED not in other and 'AP context' not in other['all']


def test_the_plateau_is_that_of_twice_the_updates(results, plan):
    longer = [run for run in plan_runs(plan) if run.num_updates == 20]
    assert set(results['plateau']) == {'roi', 'all'}
    (seeds,) = results['plateau']['all']['SAP all']
    assert seeds == pytest.approx([_value(run, 'all', 'SAP all') for run in longer], abs=1e-5)


def test_classes_are_means_over_the_runs_of_the_main_cell(results):
    of_runs = next(iter(results['cells'].values()))['roi']['AP all']
    assert results['per_class']['roi']['AP'] == pytest.approx([np.mean(of_runs)] * 30, abs=1e-5)


def test_tables(results):
    text = make_tables(json.loads(json.dumps(results)))
    assert text.startswith(
        'Where a third of the object labels depend on context, 2 worlds x 2 seeds:'
    )
    verdicts = re.findall(r'\| (agrees|disagrees|cannot be told) \|$', text, re.MULTILINE)
    assert len(verdicts) == len(read_contrasts(CONTRASTS, 'features'))
    assert text.count('all, behind a trunk that was never trained') == 1
    assert '| contrast | measure | no object label depends on context |' in text
    assert text.count('| AP context |  |') == 7  # which there is none of in the other worlds
    assert 'Twice the updates, first world, 2 seeds:' in text
    assert '| `transformer` | 0.1 |' in text
