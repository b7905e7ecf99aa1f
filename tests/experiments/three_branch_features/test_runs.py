"""Which runs there are, that each is done once, and the search before them."""

import pytest

from mmlt.experiments.short_training import Best
from mmlt.experiments.three_branch_features import runs as module
from mmlt.experiments.three_branch_features.model import ROWS
from mmlt.experiments.three_branch_features.runs import (
    Plan,
    do_run,
    plan_runs,
    read_world,
    search_all,
)
from mmlt.fileio.json_files import read_json_object

LRS = dict.fromkeys(ROWS, 0.03)


def test_the_tables_plan():
    plan = Plan()
    runs = plan_runs(plan)
    assert len(runs) == 2 * 9 + 9 + 3
    assert len({run.file for run in runs}) == len(runs)
    trained = [run for run in runs if run.world.has_trained_trunk]
    assert {run.rows for run in trained if run.num_updates == plan.num_updates} == {tuple(ROWS)}
    untrained = [run for run in runs if not run.world.has_trained_trunk]
    assert {(run.rows, run.world.share) for run in untrained} == {(('all',), 1 / 3)}
    longer = [run for run in runs if run.num_updates == 2 * plan.num_updates]
    assert {(run.world, run.rows) for run in longer} == {(plan.world(1 / 3, 0), ('roi', 'all'))}
    assert min(plan.search_seeds) >= plan.num_seeds


@pytest.fixture
def fake(monkeypatch):
    """Rows that are run at once: (row, updates, rate, seed); .001 is the best rate."""
    done = []

    def run_row(data, row, num_updates, lr, seed):
        done.append((row, num_updates, lr, seed))
        return {'val': 0.5}

    def train_row(data, row, num_updates, lr, seed):
        done.append((row, num_updates, lr, seed))
        return None, Best(1 - abs(lr - 0.001), 1, {}, [])

    monkeypatch.setattr(module, 'run_row', run_row)
    monkeypatch.setattr(module, 'train_row', train_row)
    return done


def test_a_run_is_done_once_and_never_mixed_with_other_settings(fake, plan, work_dir):
    run = plan_runs(plan)[1]
    (work_dir / 'runs').mkdir()
    do_run(run, {**LRS, 'all': 0.1}, work_dir)
    assert [row for row, *_ in fake] == list(ROWS)
    assert ('all', 10, 0.1, 1) in fake and ('roi', 10, 0.03, 1) in fake
    assert read_json_object(work_dir / 'runs' / run.file)['rows']['all'] == {'val': 0.5}
    fake.clear()
    assert do_run(run, {**LRS, 'all': 0.1}, work_dir) == 0 and not fake
    with pytest.raises(ValueError, match=f'{run.file}: was run with other settings'):
        do_run(run, LRS, work_dir)


def test_features_of_a_trunk_that_was_not_trained_are_others(plan, work_dir):
    world = plan.world(1 / 3, 0)
    trained, untrained = (
        read_world(work_dir, each) for each in (world, world._replace(has_trained_trunk=False))
    )
    assert (trained.splits['test'].boxes != untrained.splits['test'].boxes[:90]).any()


def test_all_rows_have_the_same_search_until_no_best_rate_is_at_the_edge(fake, plan, work_dir):
    rates = search_all(plan, work_dir)
    assert list(rates) == list(ROWS)
    for row in ROWS:
        assert rates[row]['lr'] == 0.001
        assert list(rates[row]['tried']) == ['0.0003', '0.001', '0.003', '0.01', '0.03']
        lrs = [lr for name, _, lr, seed in fake if (name, seed) == (row, 100)]
        assert lrs == [0.003, 0.01, 0.03, 0.001, 0.0003]


def test_what_is_searched_is_not_searched_again(fake, plan, work_dir):
    first = search_all(plan, work_dir)
    (work_dir / 'search' / 'sum_lr0.01_seed100.json').unlink()
    fake.clear()
    assert search_all(plan, work_dir) == first
    assert fake == [('sum', 10, 0.01, 100)]
