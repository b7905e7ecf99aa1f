"""What a config says of the annotations, frames and proposals of each split."""

from __future__ import annotations

import os.path as osp
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmlt.fileio.video_table import START_INDEX, VideoTable

SPLITS = ('train', 'val', 'test')


class SplitSettings(NamedTuple):
    """One AVA dataset of a config; the arguments of mmaction2's ``AVADataset``, and its defaults.

    Attributes:
        name: 'train', 'val' or 'test'; 'train 2' of a second one.
        frame_root: ``data_prefix['img']``.
        clip_reach: How many frames after the one of its second a clip of ``SampleAVAFrames``
            reaches; of another pipeline 0.
        clip_reach_sec: How many seconds after its own a clip of ``mmlt.SampleAVATimes`` reaches;
            None of another pipeline.
        others: as in ``AVADataset``, and ``video_table``.
    """

    name: str
    ann_file: str
    exclude_file: str | None = None
    label_file: str | None = None
    proposal_file: str | None = None
    frame_root: str = ''
    filename_tmpl: str = 'img_{:05}.jpg'
    start_index: int = 1
    fps: int = 30
    timestamp_start: int = 900
    timestamp_end: int = 1800
    use_frames: bool = True
    num_classes: int = 81
    custom_classes: tuple[int, ...] | None = None
    person_det_score_thr: float = 0.9
    video_table: str | None = None
    clip_reach: int = 0
    clip_reach_sec: float | None = None


class GroupRule(NamedTuple):
    """What makes head, medium and tail of classes, as in ``AVALongTailMetric``."""

    head_min: int = 10_000
    tail_max: int = 999
    split_file: str | None = None


def splits_of_config(config: Mapping[str, Any]) -> list[SplitSettings]:
    """The splits of a config, each file of annotations once.

    Args:
        config: Of mmengine, or a dict like it: ``train_dataloader`` and so on.

    Returns:
        The AVA datasets of its loaders, those inside of wrappers too; a test split that is the
        validation split again is left out.
    """
    splits: list[SplitSettings] = []
    for name in SPLITS:
        loader = config.get(f'{name}_dataloader') or {}
        found = [split_of_dataset(name, d) for d in _ava_datasets(loader.get('dataset'))]
        for number, split in enumerate(found, start=1):
            if all(osp.abspath(split.ann_file) != osp.abspath(o.ann_file) for o in splits):
                splits.append(split._replace(name=name if number == 1 else f'{name} {number}'))
    return splits


def with_copies(config: Any, copies: Mapping[str, str]) -> Any:
    """A config in which other files stand in the place of some.

    Args:
        config: A dict, list or value of a config.
        copies: Path as of :class:`SplitSettings` -> the file to name instead.

    Example:
        >>> with_copies({'dataset': [{'ann_file': 'a.csv', 'fps': 30}]}, {'a.csv': 'b.csv'})
        {'dataset': [{'ann_file': 'b.csv', 'fps': 30}]}
    """
    if isinstance(config, Mapping):
        changed = {key: with_copies(value, copies) for key, value in config.items()}
        root = config.get('data_root')
        if root and isinstance(config.get('ann_file'), str):
            joined = osp.join(root, config['ann_file'])
            changed['ann_file'] = copies.get(joined, config['ann_file'])
        return changed
    if isinstance(config, (list, tuple)):
        return type(config)(with_copies(value, copies) for value in config)
    return copies.get(config, config) if isinstance(config, str) else config


def group_rule(config: Mapping[str, Any]) -> GroupRule:
    """How the metric of a config groups the classes, AVA's limits where it says nothing."""
    rule = GroupRule()
    for name in ('val_evaluator', 'test_evaluator'):
        metrics = config.get(name) or ()
        for metric in [metrics] if isinstance(metrics, Mapping) else metrics:
            given = {key: metric[key] for key in rule._fields if metric.get(key) is not None}
            if given:
                return rule._replace(**given)
    return rule


def _ava_datasets(dataset: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(dataset, Mapping):
        if str(dataset.get('type', '')).endswith('AVADataset') and dataset.get('ann_file'):
            yield dataset
        for key in ('dataset', 'datasets'):
            yield from _ava_datasets(dataset.get(key))
        if isinstance(dataset.get('datasets'), Mapping):  # by name, as in co-finetuning
            for each in dataset['datasets'].values():
                yield from _ava_datasets(each)
    elif isinstance(dataset, Sequence) and not isinstance(dataset, str):
        for each in dataset:
            yield from _ava_datasets(each)


def split_of_dataset(name: str, dataset: Mapping[str, Any]) -> SplitSettings:
    """The settings of one dataset, its paths joined with ``data_root``."""
    root = dataset.get('data_root') or ''
    prefix = (dataset.get('data_prefix') or {}).get('img') or ''
    same = set(SplitSettings._fields) - {'name', 'ann_file', 'frame_root', 'custom_classes'}
    given = {key: dataset[key] for key in same if dataset.get(key) is not None}
    if dataset.get('persons') == 'ground_truth':  # mmlt's dataset reads no proposals then
        given.pop('proposal_file', None)
    classes, pipeline = dataset.get('custom_classes'), dataset.get('pipeline') or ()
    return SplitSettings(
        name=name,
        ann_file=osp.join(root, dataset['ann_file']),
        frame_root=osp.join(root, prefix),
        custom_classes=None if classes is None else tuple(classes),
        clip_reach=_clip_reach(pipeline),
        clip_reach_sec=_clip_reach_sec(pipeline),
        **given,
    )


def _clip_reach(pipeline: Sequence[Mapping[str, Any]]) -> int:
    """As ``SampleAVAFrames`` counts; in training it moves a clip by up to half an interval."""
    for step in pipeline:
        if str(step.get('type', '')).endswith('SampleAVAFrames') and 'clip_len' in step:
            length, interval = step['clip_len'], step.get('frame_interval', 2)
            jitter = 0 if step.get('test_mode') else (interval + 1) // 2 - 1
            return (length - 1 - length // 2) * interval + jitter
    return 0


def _clip_reach_sec(pipeline: Sequence[Mapping[str, Any]]) -> float | None:
    for step in pipeline:
        if str(step.get('type', '')).endswith('SampleAVATimes') and 'clip_len' in step:
            length = step['clip_len']
            return (length - 1 - length // 2) * step.get('interval_sec', 0)
    return None


def with_table(split: SplitSettings, table: VideoTable | None) -> SplitSettings:
    """The settings of a split whose rate, start and frames are told by a videos.json."""
    if table is None:
        return split
    use_frames = table.filename_tmpl is not None
    return split._replace(
        fps=table.fps,
        timestamp_start=table.timestamp_start,
        timestamp_end=max(table.seconds(video).stop for video in table.videos),
        start_index=START_INDEX,
        use_frames=use_frames,
        frame_root=str(table.frame_folder) if use_frames else '',
        filename_tmpl=table.filename_tmpl or split.filename_tmpl,
    )
