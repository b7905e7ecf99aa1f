from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.runner import Runner
from scipy.stats import chi2

from mmlt.datasets.samplers import ClassBalancedSampler, DrawnIndex, class_balanced_sampler
from mmlt.functional import expected_draws
from mmlt.registry import DATA_SAMPLERS

MODES = {
    'uniform': {},
    'sqrt': {},
    'repeat_factor': {'repeat_threshold': 0.5},
    'duplicate': {},
}
KINDS = ['keyframes', 'clips', 'multi-label clips', 'features']
over_modes = pytest.mark.parametrize('mode', MODES)
over_kinds = pytest.mark.parametrize('kind', KINDS)


def _sampler(dataset, mode, **kwargs):
    return ClassBalancedSampler(dataset, mode=mode, seed=0, **{**MODES[mode], **kwargs})


def _parts(indices):
    return [(int(index), index.box, index.class_id) for index in indices]


# ---------------------------------------------------------------------------------- by hand


def test_duplicated_keyframes_by_hand(ava):
    # of the 7 boxes 1 has five, 5 three, 2 two, 3 and 4 one: five classes of five places
    sampler = ClassBalancedSampler(ava(), mode='duplicate', seed=0)
    drawn = list(sampler)
    assert len(sampler) == len(drawn) == 25
    of_class = {c: Counter() for c in range(1, 6)}
    for index in drawn:
        of_class[index.class_id][int(index), index.box] += 1
    assert of_class[1] == {(0, 0): 1, (1, 0): 1, (2, 0): 1, (2, 1): 1, (2, 2): 1}
    assert of_class[3] == {(2, 0): 5}
    assert of_class[4] == {(2, 3): 5}
    assert sorted(of_class[2].items()) in (
        [((0, 1), 2), ((2, 2), 3)],
        [((0, 1), 3), ((2, 2), 2)],
    )
    assert set(of_class[5]) == {(0, 0), (2, 1), (2, 2)}
    assert sorted(of_class[5].values()) == [1, 2, 2]


@pytest.mark.parametrize(
    ('mode', 'length'), [('uniform', 8), ('sqrt', 8), ('repeat_factor', 10), ('duplicate', 15)]
)
def test_natural_length_by_hand(clips, mode, length):
    # clips of 0, 0, 0, 0, 0, 1, 1, 2: factors 1, 1, sqrt(.5 / .25) twice, sqrt(.5 / .125)
    assert len(_sampler(clips(), mode)) == length


# ---------------------------------------------------------- common checks, over all modes


@over_modes
@over_kinds
def test_length(dataset_of, mode, kind):
    for num_samples in (None, 1, 37):
        sampler = _sampler(dataset_of[kind](), mode, num_samples=num_samples)
        drawn = list(sampler)
        assert len(drawn) == len(sampler)
        assert len(sampler) == (num_samples or sampler.epoch_length)
        assert all(type(index) is DrawnIndex for index in drawn)


@over_modes
@over_kinds
def test_what_is_drawn(dataset_of, mode, kind):
    dataset = dataset_of[kind]()
    sampler = _sampler(dataset, mode, num_samples=400)
    for index in sampler:
        info = dataset.get_data_info(index)
        labels = np.atleast_1d(info['gt_labels'] if 'gt_labels' in info else info['label'])
        assert (index.box is None) == (kind != 'keyframes')
        if index.box is not None:
            labels = labels[index.box]
        if mode == 'repeat_factor':
            assert index.class_id is None
        elif kind == 'clips':
            assert labels.tolist() == [index.class_id]
        else:
            assert labels[index.class_id] == 1


@over_modes
def test_seed(clips, mode):
    dataset = clips()
    drawn = [
        _parts(ClassBalancedSampler(dataset, mode, 100, seed=seed, **MODES[mode]))
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


@over_modes
def test_epochs(clips, mode):
    sampler = _sampler(clips(), mode, num_samples=100)
    first = _parts(sampler)
    assert _parts(sampler) == first, 'iterating again is no new epoch'
    sampler.set_epoch(1)
    second = _parts(sampler)
    assert second != first
    sampler.set_epoch(0)
    assert _parts(sampler) == first


@over_modes
def test_an_iterator_keeps_its_epoch(clips, mode):
    sampler = _sampler(clips(), mode, num_samples=100)
    expected = _parts(sampler)
    iterator = iter(sampler)
    drawn = [next(iterator)]
    sampler.set_epoch(5)
    assert _parts([*drawn, *iterator]) == expected


@over_modes
@pytest.mark.parametrize('world_size', [2, 3])
@pytest.mark.parametrize('round_up', [True, False])
@pytest.mark.parametrize('block', [4, 4096])
def test_ranks(clips, monkeypatch, mode, world_size, round_up, block):
    monkeypatch.setattr(class_balanced_sampler, '_BLOCK', block)
    dataset, length = clips(), 47
    one = _parts(_sampler(dataset, mode, num_samples=length))
    shards = []
    for rank in range(world_size):
        info = (rank, world_size)
        monkeypatch.setattr(class_balanced_sampler, 'get_dist_info', lambda info=info: info)
        sampler = _sampler(dataset, mode, num_samples=length, round_up=round_up)
        shards.append(_parts(sampler))
        assert len(shards[-1]) == len(sampler)
    joined = [x for row in itertools.zip_longest(*shards) for x in row if x is not None]
    if round_up:
        assert len(set(map(len, shards))) == 1
        assert joined == one + one[: len(joined) - length]
    else:
        assert joined == one


def test_more_ranks_than_draws(clips, monkeypatch):
    dataset, lengths = clips(), []
    for rank in range(3):
        monkeypatch.setattr(class_balanced_sampler, 'get_dist_info', lambda rank=rank: (rank, 3))
        for round_up in (True, False):
            sampler = _sampler(dataset, 'uniform', num_samples=1, round_up=round_up)
            assert len(list(sampler)) == len(sampler)
            lengths.append(len(sampler))
    assert lengths == [1, 1, 1, 0, 1, 0]


@over_modes
@over_kinds
def test_frequencies(dataset_of, mode, kind):
    # epochs of natural length against the expectation, by chi-square
    sampler = _sampler(dataset_of[kind](), mode)
    drawn = Counter()
    for epoch in range(2000 // len(sampler)):
        sampler.set_epoch(epoch)
        drawn.update((int(index), index.box) for index in sampler)
    expected = sampler.expected_draws()
    by_functional = expected_draws(sampler.members, mode=mode, **MODES[mode])
    np.testing.assert_allclose(expected / expected.sum(), by_functional / by_functional.sum())
    assert expected.sum() == pytest.approx(len(sampler))
    counts = np.array([drawn[pair] for pair in sampler.boxes])
    assert counts.sum() == sum(drawn.values())
    expected = expected / expected.sum() * counts.sum()
    assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(1 - 1e-3, len(counts) - 1)


@over_modes
def test_wrappers_are_larger_datasets(ava, mode):
    for wrapped in (RepeatDataset(ava(), times=2), ConcatDataset([ava(), ava()])):
        sampler = _sampler(wrapped, mode, num_samples=200)
        drawn = list(sampler)
        assert {int(index) for index in drawn} == set(range(6))
        for index in drawn[:20]:
            info = wrapped[index]
            assert info['sample_idx'].box == index.box < len(info['gt_bboxes'])


@over_modes
def test_boxes_of_keyframes_and_single_boxes_are_drawn_alike(ava, rows, mode):
    # features cached box by box are drawn in the order of the keyframes' boxes
    keyframes = ava()
    boxes = [
        (index, box, row)
        for index in range(len(keyframes))
        for box, row in enumerate(keyframes.get_data_info(index)['gt_labels'])
    ]
    cached = rows([{'gt_labels': row} for _, _, row in boxes])
    drawn = _parts(_sampler(keyframes, mode, num_samples=100))
    assert drawn == [
        (*boxes[index][:2], index.class_id) for index in _sampler(cached, mode, num_samples=100)
    ]


# --------------------------------------------------------------------------------- classes


@over_modes
def test_chosen_classes(ava, mode):
    sampler = _sampler(ava(), mode, classes=[5, 2], num_samples=200)
    drawn = list(sampler)
    assert {(int(index), index.box) for index in drawn} == {(0, 0), (0, 1), (2, 1), (2, 2)}
    if mode != 'repeat_factor':
        assert {index.class_id for index in drawn} == {2, 5}


@over_modes
def test_an_empty_class(ava, mode):
    dataset = ava(num_classes=7)
    with pytest.raises(
        ValueError, match=r'AVADataset of .*\.csv: no sample carries class 6; leave it '
    ):
        _sampler(dataset, mode)
    ignoring = _sampler(dataset, mode, empty_classes='ignore', num_samples=100)
    assert _parts(ignoring) == _parts(_sampler(ava(), mode, num_samples=100))


def test_an_empty_class_is_named(rows):
    dataset = rows([{'label': 1}], metainfo={'classes': ['run', 'jump', 'swim']})
    with pytest.raises(ValueError, match=r'Rows: no sample carries class 0 \(run\), 2 \(swim\)'):
        ClassBalancedSampler(dataset, seed=0)
    assert _parts(ClassBalancedSampler(dataset, empty_classes='ignore', seed=0)) == [(0, None, 1)]
    with pytest.raises(ValueError, match=r'no sample carries class 0 \(run\)'):
        ClassBalancedSampler(dataset, classes=[0], empty_classes='ignore', seed=0)


# -------------------------------------------------------------------------------- the rest


def test_serialised_datasets(ava):
    dataset = ava(serialize_data=True)
    assert not dataset.data_list
    assert _parts(_sampler(dataset, 'sqrt')) == _parts(_sampler(ava(), 'sqrt'))


def test_built_from_a_config(ava):
    loader = Runner.build_dataloader(
        {
            'dataset': ava(),
            'batch_size': 5,
            'sampler': {'type': 'mmlt.ClassBalancedSampler', 'mode': 'duplicate'},
            'num_workers': 1,
            'collate_fn': {'type': 'pseudo_collate'},
        },
        seed=3,
    )
    assert loader.sampler.seed == 3
    drawn = [index for batch in loader for index in batch['sample_idx']]
    assert _parts(drawn) == _parts(ClassBalancedSampler(ava(), mode='duplicate', seed=3))


def test_a_seed_is_drawn_and_shared(clips, monkeypatch):
    monkeypatch.setattr(class_balanced_sampler, 'sync_random_seed', lambda: 41)
    assert DATA_SAMPLERS.build({'type': 'mmlt.ClassBalancedSampler', 'dataset': clips()}).seed == 41


def test_ten_million_draws_start_at_once(rows, monkeypatch):
    # as many as an epoch of AVA; the places asked for are counted, not the seconds
    infos = [{'label': 0}] * 999 + [{'label': 1}]
    sampler = ClassBalancedSampler(rows(infos), mode='duplicate', num_samples=10_000_000, seed=0)
    asked, draw = [], sampler._plan.draw

    def count_and_draw(places, **key):
        asked.append(len(places))
        return draw(places, **key)

    monkeypatch.setattr(sampler._plan, 'draw', count_and_draw)
    tracemalloc.start()
    iterator = iter(sampler)
    next(iterator)
    assert sum(asked) <= 4096
    for _ in range(50_000):
        next(iterator)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6  # the whole list takes 80 MB as an array
    assert len(sampler) == 10_000_000


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'mode': 'cbs'}, "mode must be one of 'uniform', 'sqrt', 'repeat_factor', 'duplicate'"),
        ({'mode': 'repeat_factor'}, 'needs repeat_threshold'),
        ({'repeat_threshold': 0.1}, "repeat_threshold is for mode 'repeat_factor'"),
        ({'num_samples': 0}, 'num_samples must be an integer of at least 1, got 0'),
        ({'empty_classes': 'skip'}, "empty_classes must be one of 'error', 'ignore'"),
        ({'classes': []}, 'classes is empty'),
        ({'classes': [1, 1]}, 'classes holds 1 more than once'),
        ({'classes': [3]}, 'classes holds 3: ids of this dataset run from 0 to 2'),
        ({'seed': -1}, 'seed must be an integer of at least 0, got -1'),
    ],
)
def test_errors(clips, options, message):
    with pytest.raises(ValueError, match=message):
        ClassBalancedSampler(clips(), **options)
