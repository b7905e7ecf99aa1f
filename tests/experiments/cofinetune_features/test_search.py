"""The search: the same for every row, and no best value at an edge."""

import pytest

from mmlt.experiments.cofinetune_features import search as module
from mmlt.experiments.cofinetune_features.rows import ROWS
from mmlt.experiments.cofinetune_features.search import search_all, search_row
from mmlt.fileio.json_files import read_json_object


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
    search_row('ava', 1e-4, plan, 0.3, tmp_path)
    assert [lr for _, _, lr, _, _ in tried] == [0.03, 0.1, 0.3, 0.01, 0.003]
    found = read_json_object(tmp_path / 'ava_decay0.0001.json')
    assert found['lr'] == 0.01 and len(found['tried']) == 5
    tried.clear()
    assert search_row('ava', 1e-4, plan, 0.3, tmp_path) == 0 and not tried  # done before


def test_all_rows_have_the_same_search_with_the_clips_rate_before(tried, plan, tmp_path):
    rates = search_all(plan, tmp_path, 1)
    assert list(rates) == ['0.0001', '0']
    for of_decay in rates.values():
        assert list(of_decay) == list(ROWS)
        assert {each['lr'] for each in of_decay.values()} == {0.01}
    assert {before for row, _, _, before, _ in tried if row != 'clips_a'} == {0.01}
    assert {decay for *_, decay in tried} == {1e-4, 0.0}
    counts = {row: sum(each[0] == row for each in tried) for row in ROWS}
    assert set(counts.values()) == {2 * 5}


def test_its_seeds_are_not_those_of_the_table(plan):
    for each in (plan, type(plan)()):
        assert min(each.search_seeds) >= max(cell.num_seeds for cell in each.cells)
