"""Several datasets as one, each known by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine.dataset import pseudo_collate
from torch.utils.data import ConcatDataset, Dataset

from mmlt.registry import DATASETS, FUNCTIONS


@DATASETS.register_module()
class CoFinetuneDataset(ConcatDataset):
    """The datasets of a co-finetuning one after the other, for one loader.

    Which of them a batch comes from is for :class:`mmlt.datasets.samplers.CoFinetuneSampler` to
    say. Samples are those of the datasets, unchanged; a dataset that reads a whole batch in one
    piece (``__getitems__``) is asked to.

    Args:
        datasets: Name -> dataset or its config, D of them.

    Attributes:
        names: The D names, in order.
        sizes: Name -> number of samples.
        metainfo: ``{'datasets': {name: metainfo of the dataset}}``.

    Raises:
        ValueError: There is no dataset, or one without samples.
    """

    def __init__(self, datasets: Mapping[str, Dataset | dict]) -> None:
        if not datasets:
            raise ValueError('datasets is empty: name at least one')
        built = {name: _build(name, dataset) for name, dataset in datasets.items()}
        for name, dataset in built.items():
            if not len(dataset):
                source = getattr(dataset, 'ann_file', None)
                where = f' ({source})' if source else ''
                raise ValueError(
                    f'datasets.{name}: {type(dataset).__name__}{where} is empty, it has no sample'
                )
        super().__init__(list(built.values()))
        self.names = tuple(built)
        self.sizes = {name: len(dataset) for name, dataset in built.items()}
        self.metainfo = {'datasets': {n: getattr(d, 'metainfo', {}) for n, d in built.items()}}

    def first_index(self, name: str) -> int:
        """Index of the first sample of a dataset."""
        number = self.names.index(name)
        return self.cumulative_sizes[number - 1] if number else 0

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """A batch, of one dataset or of several."""
        start = 0
        for dataset, stop in zip(self.datasets, self.cumulative_sizes):
            if start <= indices[0] < stop and hasattr(dataset, '__getitems__'):
                own = [index - start for index in indices]
                if min(own) < 0 or max(own) >= len(dataset):
                    break  # a batch of several datasets
                return dataset.__getitems__(own)
            start = stop
        return [self[index] for index in indices]


def _build(name: str, dataset: Dataset | dict) -> Dataset:
    try:
        if isinstance(dataset, Mapping):
            dataset = DATASETS.build(dataset)
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
    except ValueError as error:
        raise ValueError(f'datasets.{name}: {error}') from error
    return dataset


@FUNCTIONS.register_module()
def collate_by_dataset(
    batch: Sequence[dict], collate_fns: Mapping[str, Callable | str | dict]
) -> Any:
    """Collate a batch as its dataset wants it.

    Args:
        batch: Samples of one dataset, each with ``data_samples.dataset_name``.
        collate_fns: Name -> function, or its config. Other datasets get ``pseudo_collate``.

    Raises:
        ValueError: There is no function of that name.
    """
    name = batch[0]['data_samples'].metainfo['dataset_name']
    collate = collate_fns.get(name, pseudo_collate)
    if callable(collate):
        return collate(batch)
    options = {'type': collate} if isinstance(collate, str) else dict(collate)
    function = FUNCTIONS.get(options['type'])
    if function is None:
        raise ValueError(f'datasets.{name}.collate_fn: no function {options["type"]!r}')
    del options['type']
    return function(batch, **options)
