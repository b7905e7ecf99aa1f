"""The long-tail metric of AVA-style action detection, as mmengine wants it."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from rich.console import Console

from mmlt.evaluation.ava import check_options, evaluate_ava
from mmlt.evaluation.coverage import low_coverage_warning
from mmlt.evaluation.gather.blocks import merge_blocks
from mmlt.evaluation.gather.keyframes import (
    NO_KEYFRAMES,
    drop_repeats,
    keyframe_block,
    to_ava_boxes,
)
from mmlt.evaluation.groups import empty_groups_warning
from mmlt.evaluation.metrics.run_folder import RunFolder
from mmlt.evaluation.progress import status
from mmlt.evaluation.runs.folder import write_results
from mmlt.evaluation.runs.tasks import DETECTION
from mmlt.evaluation.runs.terminal import print_table
from mmlt.evaluation.score_ratios import changed_scores_warning
from mmlt.evaluation.subsets import evaluate_subsets, read_subsets
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.class_split import read_split
from mmlt.fileio.data_checks import check_detections, unused_columns
from mmlt.fileio.detections import write_detections
from mmlt.fileio.evaluation_files import read_annotated_split
from mmlt.functional import AVABoxes
from mmlt.registry import METRICS


@METRICS.register_module()
class AVALongTailMetric(BaseMetric):
    """Frame-AP, sampled AP and ROC-AUC per class, overall, and for head / medium / tail.

    See :func:`mmlt.evaluation.ava.evaluate_ava`. Takes the data samples of mmaction2's
    AVA detectors as they are, so it can stand in any AVA config in the place of ``AVAMetric``.

    The keys are ``ava/frame_mAP``, ``ava/mSAP``, ``ava/mAUC``, ``ava/mSAP_sampled``, the first
    three again under ``ava/head/``, ``ava/medium/`` and ``ava/tail/``; NaN where undefined.
    Beside frame_mAP stand ``frame_mAP_undetected_as_zero`` and ``num_undetected_classes``. With
    ``per_class_keys`` there are for each class ``ava/AP/<name>`` and likewise ``SAP``, ``SAP_std``
    and ``AUC`` (TensorBoard writes an underscore for a space or a bracket in a class name, MLflow
    refuses AVA's names). For ``CheckpointHook(save_best='ava/mSAP')`` say ``rule='greater'``.

    Mistakes in the annotations are errors at once; what is odd about the detections
    (:mod:`mmlt.fileio.data_checks`) is logged, and kept in metrics.json, for an evaluation that
    runs inside a training must not end it.

    ``metrics.json`` and ``per_class.csv`` go to ``out_dir``, by default the folder of the running
    job's log file (``work_dir/timestamp``); outside of a runner nothing is written. Each evaluation
    replaces the files of the one before in the same job. Where the folder already holds the files
    of another job or metric, they stay, and ``<folder>-2`` (-3, ...) is used instead.

    Args:
        ann_file: Annotations of the evaluated split (AVA CSV).
        label_file: Label map (pbtxt); its classes are evaluated.
        exclude_file: Excluded keyframes, lines of ``video_id,timestamp``.
        num_classes: Number of score columns, column 0 (unused) included. None takes what comes.
        custom_classes: Class id of each score column after column 0, as in ``AVADataset``; the
            others of the label map are not evaluated. None: column j is class j.
        class_counts: counts.json of the training set, or 'ava_v2.2'. Makes the groups.
        split_file: The groups as a file, instead.
        head_min: A class with more training boxes is in the head.
        tail_max: A class with at most so many is in the tail.
        protocol: 'mmaction2' or 'official'.
        capacity: Best-scored rows kept of a keyframe ('official' only).
        num_trials: Trials of the sampled form of SAP.
        seed: Seed of the sampled form.
        pool: 'boxes' or 'detections'.
        ann_format: 'ava', or 'ava_kinetics' for what ``mmlt.AVAKineticsDataset`` reads.
        subsets: Name -> annotations (CSV), or video ids, of a part of the videos, for the same
            means of each part as ``ava/<name>/frame_mAP`` and so on. Each video is in one of them.
        per_class_keys: Whether the keys of single classes are returned too, and so logged.
        dump: Name of a ``.parquet`` file, beside metrics.json, for every detection at full
            precision; ``tools/analysis/evaluate_ava.py`` reads it.
        out_dir: Folder of the files.
        collect_device: See mmengine's ``BaseMetric``.
        prefix: See mmengine's ``BaseMetric``.
        collect_dir: See mmengine's ``BaseMetric``; None is a new one in the folder of the files.
    """

    default_prefix = 'ava'

    def __init__(
        self,
        ann_file: str,
        label_file: str,
        exclude_file: str | None = None,
        *,
        num_classes: int | None = None,
        custom_classes: Sequence[int] | None = None,
        class_counts: str | None = None,
        split_file: str | None = None,
        head_min: int = 10_000,
        tail_max: int = 999,
        protocol: str = 'mmaction2',
        capacity: int | None = 50,
        num_trials: int = 15,
        seed: int = 0,
        pool: str = 'boxes',
        ann_format: str = 'ava',
        subsets: Mapping[str, str | Sequence[str]] | None = None,
        per_class_keys: bool = False,
        dump: str | None = None,
        out_dir: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if dump is not None and (Path(dump).name != dump or Path(dump).suffix != '.parquet'):
            raise ValueError(f'dump: {dump!r} is not the bare name of a .parquet file')
        # Everything is read here: a bad file must stop the job before the training, not after it.
        split = read_annotated_split(
            *(ann_file, label_file, exclude_file),
            custom_classes=custom_classes,
            ann_format=ann_format,
        )
        _warn(*split.warnings)
        self.label_map, self.ground_truth, self.ann_file = *split[:2], ann_file
        self.options = dict(
            excluded=split.excluded,
            train_counts=read_class_counts(class_counts, self.label_map) if class_counts else None,
            split=read_split(split_file, self.label_map) if split_file else None,
            head_min=head_min,
            tail_max=tail_max,
            protocol=protocol,
            capacity=capacity,
            num_trials=num_trials,
            seed=seed,
            pool=pool,
        )
        check_options(self.ground_truth, self.label_map, **self.options)
        self.subsets = subsets and read_subsets(
            subsets, self.ground_truth, self.label_map, **self.options
        )
        _warn(empty_groups_warning(self.label_map, **self.options))
        self.num_classes = num_classes
        self.custom_classes = custom_classes
        self.per_class_keys = per_class_keys
        self.dump = dump
        self.run_folder = RunFolder('AVALongTailMetric', out_dir, also=[dump] if dump else [])
        self._num_keyframes: int | None = None
        if num_classes is not None:
            self._class_ids(num_classes)  # raises what would be raised after an epoch
            highest = max(*self.label_map, int(self.ground_truth.labels.max()))
            _warn(None if custom_classes else unused_columns(num_classes, highest, label_file))

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the boxes and scores of each keyframe, all of them and unrounded."""
        for sample in data_samples:
            predicted = sample['pred_instances']
            block = keyframe_block(
                sample['video_id'], sample['timestamp'], predicted['bboxes'], predicted['scores']
            )
            self._class_ids(block['scores'].shape[1])  # raises if the model has other classes
            self.results.append(block)

    def evaluate(self, size: int) -> dict:
        """Gather one block from each rank; a keyframe that came twice counts once.

        mmengine would cut the interleaved shards at ``size``, right for its own sampler alone.
        """
        self._num_keyframes = size
        self.results = [merge_blocks(self.results, NO_KEYFRAMES)]
        with self.run_folder.lend_collect_dir(self):
            return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict:
        """Evaluate, log the table, write the files; runs on rank 0."""
        block = drop_repeats(merge_blocks(results, NO_KEYFRAMES))
        found = len(block['video_ids'])
        if self._num_keyframes not in (None, found):
            _warn(
                f'AVALongTailMetric: {found} distinct keyframes from a dataset of '
                f'{self._num_keyframes} samples'
            )
        class_ids = self._class_ids(block['scores'].shape[1]) if found else list(self.label_map)
        with status('evaluating'):
            detections = to_ava_boxes(block, class_ids)
            boxes = detections, self.ground_truth, self.label_map
            metrics = evaluate_ava(*boxes, **self.options)
            if self.subsets:
                metrics['subsets'] = evaluate_subsets(*boxes, self.subsets, **self.options)
        metrics['warnings'] = self._check(block, class_ids, metrics)
        _warn(*metrics['warnings'])
        text = io.StringIO()
        print_table(metrics, console=Console(file=text, width=100))
        print_log('\n' + text.getvalue(), 'current')
        self._write(metrics, detections)
        return DETECTION.log_values(metrics, self.per_class_keys)

    def _check(self, block: dict, class_ids: Sequence[int], metrics: dict) -> list[str]:
        """What is odd about the detections; other ranks wait, so that nothing here is raised."""
        name = 'AVALongTailMetric'
        # every class has the same boxes: one of them is enough
        one_class = to_ava_boxes({**block, 'scores': block['scores'][:, :2]}, class_ids[:1])
        findings = check_detections(
            one_class,
            self.ground_truth,
            self.options['excluded'],
            path=name,
            ground_truth_path=self.ann_file,
        )
        said = [low_coverage_warning(metrics, name), changed_scores_warning(metrics, name)]
        return [*findings.errors, *findings.warnings, *filter(None, said)]

    def _class_ids(self, num_columns: int) -> list[int]:
        """Class id of each score column after the unused column 0."""
        if self.num_classes not in (None, num_columns):
            raise ValueError(
                f'pred_instances.scores has {num_columns} columns, num_classes is '
                f'{self.num_classes} (column 0, unused, included)'
            )
        ids = list(self.custom_classes or range(1, num_columns))
        if len(ids) + 1 != num_columns:
            raise ValueError(
                f'pred_instances.scores has {num_columns} columns, not one unused column and one '
                f'for each of the {len(ids)} custom_classes'
            )
        highest = max(self.label_map)
        if not self.custom_classes and highest >= num_columns:
            raise ValueError(
                f'pred_instances.scores has {num_columns} columns (classes 1 to {num_columns - 1}),'
                f' but the label map holds class {highest} ({self.label_map[highest]})'
            )
        return ids

    def _write(self, metrics: dict, detections: AVABoxes) -> None:
        folder = self.run_folder.write(lambda free, over: write_results(metrics, free, over))
        if folder is not None and self.dump is not None:
            write_detections(folder / self.dump, detections, overwrite=True)


def _warn(*warnings: str | None) -> None:
    for warning in filter(None, warnings):
        if is_main_process():
            print_log(warning, 'current', logging.WARNING)
