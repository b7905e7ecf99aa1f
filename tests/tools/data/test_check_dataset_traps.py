"""Each mistake planted in a copy of a small good set: what check_dataset and a training say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mmengine.config import Config
from planted_mistakes import TRAPS
from small_own_data import write_small_set
from what_is_said import findings_of, mistakes_table, planted_config, training_says

from mmlt.fileio.dataset_checks.finding import MISTAKES
from mmlt.fileio.dataset_checks.settings import splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits

PAGE = Path(__file__).parents[3] / 'docs' / 'data_mistakes.md'
#: Tried elsewhere: files that are not there, and boxes or keys that are none.
ELSEWHERE = {
    'missing_file',
    'unreadable_file',
    'no_rows',
    'table_file',
    'no_overlap',
    'proposal_boxes',
    'proposal_keys',
}


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """Table or not -> a folder of the good set."""
    return {
        table: write_small_set(tmp_path_factory.mktemp('good'), table=table)
        for table in (False, True)
    }


@pytest.mark.parametrize('name', TRAPS)
def test_check_dataset_finds_it(name, good, tmp_path):
    trap, root = TRAPS[name], tmp_path / 'set'
    found = findings_of(planted_config(good, trap, root), trap, root)
    if trap.place is not None:
        places = [(place.line, place.value) for finding in found for place in finding.places]
        line, value = trap.place
        assert any(at == line and value in text for at, text in places), places
    assert found[0].effect and found[0].mend


@pytest.mark.parametrize('name', TRAPS)
def test_a_training_names_it(name, good, tmp_path):
    said = training_says(planted_config(good, TRAPS[name], tmp_path / 'set'))
    assert re.search(TRAPS[name].training, said), said


@pytest.mark.parametrize('table', [False, True])
def test_a_good_set_gives_nothing(table, good):
    cfg = Config.fromfile(good[table] / 'config.py')
    assert check_splits(splits_of_config(cfg)).findings == ()
    assert str(good[table]) not in training_says(cfg)


def test_every_kind_of_mistake_is_planted():
    assert set(MISTAKES) == {trap.kind for trap in TRAPS.values()} | ELSEWHERE


def test_page_has_the_table_of_what_is_said(tmp_path):
    table = PAGE.read_text(encoding='utf-8').partition('<!-- table -->\n\n')[2]
    assert table.partition('\n\n<!-- end')[0] == mistakes_table(tmp_path)
