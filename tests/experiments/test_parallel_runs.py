"""Runs in one process or several."""

import pytest

from mmlt.experiments.parallel_runs import as_json_has_it, processes, run_all


@pytest.mark.parametrize('num_workers', [1, 2])
def test_all_tasks_are_done_whatever_the_number_of_processes(num_workers, capsys):
    with processes(num_workers) as pool:
        assert run_all([('1.5',), ('2',), ('4',)], float, pool) == 7.5
        assert capsys.readouterr().out.splitlines()[-1] == '3 of 3, 0.1 CPU minutes'
        with pytest.raises(ValueError, match='could not convert'):
            run_all([('1',), ('none',)], float, pool)


def test_as_json_has_it():
    assert as_json_has_it({'a': (1, [2, (3,)]), 'b': {'c': 0.5}}) == {
        'a': [1, [2, [3]]],
        'b': {'c': 0.5},
    }
