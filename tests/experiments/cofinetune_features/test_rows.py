"""The rows: what they are trained on, how long, and what goes from stage to stage."""

import pytest
import torch

from mmlt.experiments.cofinetune_features import rows as module
from mmlt.experiments.cofinetune_features.results import CONTRASTS
from mmlt.experiments.cofinetune_features.rows import (
    PRETRAINING,
    ROWS,
    RowSettings,
    run_row,
    stage_updates,
)
from mmlt.fileio.json_files import read_json_object

SETTINGS = RowSettings(num_updates=32, lr=0.1, pretraining_lr=0.05, weight_decay=1e-4, seed=0)


@pytest.fixture
def trainings(monkeypatch):
    """(state of the trunk before and after, datasets, settings) of every training."""
    found = []

    def train(model, datasets, settings, validate):
        before = {key: value.clone() for key, value in model.backbone.state_dict().items()}
        best = of_module(model, datasets, settings, validate)
        after = {key: value.clone() for key, value in model.backbone.state_dict().items()}
        found.append((before, after, datasets, settings))
        return best

    of_module = module.train
    monkeypatch.setattr(module, 'train', train)
    return found


def _same(state, other):
    return all(torch.equal(value, other[key]) for key, value in state.items())


def test_rows_are_those_of_the_contrasts_and_the_untrained_trunk():
    named = read_json_object(CONTRASTS)['rows']
    assert {*ROWS, *PRETRAINING.values()} == {'untrained_trunk', *named}


@pytest.mark.parametrize('row', ROWS)
def test_every_row_has_as_many_updates(data, row):
    assert sum(stage_updates(data, row, 2880)) == 2880


def test_each_stage_has_what_its_dataset_has_in_the_co_finetuning(data):
    # 8 batches of A, 4 of B and AVA each
    assert stage_updates(data, 'a_then_ava', 2880) == [1920, 960]
    assert stage_updates(data, 'a_then_b_then_ava', 2880) == [1440, 720, 720]
    assert stage_updates(data, 'b_then_a_then_ava', 2880) == [720, 1440, 720]


def test_the_trunk_goes_from_stage_to_stage(data, trainings):
    found = run_row(data, 'b_then_a_then_ava', SETTINGS)
    assert list(found) == ['b_then_a_then_ava']
    assert [list(datasets) for _, _, datasets, _ in trainings] == [['B'], ['A'], ['ava']]
    assert [how.lr for *_, how in trainings] == [0.05, 0.05, 0.1]
    for (_, after, _, _), (before, _, _, _) in zip(trainings, trainings[1:]):
        assert _same(after, before)
    assert not _same(*trainings[0][:2])


def test_pretraining_is_a_row_of_its_own(data):
    found = run_row(data, 'a_then_ava', SETTINGS)
    assert list(found) == ['a_then_ava', 'pretraining_on_a']
    assert found['pretraining_on_a']['means'].keys() == {'top1 A'}
    assert 'top1 A' not in found['a_then_ava']['means']  # its head is gone
    assert len(found['a_then_ava']['curve']) == 10


def test_an_untrained_trunk_stays_as_it_was_drawn(data, trainings):
    run_row(data, 'untrained_trunk', SETTINGS)
    ((before, after, _, _),) = trainings
    assert _same(before, after)


def test_all_rows_of_a_seed_start_from_the_same_trunk(data, trainings):
    for row in ('ava', 'ab_with_ava', 'a_then_ava'):
        run_row(data, row, SETTINGS)
    starts = [trainings[number][0] for number in (0, 1, 2)]
    assert _same(starts[0], starts[1]) and _same(starts[0], starts[2])


def test_a_sequential_row_is_one_pass_after_the_other(data, trainings):
    found = run_row(data, 'a_with_ava_sequential', SETTINGS._replace(num_updates=36))
    ((_, _, datasets, how),) = trainings
    assert {name: dataset.times for name, dataset in datasets.items()} == {'A': 3, 'ava': 3}
    assert (how.strategy, how.num_updates) == ('sequential', 36)
    assert {'top1 A', 'AP tail'} <= found['a_with_ava_sequential']['means'].keys()
