"""Original against shuffled frames: the log ratio of the accuracies, and any other metric twice."""

from __future__ import annotations

import copy
import io
import math
import numbers
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from rich.console import Console

from mmlt.evaluation.gather.samples import sample_block
from mmlt.evaluation.metrics.run_folder import RunFolder
from mmlt.evaluation.shuffle_bias import (
    SHUFFLE_BIAS_FILE,
    compare,
    compare_accuracy,
    print_shuffle_bias,
    write_shuffle_bias,
)
from mmlt.fileio.clip_lists import read_class_names
from mmlt.functional import top_k_accuracy
from mmlt.registry import METRICS


@METRICS.register_module()
class ShuffleBiasMetric(BaseMetric):
    """Accuracy on original and on shuffled frames, and the log ratio, overall and per class.

    See :func:`mmlt.functional.representation_bias`. Works under ``mmlt.ShuffleBiasTestLoop``, which
    marks each data sample with the number of its shuffle (0: in order) and hands over the other
    metrics of the config: each stream has a copy of them, and each of their values becomes a row.

    The keys are ``shuffle_bias/<row>/original``, ``shuffled``, ``log_ratio`` and
    ``log_ratio_std_error``, <row> being ``accuracy`` for single-label recognizers, and the
    others' own keys, such as ``ava/mSAP``, as far as they have one slash at most. All rows, and one
    for each class, are in ``shuffle_bias.json`` in ``out_dir``, by default the folder of the
    running job. Where another metric writes into that folder, its copy of shuffle k writes into the
    folder's ``shuffled_<k>``.

    A video is recognised if its class has the highest score and shares it with no other class: ties
    as in :func:`mmlt.functional.top_k_accuracy`, so a constant scorer recognises nothing.

    Args:
        label_file: Names of the classes, one a line; None takes the data set's ``classes``, if it
            has any.
        out_dir: Folder of the file.
        collect_device: See mmengine's ``BaseMetric``.
        prefix: See mmengine's ``BaseMetric``.
        collect_dir: See mmengine's ``BaseMetric``; None is a new one in the folder of the file.
    """

    default_prefix = 'shuffle_bias'

    def __init__(
        self,
        label_file: str | None = None,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.class_names = None
        if label_file is not None:
            self.class_names = read_class_names(label_file)
        self.run_folder = RunFolder('ShuffleBiasMetric', out_dir, main_file=SHUFFLE_BIAS_FILE)
        self.streams: list[list[BaseMetric]] = []
        self.seed = 0

    def compare_streams(
        self, metrics: Sequence[BaseMetric], *, num_shuffles: int, seed: int
    ) -> None:
        """Take over the other metrics of the evaluator, one copy a stream."""
        copies = range(1, num_shuffles + 1)
        self.streams = [list(metrics), *([self._copy(m, k) for m in metrics] for k in copies)]
        self.seed = seed

    def _copy(self, metric: BaseMetric, shuffle: int) -> BaseMetric:
        """A copy of a metric whose files do not meet those of the original."""
        copied = copy.deepcopy(metric)
        folder = getattr(copied, 'run_folder', None)
        if folder is not None and folder.wanted() is not None:
            folder.out_dir = str(folder.wanted() / f'shuffled_{shuffle}')
        dump = getattr(copied, 'out_file_path', None)  # mmengine's DumpResults
        if dump is not None:
            copied.out_file_path = str(Path(dump).with_suffix(f'.shuffled_{shuffle}.pkl'))
        return copied

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Judge one batch of one stream; a batch comes in order first, then with each shuffle."""
        shuffles = {sample.get('shuffle') for sample in data_samples}
        if not self.streams or None in shuffles or len(shuffles) != 1:
            raise ValueError(
                "ShuffleBiasMetric needs test_cfg.type='mmlt.ShuffleBiasTestLoop': the data "
                'samples do not say which shuffle they belong to'
            )
        shuffle = shuffles.pop()
        for metric in self.streams[shuffle]:
            metric.process(data_batch, data_samples)
        found = [self._label_and_hit(sample) for sample in data_samples]
        if shuffle == 0:
            self.results += [{'label': label, 'hits': []} for label, _ in found]
        for result, (_, hit) in zip(self.results[-len(found) :], found):
            result['hits'].append(hit)

    def evaluate(self, size: int) -> dict:
        """Evaluate the other metrics on each stream, then compare."""
        self._values = [{} for _ in self.streams]
        for values, stream in zip(self._values, self.streams):
            for metric in stream:
                with self.run_folder.lend_collect_dir(metric):
                    values.update(metric.evaluate(size))
        with self.run_folder.lend_collect_dir(self):
            return {**self._values[0], **super().evaluate(size)}

    def compute_metrics(self, results: list) -> dict:
        """Compare, log the table, write the file; runs on rank 0."""
        original, *shuffled = self._values
        rows, per_class = {}, {}
        judged = [result for result in results if result['label'] is not None]
        if judged:
            labels = np.array([result['label'] for result in judged])
            hits = np.array([result['hits'] for result in judged])
            rows['accuracy'], per_class = compare_accuracy(labels, hits, self._names())
        for key, value in original.items():
            if isinstance(value, numbers.Real):
                rows[key] = compare(float(value), [float(values[key]) for values in shuffled])
        result = {
            'num_shuffles': len(self.streams) - 1,
            'seed': self.seed,
            'num_samples': len(results),
            'metrics': rows,
            'per_class': per_class,
        }
        text = io.StringIO()
        print_shuffle_bias(result, Console(file=text, width=100))
        print_log('\n' + text.getvalue(), 'current')
        self.run_folder.write(lambda folder, over: write_shuffle_bias(result, folder, over))
        return _flatten(rows)

    def _names(self) -> Sequence[str] | None:
        return self.class_names or (self.dataset_meta or {}).get('classes')

    def _label_and_hit(self, sample: dict) -> tuple[int | None, bool | None]:
        """The class of a video and whether it was recognised; None where that has no meaning."""
        if 'pred_score' not in sample or 'gt_label' not in sample or len(sample['gt_label']) != 1:
            return None, None
        if getattr(sample['pred_score'], 'ndim', 1) != 1:
            raise ValueError(
                f'pred_score has shape {tuple(sample["pred_score"].shape)}: average the windows of '
                "a video, by model.cls_head.average_clips='prob'"
            )
        block = sample_block(sample)
        label, names = int(block['labels'][0]), self._names()
        if names is not None and label >= len(names):  # now, not when all videos are through
            raise ValueError(f'a video of class {label}: {len(names)} classes have names')
        return label, top_k_accuracy(block['scores'], _one_hot(label, block['scores']), k=1) == 1


def _one_hot(label: int, scores: np.ndarray) -> np.ndarray:
    return np.arange(scores.shape[1])[None] == label


def _flatten(rows: dict[str, dict]) -> dict[str, float]:
    """The flat dictionary of mmengine, in which an undefined value is NaN."""
    return {
        f'{name}/{key}': math.nan if row[key] is None else row[key]
        for name, row in rows.items()
        if name.count('/') <= 1
        for key in ('original', 'shuffled', 'log_ratio', 'log_ratio_std_error')
    }
