"""The kinds of binary files: features, detections, checkpoints; proposals from their own module."""

from __future__ import annotations

import io
import pickle
import zipfile
from functools import partial
from pathlib import Path

import binary_references as binary
import mmengine.runner.checkpoint  # noqa: F401  (here: its imports warn, which no case may)
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import text_references as text
import torch
from kinds import ANY, Kind, alone
from proposal_kinds import PROPOSALS, Attack
from text_kinds import rows_of

from mmlt.fileio import feature_bank as bank
from mmlt.fileio.box_feature_reader import open_features
from mmlt.fileio.box_features import (
    ROW_DTYPE,
    finish_folder,
    make_keyframe_table,
    start_folder,
    write_shard,
)
from mmlt.fileio.detections import read_detections, write_detections
from mmlt.fileio.feature_bank_reader import open_feature_bank
from mmlt.fileio.frame_features import open_frame_features
from mmlt.functional import ava_boxes_from_arrays
from mmlt.weights_only import read_checkpoint

# -------------------------------------------------------------------------------------- arrays


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


_FEATURES = np.random.default_rng(0).random((5, 7)).astype(np.float32)
_ARRAYS = [
    _FEATURES,
    _FEATURES.astype('<f2'),
    _FEATURES.astype('>f8'),
    np.asfortranarray(_FEATURES),
    np.array([[1.0, None]], object),
]
_HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (5L, 7L), }\n"
#: Of Python 2, by the letters: its long integers end in L.
_OLD_ARRAY = b'\x93NUMPY\1\0%c\0' % len(_HEADER) + _HEADER + _FEATURES.tobytes()
_ROWS_OF_BOXES = np.zeros(3, ROW_DTYPE)
_ROWS_OF_BOXES['keyframe'] = [0, 0, 1]
_ROWS_OF_BOXES['kind'] = [0, 1, 0]


def _box_folder(folder: Path) -> dict[str, bytes]:
    """Content of the files of a finished folder of box features."""
    meta = {'checkpoint_sha256': 'c' * 64, 'dtype': 'float32', 'feature_dim': 7, 'num_classes': 4}
    meta |= {'num_keyframes': 2, 'keyframes_per_shard': 1, 'num_shards': 2}
    start_folder(folder, meta, make_keyframe_table([('one', 902), ('another', 903)]))
    labels = np.eye(3, 4, dtype=np.uint8)
    for number, rows in enumerate((slice(0, 2), slice(2, 3))):
        write_shard(folder, number, _FEATURES[rows], labels[rows], _ROWS_OF_BOXES[rows])
    finish_folder(folder)
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _opened(path: Path, depth: int) -> tuple:
    found = open_features(path.parents[depth])
    features = found.read(np.arange(len(found.rows))).numpy()
    keyframes = found.keyframes.tolist()
    return found.meta, keyframes, *(binary.plain(a) for a in (features, found.labels, found.rows))


def _opened_bank(path: Path) -> tuple:
    found = open_feature_bank(path.parent)
    for video in found.videos:
        found.window(video, 902, window_sec=3, max_persons=2)
    arrays = (binary.plain(array) for array in (found.persons, *found.shards))
    return found.meta, found.keyframes.tolist(), *arrays


def _bank_folder(folder: Path) -> dict[str, bytes]:
    """Content of the files of a finished feature bank."""
    persons = [np.array([0.99, 0.9]), np.array([0.95]), np.array([0.97, 0.93])]
    boxes = [np.tile([0.1, 0.2, 1 / 3, 0.4], (len(scores), 1)) for scores in persons]
    tables = bank.make_tables([('another', 902), ('one', 7), ('one', 903)], persons, boxes)
    meta = {'checkpoint_sha256': 'c' * 64, 'config_sha256': 'c' * 64, 'proposals_sha256': 'c' * 64}
    meta |= {'dtype': 'float32', 'feature_dim': 7, 'score_thr': 0.8, 'keyframes_per_shard': 2}
    meta = bank.plan_bank(meta, tables)
    bank.start_bank(folder, meta, tables)
    for number, rows in enumerate((slice(0, 3), slice(3, 5))):
        bank.write_shard(folder, number, _FEATURES[rows])
    bank.finish_bank(folder, meta, tables)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def bank_kinds(scratch: Path) -> list[Kind]:
    """A kind for each file of a feature bank, its first shard for all of them."""
    files = _bank_folder(scratch / 'feature_bank')
    return [
        Kind(f'bank: {file}', file, [content], _opened_bank,
             alone(lambda path: binary.feature_bank(path.parent)),
             is_exact=False, place=ANY, is_binary=file.endswith('.npy'), beside=files)
        for file, content in files.items() if file != 'shard_00001.npy'
    ]  # fmt: skip


def array_kinds(scratch: Path) -> list[Kind]:
    """Features of frames and of boxes; one kind for each file of the folder."""
    kinds = [
        Kind('frame features', 'video.npy', [*map(_npy, _ARRAYS), _OLD_ARRAY],
             lambda p: binary.plain(open_frame_features(p)), alone(binary.frame_features),
             is_exact=False, place=ANY, is_binary=True)
    ]  # fmt: skip
    files = _box_folder(scratch / 'box_features')
    for file in files:
        depth = file.count('/')
        if file.startswith('shard_00001'):
            continue  # as the first shard's
        kinds.append(
            Kind(f'boxes: {file.removeprefix("shard_00000/")}', file, [files[file]],
                 partial(_opened, depth=depth),
                 alone(lambda path, depth=depth: binary.box_features(path.parents[depth])),
                 is_exact=False, place=ANY, is_binary=file.endswith('.npy'), beside=files)
        )  # fmt: skip
    return kinds


# ---------------------------------------------------------------------------------- detections

_DETECTIONS = ava_boxes_from_arrays(
    ['one', 'one', 'another', 'one'] * 5, np.arange(20) + 902,
    [[0.1, 0.2, 0.3 + i / 100, 1 / 3] for i in range(20)], np.arange(20) % 3 + 1,
    np.arange(20) / 30,
)  # fmt: skip


def _written_detections(scratch: Path) -> list[bytes]:
    paths = [scratch / f'{i}.parquet' for i in range(2)]
    write_detections(paths[0], _DETECTIONS)
    write_detections(paths[1], _DETECTIONS._replace(scores=np.arange(20) / 32))
    return [path.read_bytes() for path in paths]


def _same_detections(expected: dict[bytes, list], path: Path, base: bytes) -> list:
    """Damage is noticed: what is read is what was written."""
    return expected[base]


def _foreign_detections() -> bytes:
    boxes = _DETECTIONS
    columns = {'video_id': boxes.video_names[boxes.video_index], 'timestamp': boxes.timestamps}
    columns |= dict(zip(('x1', 'y1', 'x2', 'y2'), boxes.boxes_xyxy_norm.T.copy()))
    columns |= {'label': boxes.labels, 'score': boxes.scores}
    stream = io.BytesIO()
    pq.write_table(pa.table({key: pa.array(value) for key, value in columns.items()}), stream)
    return stream.getvalue()


def _lawful_detections(path: Path, base: bytes) -> list:
    """There is no second reader of Parquet: what is read must keep the rules."""
    rows = rows_of(read_detections(path))
    for video, second, box, label, score in rows:
        text.name(video)
        text.demand(max(abs(second), abs(label)) < 2**31 and np.isfinite(box).all())
        text.demand(box[0] <= box[2] and box[1] <= box[3] and not np.isnan(score))
    return rows


def detection_kinds(scratch: Path) -> list[Kind]:
    """Parquet files of mmlt, which carry a checksum, and of others."""
    ours = _written_detections(scratch)
    expected = {}
    for number, content in enumerate(ours):
        expected[content] = rows_of(read_detections(scratch / f'{number}.parquet'))
    options = dict(is_exact=False, place=ANY, is_binary=True)
    return [
        Kind('detections', 'd.parquet', ours, lambda p: rows_of(read_detections(p)),
             partial(_same_detections, expected), **options),
        Kind('detections of others', 'd.parquet', [_foreign_detections()],
             lambda p: rows_of(read_detections(p)), _lawful_detections, **options),
    ]  # fmt: skip


# --------------------------------------------------------------------------------- checkpoints

_STATE = {'backbone.w': torch.arange(12.0).reshape(3, 4), 'head.b': torch.ones(3).half()}


def _saved(**options) -> bytes:
    stream = io.BytesIO()
    torch.save({'meta': {'epoch': 3}, 'state_dict': _STATE}, stream, **options)
    return stream.getvalue()


def _files_in(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _pickle_in(content: bytes) -> bytes:
    files = _files_in(content)
    return files[next(file for file in files if file.endswith('data.pkl'))]


def _packed(inner: bytes) -> bytes:
    """A checkpoint with another pickle in it, and right checksums."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        for file, data in _files_in(_saved()).items():
            archive.writestr(file, inner if file.endswith('data.pkl') else data)
    return stream.getvalue()


def _weights(path: Path) -> dict:
    state = read_checkpoint(path)['state_dict']
    return {key: (str(w.dtype), w.tolist()) for key, w in state.items() if torch.is_tensor(w)}


def _same_weights(path: Path, base: bytes) -> dict:
    return {key: (str(w.dtype), w.tolist()) for key, w in _STATE.items()}


def _described(path: Path) -> list:
    state = read_checkpoint(path)['state_dict']
    return [(key, value) for key, value in state.items() if torch.is_tensor(value)]


def _same_storages(path: Path, base: bytes) -> list:
    """A pickle says how the numbers lie in a tensor; they must be those of the archive."""
    found = _described(path)
    written = [data for name, data in _files_in(path.read_bytes()).items() if '/data/' in name]
    for _, tensor in found:
        held = bytes(tensor.untyped_storage())
        text.demand(any(data.startswith(held) for data in written))
    return found


def _same_names(path: Path, base: bytes) -> list:
    """Where no checksum tells of damage: names come back, or an error, and nothing is changed.

    Which numbers come back cannot be told: torch leaves what memory held where an old file lost a
    storage.
    """
    return [(key, tuple(tensor.shape), tensor.dtype) for key, tensor in _described(path)]


_OPTIONS = {'is_exact': False, 'place': ANY, 'is_binary': True, 'may_unpickle': True}
CHECKPOINTS = [
    Kind('checkpoint', 'a.pth', [_saved()], _weights, _same_weights, **_OPTIONS),
    Kind('pickle in checkpoint', 'a.pth', [_pickle_in(_saved()), pickle.dumps(Attack(), 2)],
         _described, _same_storages, wrap=_packed, **_OPTIONS),
    Kind('old checkpoint', 'a.pth',
         [_saved(_use_new_zipfile_serialization=False), pickle.dumps({'state_dict': Attack()})],
         partial(_same_names, base=b''), _same_names, **_OPTIONS),
]  # fmt: skip


def binary_kinds(scratch: Path) -> list[Kind]:
    """All of them; ``scratch`` is an empty folder."""
    return [
        *array_kinds(scratch),
        *bank_kinds(scratch),
        PROPOSALS,
        *detection_kinds(scratch),
        *CHECKPOINTS,
    ]
