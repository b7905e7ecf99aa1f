"""The numbers of papers, from the metafiles."""

from __future__ import annotations

import pytest

from mmlt.experiments import paper_results
from mmlt.experiments.paper_results import read_paper_results

METAFILE = """
Models:
  - Name: trained
    Results:
      - {Task: t, Dataset: one, Source: Table 1, Metrics: {mAP: 12.5}}
      - {Task: t, Dataset: one, Source: Table 2, Metrics: {SECOND: 50.0}}
      - {Task: t, Dataset: two, Source: Table 1, Metrics: {mAP: 3}}
  - Name: not published
"""


@pytest.fixture
def metafile(tmp_path, monkeypatch):
    """Writes the metafile of a paper called 'mine'."""
    monkeypatch.setattr(paper_results, 'ROOT', tmp_path)
    read_paper_results.cache_clear()

    def write(text):
        path = tmp_path / 'configs' / 'mine' / 'metafile.yml'
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding='utf-8')
        return path

    yield write
    read_paper_results.cache_clear()


def test_tables_of_one_data_set_are_joined(metafile):
    metafile(METAFILE.replace('SECOND', 'mAUC'))
    assert read_paper_results('mine') == {
        ('trained', 'one'): {'mAP': 12.5, 'mAUC': 50.0},
        ('trained', 'two'): {'mAP': 3},
    }


def test_a_measure_that_stands_there_twice_is_refused(metafile):
    path = metafile(METAFILE.replace('SECOND', 'mAP'))
    with pytest.raises(ValueError, match='trained, one: .*mAP.* twice') as error:
        read_paper_results('mine')
    assert str(path) in str(error.value)


def test_an_unknown_paper_is_refused(metafile):
    with pytest.raises(FileNotFoundError, match='metafile.yml'):
        read_paper_results('mine')
