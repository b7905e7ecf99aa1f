"""Validation and test over several datasets, each judged by its own metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.runner import TestLoop, ValLoop
from torch.utils.data import ConcatDataset, DataLoader

from mmlt.registry import LOOPS


class ChainedLoaders:
    """The batches of several loaders, one loader after the other, as one loader of mmengine's.

    What hooks and loggers ask of ``runner.val_dataloader`` is there: its length is the number of
    all batches, ``dataset`` holds the samples of all datasets and has ``metainfo``.

    Args:
        loaders: Name of the dataset -> loader, in the order of the pass.

    Attributes:
        current: Name of the dataset of the last batch.
    """

    def __init__(self, loaders: Mapping[str, DataLoader]) -> None:
        self.loaders = dict(loaders)
        self.current: str | None = None
        datasets = {name: loader.dataset for name, loader in loaders.items()}
        self.dataset = ConcatDataset(datasets.values())
        of_each = {name: getattr(each, 'metainfo', {}) for name, each in datasets.items()}
        self.dataset.metainfo = {'datasets': of_each}

    def __len__(self) -> int:
        return sum(map(len, self.loaders.values()))

    def __iter__(self) -> Iterator[Any]:
        for name, loader in self.loaders.items():
            for batch in loader:
                self.current = name
                yield batch


class MultiDatasetEvaluator(Evaluator):
    """Metrics of each dataset under its name, ``<dataset>/<metric>``; those of all as they are.

    The batches go to the evaluator of their dataset; this one only gathers the results.

    Args:
        metrics: Name of the dataset -> its metrics. Their own prefix, whether the default or a
            configured one, is replaced by the name of the dataset.
        sizes: Name of the dataset -> number of its samples.
        shared: Metrics that see the samples of all datasets.
        where: What to call the evaluators in errors.
    """

    def __init__(
        self,
        metrics: Mapping[str, Sequence[BaseMetric]],
        sizes: Mapping[str, int],
        shared: Sequence[BaseMetric] = (),
        *,
        where: str = 'evaluator',
    ) -> None:
        super().__init__(list(shared))
        self.of_dataset = {name: list(each) for name, each in metrics.items()}
        self.sizes = dict(sizes)
        self.where = where
        owner = {id(metric): 'all datasets' for metric in shared}
        for name, own in self.of_dataset.items():
            for metric in own:
                if id(metric) in owner:
                    raise ValueError(
                        f'{where}: {name} and {owner[id(metric)]} share one '
                        f'{type(metric).__name__}; each needs one of its own'
                    )
                owner[id(metric)] = name
                metric.prefix = name

    def evaluate(self, size: int) -> dict:
        """The results of all datasets in one dict."""
        merged = {}
        for name, metrics in self.of_dataset.items():
            giver = {}
            for metric in metrics:
                found = metric.evaluate(self.sizes[name])
                for key in found:
                    if key in giver:
                        raise ValueError(
                            f'{self.where} of {name}: {giver[key]} and {type(metric).__name__} '
                            f'both give {key}, for the name of the dataset takes the place of '
                            'their prefixes; leave one of them out'
                        )
                    giver[key] = type(metric).__name__
                merged.update(found)
        return {**merged, **super().evaluate(size)}


class _DatasetEvaluator(Evaluator):
    """The metrics of one dataset, and those of all datasets, which see each sample once.

    Ranks repeat samples to have equally many. A metric of one dataset cuts the gathered results at
    its size; over several datasets the repeated ones are not at the end.
    """

    def __init__(self, metrics: Sequence[BaseMetric], shared: Sequence[BaseMetric], size: int):
        super().__init__(list(metrics))
        self.shared = Evaluator(list(shared))
        self._num_own = len(range(get_rank(), size, get_world_size()))  # as DefaultSampler deals
        self.start()

    def start(self) -> None:
        """Begin a pass."""
        self._num_left = self._num_own

    def process(self, data_samples: Sequence[Any], data_batch: Any = None) -> None:
        super().process(data_samples, data_batch)
        self.shared.process(data_samples[: self._num_left], data_batch)
        self._num_left = max(self._num_left - len(data_samples), 0)


class _MultiDatasetLoop:
    """What the two loops share: a stock loop a dataset makes its iterations, the stock run is kept.

    The stock loop builds loader and metrics, forwards under autocast, gathers the losses that a
    model returns beside its predictions, and calls the hooks of an iteration.
    """

    _stage: str  # 'val' or 'test'
    _stock_loop: type

    def __init__(self, runner: Any, dataloader: Any, evaluator: Any, fp16: bool = False) -> None:
        where = f'{self._stage}_evaluator'
        evaluators, shared = _of_datasets(evaluator, where)
        _check_names(dataloader, evaluators, f'{self._stage}_dataloader', where)
        shared = Evaluator(shared).metrics
        self.loops, metrics = {}, {}
        for name, loader in dataloader.items():
            loop = self._stock_loop(runner, loader, evaluators[name], fp16)
            size = len(loop.dataloader.dataset)
            if not size:
                raise ValueError(f'{self._stage}_dataloader of {name}: no sample in its dataset')
            metrics[name], meta = loop.evaluator.metrics, loop.evaluator.dataset_meta
            loop.evaluator = _DatasetEvaluator(metrics[name], shared, size)
            loop.evaluator.dataset_meta = meta
            _give_run_folder(metrics[name], runner, name)
            self.loops[name] = loop
        chained = ChainedLoaders({name: loop.dataloader for name, loop in self.loops.items()})
        sizes = {name: len(loader.dataset) for name, loader in chained.loaders.items()}
        merged = MultiDatasetEvaluator(metrics, sizes, shared, where=where)
        super().__init__(runner, chained, merged, fp16)

    def run(self) -> dict:
        """One pass over all datasets; the hooks around it are called once, with all metrics."""
        for loop in self.loops.values():
            getattr(loop, f'{self._stage}_loss').clear()
            loop.evaluator.start()
        return super().run()

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Forward one batch; its dataset's metrics, and those of all datasets, see it."""
        name = self.dataloader.current
        loop = self.loops[name]
        self.runner.visualizer.dataset_meta = loop.evaluator.dataset_meta
        loop.run_iter(idx, data_batch)
        losses = getattr(loop, f'{self._stage}_loss').items()
        getattr(self, f'{self._stage}_loss').update({f'{name}/{key}': x for key, x in losses})


@LOOPS.register_module()
class MultiDatasetValLoop(_MultiDatasetLoop, ValLoop):
    """Validate on several datasets, one after the other, as one validation.

    The keys are ``<dataset>/<metric>``, such as ``ava/mSAP`` and ``k400/top1``: the name of the
    dataset takes the place of a metric's own prefix. ``CheckpointHook(save_best='ava/mSAP')``,
    ``EarlyStoppingHook`` and the loggers see all of them at once. If the model returns losses
    beside its predictions, there are ``<dataset>/<loss>``, their mean over the dataset's batches,
    and ``val_loss``, the sum of these.

    A metric that writes into the run's folder writes into the one named like its dataset in there,
    unless its ``out_dir`` is given.

    Args:
        runner: See mmengine's ``ValLoop``.
        dataloader: Name of the dataset -> ``DataLoader`` or its config.
        evaluator: Name of the dataset -> config of a metric, list of them, or ``Evaluator``; or
            a list of such a dict and of metrics that see the samples of all datasets.
        fp16: See mmengine's ``ValLoop``.
    """

    _stage = 'val'
    _stock_loop = ValLoop


@LOOPS.register_module()
class MultiDatasetTestLoop(_MultiDatasetLoop, TestLoop):
    """Test on several datasets, one after the other, as one test.

    See :class:`MultiDatasetValLoop`. What mmaction2's ``tools/test.py --dump`` adds to the
    evaluator sees the samples of all datasets, each once; with several ranks in another order.

    Args:
        runner: See mmengine's ``TestLoop``.
        dataloader: Name of the dataset -> ``DataLoader`` or its config.
        evaluator: As in :class:`MultiDatasetValLoop`.
        fp16: See mmengine's ``TestLoop``.
    """

    _stage = 'test'
    _stock_loop = TestLoop


def _of_datasets(evaluator: Any, where: str) -> tuple[Mapping[str, Any], list]:
    """Evaluator of each dataset, and the metrics of all."""
    first, *shared = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]
    if not isinstance(first, Mapping) or 'type' in first or 'metrics' in first:
        raise ValueError(
            f'{where} must be a dict of dataset names and their metrics, or a list that begins '
            f'with it; got {first!r}'
        )
    return first, shared


def _check_names(loaders: Any, evaluators: Mapping, of_loaders: str, of_evaluators: str) -> None:
    if not isinstance(loaders, Mapping) or 'dataset' in loaders:
        raise ValueError(f'{of_loaders} must be a dict of dataset names and their loaders')
    for given, name in ((loaders, of_loaders), (evaluators, of_evaluators)):
        if not given:
            raise ValueError(f'{name} is empty: it must name a dataset at least')
    for given, name, others, other_name in (
        (loaders, of_loaders, evaluators, of_evaluators),
        (evaluators, of_evaluators, loaders, of_loaders),
    ):
        lonely = [each for each in given if each not in others]
        if lonely:
            first = next(iter(others))
            raise ValueError(
                f'{name} names {", ".join(lonely)}, {other_name} does not; what is of one dataset '
                f'stands under its name, as {name}.{first}'
            )


def _give_run_folder(metrics: Sequence[BaseMetric], runner: Any, name: str) -> None:
    """Two datasets must not write the same files of a run."""
    for metric in metrics:
        folder = getattr(metric, 'run_folder', None)
        if folder is not None and folder.out_dir is None:
            folder.out_dir = str(Path(runner.log_dir) / name)
