"""Which runs there are, and that each is done once."""

import pytest

from mmlt.experiments.cofinetune_features import runs as module
from mmlt.experiments.cofinetune_features.rows import ROWS
from mmlt.experiments.cofinetune_features.runs import Cell, Plan, do_run, plan_runs
from mmlt.fileio.json_files import read_json_object


def test_the_tables_plan():
    runs = plan_runs(Plan())
    assert len(runs) == 3 * (10 + 5) + 3
    assert len({run.file for run in runs}) == len(runs)
    assert sum('untrained_trunk' in run.rows for run in runs) == 30
    assert {(cell.shared, cell.weight_decay) for cell in Plan().cells} == {
        (share, decay) for share in (0, 0.5, 1) for decay in (1e-4, 0)
    }
    longer = [run for run in runs if run.num_updates == 5760]
    assert {(run.world, run.cell, run.rows) for run in longer} == {
        (0, Plan().cells[0], ('a_then_ava', 'a_with_ava'))
    }


def test_names_of_cells():
    assert Cell(0.5, 1e-4, 10).name == 'half shared, weight decay 0.0001'
    assert Cell(0.0, 0.0, 2).name == 'none shared, weight decay 0'


@pytest.fixture
def fake(monkeypatch):
    """Rows that are run at once: (row, settings)."""
    done = []

    def run_row(data, row, how):
        done.append((row, how))
        return {row: {'val': 0.5}}

    monkeypatch.setattr(module, 'run_row', run_row)
    monkeypatch.setattr(module, 'Data', lambda world, seed, config: (world, seed, config.shared))
    return done


def test_a_run_is_done_once_and_never_mixed_with_other_settings(fake, plan, tmp_path):
    lrs = {row: 0.1 for row in ROWS}
    run = plan_runs(plan)[0]
    do_run(run, plan, {**lrs, 'ava': 0.3}, tmp_path)
    assert [row for row, _ in fake] == list(ROWS)
    how = dict(fake)['ava']
    assert (how.lr, how.pretraining_lr, how.weight_decay, how.seed) == (0.3, 0.1, 1e-4, 0)
    assert read_json_object(tmp_path / run.file)['rows']['ava'] == {'val': 0.5}
    fake.clear()
    assert do_run(run, plan, {**lrs, 'ava': 0.3}, tmp_path) == 0 and not fake
    with pytest.raises(ValueError, match=f'{run.file}: was run with other settings'):
        do_run(run, plan, lrs, tmp_path)
