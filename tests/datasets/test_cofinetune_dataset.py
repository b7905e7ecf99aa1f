from __future__ import annotations

import pytest
from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement

from mmlt.datasets.cofinetune_dataset import CoFinetuneDataset, collate_by_dataset
from mmlt.registry import DATASETS, FUNCTIONS


class Numbers(BaseDataset):
    METAINFO = {'classes': ('x',)}

    def __init__(self, start, size, **kwargs):
        self._numbers = range(start, start + size)
        super().__init__(ann_file='numbers.txt', serialize_data=False, **kwargs)

    def load_data_list(self):
        return [{'number': number} for number in self._numbers]


class Batched:
    """Reads a batch in one piece."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {'number': -index}

    def __getitems__(self, indices):
        return {'numbers': list(indices)}


@pytest.fixture
def dataset():
    return CoFinetuneDataset({'a': Numbers(10, 4, lazy_init=True), 'b': Batched()})


def test_samples_of_all_in_order(dataset):
    assert len(dataset) == 7 and dataset.names == ('a', 'b') and dataset.sizes == {'a': 4, 'b': 3}
    assert [dataset[i]['number'] for i in range(7)] == [10, 11, 12, 13, 0, -1, -2]
    assert (dataset.first_index('a'), dataset.first_index('b')) == (0, 4)
    assert dataset.metainfo['datasets']['a']['classes'] == ('x',)


def test_a_batch_in_one_piece_where_the_dataset_reads_one(dataset):
    assert dataset.__getitems__([6, 4]) == {'numbers': [2, 0]}
    assert [each['number'] for each in dataset.__getitems__([3, 0])] == [13, 10]
    assert [each['number'] for each in dataset.__getitems__([4, 0])] == [0, 10]


def test_configs_are_built(monkeypatch):
    monkeypatch.setitem(DATASETS.module_dict, 'Numbers', Numbers)
    dataset = CoFinetuneDataset({'a': {'type': 'mmlt.Numbers', 'start': 0, 'size': 2}})
    assert dataset.sizes == {'a': 2}


def test_errors():
    with pytest.raises(ValueError, match='datasets is empty'):
        CoFinetuneDataset({})
    lazy = Numbers(0, 0, lazy_init=True)
    lazy.serialize_data = True  # mmengine's own message names nothing
    with pytest.raises(ValueError, match='datasets.b: need at least one array'):
        CoFinetuneDataset({'a': Numbers(0, 2), 'b': lazy})
    with pytest.raises(ValueError, match=r'datasets.b: Numbers \(numbers.txt\) is empty'):
        CoFinetuneDataset({'a': Numbers(0, 2), 'b': Numbers(0, 0)})


# ------------------------------------------------------------------------- collate_by_dataset


def _batch(name):
    sample = BaseDataElement(metainfo={'dataset_name': name})
    return [{'inputs': i, 'data_samples': sample} for i in range(2)]


def test_each_dataset_has_its_collate():
    def total(batch, plus=0):
        return sum(each['inputs'] for each in batch) + plus

    functions = {'sum': total}
    assert collate_by_dataset(_batch('sum'), functions) == 1
    assert collate_by_dataset(_batch('other'), functions)['inputs'] == [0, 1]
    named = {'a': 'pseudo_collate', 'b': {'type': 'pseudo_collate'}}
    assert collate_by_dataset(_batch('a'), named)['inputs'] == [0, 1]
    assert collate_by_dataset(_batch('b'), named)['inputs'] == [0, 1]
    with pytest.raises(ValueError, match="datasets.a.collate_fn: no function 'no_such'"):
        collate_by_dataset(_batch('a'), {'a': {'type': 'no_such'}})
    assert FUNCTIONS.get('mmlt.collate_by_dataset') is collate_by_dataset
