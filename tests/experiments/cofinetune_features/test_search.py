"""The search: the same for every row, and no best value at an edge."""

import pytest

from mmlt.experiments.cofinetune_features import search as module
from mmlt.experiments.cofinetune_features.rows import ROWS
from mmlt.experiments.cofinetune_features.search import search_all, search_once


@pytest.fixture
def tried(monkeypatch):
    """Runs of rows: (row, seed, lr, lr of the stages before, weight decay); .01 is the best lr."""
    found = []

    def run_row(data, row, how):
        found.append((row, how.seed, how.lr, how.pretraining_lr, how.weight_decay))
        return {row: {'val': 1 - abs(how.lr - 0.01)}}

    monkeypatch.setattr(module, 'run_row', run_row)
    monkeypatch.setattr(module, 'Data', lambda world, seed, config: (world, seed))
    return found


def test_a_best_value_at_the_edge_brings_in_its_neighbour(tried, plan, tmp_path):
    search_all(plan, tmp_path)
    for row in ROWS:
        lrs = [lr for of_row, _, lr, _, decay in tried if (of_row, decay) == (row, 1e-4)]
        assert lrs == [0.03, 0.1, 0.3, 0.01, 0.003]


def test_all_rows_have_the_same_search_with_the_clips_rate_before(tried, plan, tmp_path):
    rates = search_all(plan, tmp_path)
    assert list(rates) == ['0.0001', '0']
    for of_decay in rates.values():
        assert list(of_decay) == list(ROWS)
        for of_row in of_decay.values():
            assert of_row['lr'] == 0.01
            assert of_row['tried'] == pytest.approx(
                {'0.003': 0.993, '0.01': 1, '0.03': 0.98, '0.1': 0.91, '0.3': 0.71}
            )
    assert {before for row, _, _, before, _ in tried if row != 'clips_a'} == {0.01}
    assert {row for row, *_ in tried[:10]} == {'clips_a'}


def test_what_is_done_is_not_done_again(tried, plan, tmp_path):
    first = search_all(plan, tmp_path)
    (tmp_path / 'ava_decay0_lr0.1_seed100.json').unlink()
    tried.clear()
    assert search_all(plan, tmp_path) == first
    assert tried == [('ava', 100, 0.1, 0.01, 0.0)]
    with pytest.raises(ValueError, match=r'ava_decay0_lr0\.1_seed100\.json: was run with another'):
        search_once('ava', 0.0, 0.1, 0.03, 100, plan, tmp_path)


def test_its_seeds_are_not_those_of_the_table(plan):
    for each in (plan, type(plan)()):
        assert min(each.search_seeds) >= max(cell.num_seeds for cell in each.cells)
