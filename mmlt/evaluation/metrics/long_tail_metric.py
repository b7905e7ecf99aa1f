"""The long-tail metric of clip and feature classifiers, as mmengine wants it."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from rich.console import Console

from mmlt.evaluation.classification import evaluate_classification
from mmlt.evaluation.gather.blocks import merge_blocks
from mmlt.evaluation.gather.samples import NO_SAMPLES, one_per_sample, sample_block
from mmlt.evaluation.metrics.run_folder import RunFolder
from mmlt.evaluation.progress import status
from mmlt.evaluation.runs.folder import write_results
from mmlt.evaluation.runs.tasks import CLASSIFICATION
from mmlt.evaluation.runs.terminal import print_table
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.class_split import read_split
from mmlt.fileio.clip_lists import read_class_names
from mmlt.functional import split_head_medium_tail
from mmlt.registry import METRICS


@METRICS.register_module()
class LongTailMetric(BaseMetric):
    """AP and recall per class, mAP overall and for head / medium / tail, and hit at 1 and 5.

    See :func:`mmlt.evaluation.classification.evaluate_classification`. Takes the data samples of
    mmaction2's recognizers as they are, with single labels or with a multi-hot ``gt_label``, so it
    can stand in any recognition config in the place of ``AccMetric``.

    The keys are ``longtail/mAP``, ``longtail/acc/top1``, ``longtail/acc/top5``,
    ``longtail/acc/mean1`` (mean over classes of recall at 1, the mean class accuracy of single
    labels), ``longtail/head/mAP`` and ``longtail/head/mean1``, likewise for medium and tail, and
    ``longtail/AP/<name>`` and ``longtail/recall1/<name>`` for each class; NaN where undefined. For
    ``CheckpointHook(save_best='longtail/mAP')`` say ``rule='greater'``.

    Class ids are the score columns, from 0. Their names come from ``label_file``, else from the
    dataset's ``metainfo['classes']``, else from ``class_counts``, else they are the ids.

    A sample that ranks deliver twice to fill up their shards counts once. It is known by
    ``sample_idx``, ``filename``, ``frame_dir``, ``video_id`` and ``timestamp``, those of them
    that ``PackActionInputs(meta_keys=...)`` packs. If they do not tell all samples of the dataset
    apart, the shards must be those of mmengine's ``DefaultSampler``.

    The files go to the run's folder, see :class:`mmlt.evaluation.metrics.run_folder.RunFolder`.

    Args:
        label_file: One class name a line.
        class_counts: counts.json of the training set, ids from 0. Makes the groups.
        split_file: The groups as a file, instead.
        head_min: A class with more training samples is in the head (VideoLT: 500).
        tail_max: A class with at most so many is in the tail (VideoLT: 100).
        per_class_keys: Whether the keys of single classes are returned too, and so logged.
        out_dir: Folder of the files.
        collect_device: See mmengine's ``BaseMetric``.
        prefix: See mmengine's ``BaseMetric``.
        collect_dir: See mmengine's ``BaseMetric``; None is a new one in the folder of the files.
    """

    default_prefix = 'longtail'

    def __init__(
        self,
        label_file: str | None = None,
        *,
        class_counts: str | None = None,
        split_file: str | None = None,
        head_min: int | None = None,
        tail_max: int | None = None,
        per_class_keys: bool = False,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.label_file = label_file
        self.class_counts = class_counts
        self.split_file = split_file
        self.limits = dict(head_min=head_min, tail_max=tail_max)
        self.per_class_keys = per_class_keys
        self.run_folder = RunFolder('LongTailMetric', out_dir)
        self.class_names: list[str] | None = None
        # What can be read and checked is, here: a bad file must stop the job before the training.
        self._check_limits()
        if label_file is not None:
            self._set_classes(read_class_names(label_file), str(label_file))
        elif class_counts is not None:
            counts = read_class_counts(class_counts, min_id=0)
            names = [counts.names.get(index) for index in range(len(counts.names))]
            if None in names:
                raise ValueError(f'{class_counts}: no class {names.index(None)}; ids run from 0')
            self._set_classes(names, str(class_counts))

    @BaseMetric.dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        """Take the class names of the dataset, unless a label file names them."""
        self._dataset_meta = dataset_meta
        names = (dataset_meta or {}).get('classes')
        if names is not None and self.label_file is None:
            self._set_classes([str(name) for name in names], "the dataset's metainfo['classes']")

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the scores and labels of each sample."""
        for sample in data_samples:
            block = sample_block(sample)
            self._check_classes(block['scores'].shape[1])
            self.results.append(block)

    def evaluate(self, size: int) -> dict:
        """Gather one block from each rank; mmengine would cut their samples at ``size`` unseen."""
        self._num_samples = size
        self.results = [merge_blocks(self.results, NO_SAMPLES)]
        with self.run_folder.lend_collect_dir(self):
            return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict:
        """Evaluate, log the table, write the files; runs on rank 0."""
        scores, targets = one_per_sample(results, self._num_samples)
        if not len(scores):
            raise ValueError('LongTailMetric: no sample was evaluated')
        if len(scores) != self._num_samples:
            print_log(
                f'LongTailMetric: {len(scores)} samples from a dataset of {self._num_samples}',
                'current',
                logging.WARNING,
            )
        self._check_classes(scores.shape[1])  # rank 0 may have had no sample of its own
        with status('evaluating'):
            metrics = evaluate_classification(
                scores,
                targets,
                self.class_names,
                train_counts=self.train_counts,
                split=self.split,
                **self.limits,
            )
        text = io.StringIO()
        print_table(metrics, console=Console(file=text, width=100))
        print_log('\n' + text.getvalue(), 'current')
        self.run_folder.write(lambda free, overwrite: write_results(metrics, free, overwrite))
        return CLASSIFICATION.log_values(metrics, self.per_class_keys)

    def _check_limits(self) -> None:
        given = [name for name, value in self.limits.items() if value is not None]
        if given and not (self.class_counts and not self.split_file):
            raise ValueError(f'{given[0]} makes groups of class_counts, where no split_file does')
        if self.class_counts and not self.split_file and len(given) < 2:
            raise ValueError('class_counts needs head_min and tail_max (VideoLT: 500 and 100)')
        if given:
            split_head_medium_tail([0], **self.limits)  # raises if they are no limits

    def _check_classes(self, num_classes: int) -> None:
        if self.class_names is None:
            self._set_classes([str(index) for index in range(num_classes)], 'pred_score')
        if len(self.class_names) != num_classes:
            raise ValueError(
                f'pred_score has {num_classes} classes, '
                f'{self._named_by} names {len(self.class_names)}'
            )

    def _set_classes(self, names: list[str], named_by: str) -> None:
        repeated = [name for index, name in enumerate(names) if name in names[:index]]
        if repeated or not names:
            raise ValueError(f'{named_by}: no class, or one name twice: {repeated[:1]}')
        label_map = dict(enumerate(names))
        self.train_counts = self.split = None
        if self.class_counts is not None:
            self.train_counts = read_class_counts(self.class_counts, label_map, min_id=0)
        if self.split_file is not None:
            self.split = read_split(self.split_file, label_map, min_id=0)
        self.class_names, self._named_by = names, named_by
