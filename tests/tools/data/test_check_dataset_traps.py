"""Each mistake planted in a copy of a small good set: what check_dataset and a training say."""

from __future__ import annotations

import shutil

import pytest
from mmengine.config import Config
from planted_mistakes import TRAPS
from small_own_data import write_small_set

from mmlt.fileio.dataset_checks.settings import splits_of_config
from mmlt.fileio.dataset_checks.whole import check_splits


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    """Table or not -> a folder of the good set."""
    return {
        table: write_small_set(tmp_path_factory.mktemp('good'), table=table)
        for table in (False, True)
    }


def _planted(good, trap, root):
    shutil.copytree(good[trap.table], root)
    trap.plant(root)
    return Config.fromfile(root / 'config.py')


@pytest.mark.parametrize('name', TRAPS)
def test_check_dataset_finds_it(name, good, tmp_path):
    trap, root = TRAPS[name], tmp_path / 'set'
    check = check_splits(splits_of_config(_planted(good, trap, root)))
    found = [
        finding
        for finding in check.findings
        if finding.kind == trap.kind and finding.file == str(root / trap.file)
    ]
    assert found, [str(finding) for finding in check.findings]
    if trap.place is not None:
        places = [(place.line, place.value) for finding in found for place in finding.places]
        line, value = trap.place
        assert any(at == line and value in text for at, text in places), places
    assert found[0].effect and found[0].mend
