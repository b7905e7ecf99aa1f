"""The command line of the toy tables; the trainings themselves take minutes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mmlt.experiments.videolt_bench import METHODS

TOOL = Path(__file__).resolve().parents[3] / 'tools' / 'analysis' / 'run_toy_table.py'


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(TOOL))


def test_the_table_decides_on_the_defaults(tool):
    args = tool['parse_args']([])
    assert (args.table, args.seeds, args.rows) == ('in_the_wild', [0, 1, 2], list(tool['ROWS']))
    assert args.data == Path('data/toy/ava/annotations')
    args = tool['parse_args'](['--table', 'videolt'])
    assert (args.seeds, args.rows) == ([0, 1, 2, 3, 4], list(METHODS))
    assert (args.data, args.work_dir) == (
        Path('data/toy/features'),
        Path('work_dirs/videolt_table'),
    )


def test_what_is_given_wins(tool):
    given = [
        '--table',
        'videolt',
        '--seeds',
        '7',
        '--rows',
        'cbs',
        '--data',
        'd',
        '--work-dir',
        'w',
    ]
    args = tool['parse_args'](given)
    assert (args.seeds, args.rows) == ([7], ['cbs'])
    assert (args.data, args.work_dir) == (Path('d'), Path('w'))


def test_a_row_of_the_other_table_is_an_error(tool, capsys):
    with pytest.raises(SystemExit):
        tool['parse_args'](['--rows', 'cbs'])
    assert "--rows: 'cbs' is none of baseline" in capsys.readouterr().err
