"""The search for rates: its edges, and what it tells."""

import pytest

from mmlt.experiments.rate_search import best_rate, mean_score, search_rates, tell_rates
from mmlt.fileio.json_files import write_json

GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)


def _search(best, first=(0.01, 0.03)):
    """Rates that are tried for rows whose best rates are given, in the order of the calls."""
    calls = []

    def score_all(pairs):
        calls.append(pairs)
        return [-abs(GRID.index(lr) - GRID.index(best[row])) for row, lr in pairs]

    return search_rates(list(best), score_all, grid=GRID, first=first), calls


def test_a_best_rate_at_the_edge_brings_in_its_neighbour():
    tried, calls = _search({'up': 0.3, 'down': 0.01})
    assert calls[0] == [('up', 0.01), ('up', 0.03), ('down', 0.01), ('down', 0.03)]
    assert calls[1] == [('up', 0.1), ('down', 0.003)]
    assert calls[2:] == [[('up', 0.3)]]
    assert list(tried['up']) == [0.01, 0.03, 0.1, 0.3]
    assert best_rate(tried['up']) == 0.3 and best_rate(tried['down']) == 0.01


def test_it_ends_where_the_grid_ends():
    tried, _ = _search({'row': 0.001}, first=(0.001, 0.003))
    assert list(tried['row']) == [0.001, 0.003]


def test_of_equal_scores_the_first_counts():
    assert best_rate({0.3: 0.5, 0.1: 0.7, 0.03: 0.7}) == 0.1


def test_what_is_told():
    assert tell_rates({0.1: 0.5, 0.03: 0.7}) == {'lr': 0.03, 'tried': {'0.03': 0.7, '0.1': 0.5}}


def test_mean_over_seeds(tmp_path):
    for name, score in (('a', 0.5), ('b', 0.75)):
        write_json(tmp_path / name, {'val': score})
    assert mean_score([tmp_path / 'a', tmp_path / 'b']) == pytest.approx(0.625)
