"""From the files of the runs to the tables."""

import json
import re

import numpy as np
import pytest

from mmlt.experiments.cofinetune_features.data import MEASURES
from mmlt.experiments.cofinetune_features.results import CONTRASTS, collect, make_tables
from mmlt.experiments.cofinetune_features.rows import PRETRAINING, ROWS
from mmlt.experiments.cofinetune_features.runs import plan_runs
from mmlt.experiments.contrasts import read_contrasts
from mmlt.fileio.json_files import write_json

RATES = {decay: {row: {'lr': 0.1, 'tried': {}} for row in ROWS} for decay in ('0.0001', '0')}


def _value(run, row, measure):
    """Made up: another for everything."""
    place = [*ROWS, *PRETRAINING.values()].index(row) + 1
    run_number = 100 * run.cell.shared + 10 * run.world + run.seed + run.num_updates / 48
    return place / 20 + run_number / 1000 + MEASURES.index(measure) / 10_000


@pytest.fixture
def results(plan, tmp_path):
    for run in plan_runs(plan):
        rows = {}
        for row in (*run.rows, *(PRETRAINING[each] for each in run.rows if each in PRETRAINING)):
            clips_only = row in ('clips_a', 'pretraining_on_a')
            measures = MEASURES[-2:] if clips_only else MEASURES
            means = {measure: _value(run, row, measure) for measure in measures}
            per_class = {} if clips_only else {'AP': [means['AP all']] * 60}
            rows[row] = {'means': means, 'per_class': per_class}
        write_json(tmp_path / run.file, {'cpu_seconds': 60.0, 'rows': rows})
    return collect(plan, tmp_path, RATES)


def test_every_run_stands_at_its_place(results, plan):
    half, none = plan.cells
    runs = {
        (run.cell, run.world, run.seed): run for run in plan_runs(plan) if run.num_updates == 48
    }
    for cell, measure in ((half, 'AP tail'), (none, 'top1 B')):
        found = results['cells'][cell.name]['ab_with_ava'][measure]
        expected = [
            [
                _value(runs[cell, world, seed], 'ab_with_ava', measure)
                for seed in range(cell.num_seeds)
            ]
            for world in range(2)
        ]
        assert found == pytest.approx(np.array(expected), abs=1e-5)
    assert results['cpu_minutes'] == len(plan_runs(plan))


def test_the_plateau_is_that_of_twice_the_updates(results, plan):
    longer = [run for run in plan_runs(plan) if run.num_updates == 96]
    assert set(results['plateau']) == {'a_then_ava', 'a_with_ava', 'pretraining_on_a'}
    found = results['plateau']['a_with_ava']['SAP all']
    (seeds,) = found
    assert seeds == pytest.approx(
        [_value(run, 'a_with_ava', 'SAP all') for run in longer], abs=1e-5
    )


def test_classes_are_means_over_the_runs_of_the_main_cell(results):
    of_runs = results['cells']['half shared, weight decay 0.0001']['ava']['AP all']
    assert results['per_class']['ava']['AP'] == pytest.approx([np.mean(of_runs)] * 60, abs=1e-5)
    assert 'clips_a' not in results['per_class']


def test_tables(results):
    text = make_tables(json.loads(json.dumps(results)))
    assert text.startswith('half shared, weight decay 0.0001, 2 worlds x 2 seeds:')
    verdicts = re.findall(r'\| (agrees|disagrees|cannot be told) \|$', text, re.MULTILINE)
    assert len(verdicts) == len(read_contrasts(CONTRASTS, 'features'))
    assert text.count('AVA, a trunk that was never trained') == 1
    assert 'The other cells, 2 worlds x 1 seed:' in text
    assert '| contrast | measure | none shared, weight decay 0 |' in text
    assert '| `a_then_b_then_ava` | 0.1 | 0.1 |' in text


def test_table_of_the_plateau(results):
    lines = make_tables(results).splitlines()
    start = lines.index('Twice the updates, first world, 2 seeds:')
    # made up: 48 more updates are .001 more, two seeds alike
    assert lines[start + 4] == '| `a_then_ava` | AP all | +0.1 ± 0.0 |'
