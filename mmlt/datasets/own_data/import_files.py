"""The files that an import of annotations writes into a prepared folder, the config included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from mmlt.datasets.own_data.annotation_files import (
    ANNOTATION_FOLDER,
    COUNTS,
    LABEL_MAP,
    SPLITS_FILE,
    write_ava_csv,
    write_label_map,
)
from mmlt.datasets.own_data.config_text import CONFIG_FILE, ConfigValues, config_text
from mmlt.datasets.own_data.import_annotations import Imported, ImportOptions
from mmlt.datasets.own_data.splits import SPLITS
from mmlt.datasets.own_data.training_plan import plan_groups, plan_schedule, plan_topk
from mmlt.datasets.own_data.two_stage_text import (
    STAGE_ONE_FILE,
    STAGE_TWO_FILE,
    two_stage_texts,
)
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.class_counts import count_training_boxes, write_class_counts
from mmlt.fileio.json_files import write_json
from mmlt.fileio.person_tracks import read_detector_record

#: ``person_det_score_thr`` of proposals of unknown origin: mmaction2's default.
UNKNOWN_SCORE_THR = 0.9


def target_files(folder: Path, splits: Sequence[str]) -> list[Path]:
    """The files that an import writes."""
    annotations = folder / ANNOTATION_FOLDER
    names = [*(f'{split}.csv' for split in splits), LABEL_MAP, COUNTS, SPLITS_FILE]
    configs = [STAGE_ONE_FILE, STAGE_TWO_FILE, CONFIG_FILE]
    return [*(annotations / name for name in names), *(folder / name for name in configs)]


def refuse_overwriting(folder: Path) -> None:
    """Raise where an earlier import lies."""
    for file in target_files(folder, SPLITS):
        if file.exists():
            raise FileExistsError(f'{file}: exists already; pass --overwrite to replace it')


def write_import(folder: Path, found: Imported, options: ImportOptions) -> list[Path]:
    """Write all files of an import, config.py last; those of a split that is no more are removed.

    Returns:
        The files.

    Raises:
        FileExistsError: One is there and ``options.overwrite`` is false.
        FileNotFoundError: There is no such base config.
        ValueError: The base is no config of own data, the folder has a name that mmengine cannot
            put into a config, or a class one that mmaction2 cannot read; nothing is written then.
    """
    annotations = folder / ANNOTATION_FOLDER
    overwrite = options.overwrite
    if not overwrite:
        refuse_overwriting(folder)
    if '"' in str(folder.resolve()) or '\\' in folder.resolve().as_posix():
        raise ValueError(f'{folder}: mmengine reads no config in a folder with " or \\ in its path')
    base_batch_size = _base_batch_size(options.base)
    score_thr, score_source = _person_threshold(folder)
    class_ids = {name: class_id for class_id, name in found.names.items()}
    write_label_map(annotations / LABEL_MAP, found.names, overwrite=overwrite)
    num_keyframes = {}
    for split, videos in found.splits.items():
        members = set(videos)
        rows = [(b, p) for b, p in zip(found.boxes, found.persons) if b.video_id in members]
        path = annotations / f'{split}.csv'
        write_ava_csv(path, *zip(*rows), class_ids, overwrite=overwrite)
        num_keyframes[split] = len({(box.video_id, box.second) for box, _ in rows})
    for split in set(SPLITS) - set(found.splits):
        (annotations / f'{split}.csv').unlink(missing_ok=True)
    counts = count_training_boxes(annotations / 'train.csv', found.names)
    write_class_counts(annotations / COUNTS, counts, overwrite=overwrite)
    write_json(annotations / SPLITS_FILE, found.splits, overwrite=overwrite)
    values = ConfigValues(
        base=options.base,
        names=found.names,
        train_counts=counts.counts,
        groups=plan_groups(list(counts.counts.values())),
        num_videos={split: len(videos) for split, videos in found.splits.items()},
        num_keyframes=num_keyframes,
        schedule=plan_schedule(num_keyframes['train'], base_batch_size),
        topk=plan_topk(len(found.names)),
        score_thr=score_thr,
        score_source=score_source,
    )
    texts = two_stage_texts(folder / CONFIG_FILE, values.groups, list(values.train_counts.values()))
    for name, text in {**texts, CONFIG_FILE: config_text(folder, values)}.items():
        with atomic_write(folder / name, overwrite=overwrite) as temporary:
            temporary.write_bytes(text.encode())
    return target_files(folder, list(found.splits))


def _person_threshold(folder: Path) -> tuple[float, str]:
    """From which score on a proposal is a person, and why."""
    detector = read_detector_record(folder)
    if detector is None:
        return UNKNOWN_SCORE_THR, "mmaction2's default: set it to your detector's scores"
    why = f'from this score on a box of the detector ({detector.detector}) is a person'
    return detector.person_det_score_thr, why


def _base_batch_size(base: Path) -> int:
    if not base.is_file():
        raise FileNotFoundError(f'{base}: no such config')
    loader = Config.fromfile(base).get('train_dataloader', {})
    if 'batch_size' not in loader or 'video_table' not in loader.get('dataset', {}):
        raise ValueError(
            f'{base}: train_dataloader: no batch_size, or a dataset without video_table, as a base '
            'of own data has them: take one of configs/own_data'
        )
    return loader['batch_size']
