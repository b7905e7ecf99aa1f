"""Every kind of file that mmlt reads: good ones to mutate, mmlt's reader and the reference."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import binary_references as binary
import json_references as strict_json
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import text_references as text
import torch
from mutations import BYTE_ORDER_MARK

from mmlt.checkpoint_files import read_checkpoint
from mmlt.datasets.box_feature_files import (
    ROW_DTYPE,
    finish_folder,
    make_keyframe_table,
    start_folder,
    write_shard,
)
from mmlt.datasets.box_feature_reader import open_features
from mmlt.datasets.frame_feature_file import open_frame_features
from mmlt.datasets.proposals import read_proposals
from mmlt.evaluation.ava_files import read_label_map
from mmlt.evaluation.classification import read_class_names
from mmlt.evaluation.clip_files import count_training_clips
from mmlt.evaluation.detections_file import read_detections, write_detections
from mmlt.evaluation.run_metrics import read_run
from mmlt.functional import ava_boxes_from_arrays, read_ava_csv, read_excluded_timestamps
from mmlt.functional.class_files import read_class_counts, read_split
from mmlt.functional.videolt_files import read_video_ids, read_videolt_counts, read_videolt_list

#: Where a message says in which line, or in which field, or that the fault is in the whole file.
LINE = r'line \d+|is empty|no video|no class|an empty|not a multiple'
FIELD = rf"{LINE}|classes\[|field \w+|(head|medium|tail)\[|key '|'groups'|'per_class'|left out"
FIELD += r'|nested too deeply|surrogate|not a JSON object'
ANY = ''


class Kind(NamedTuple):
    """One kind of file.

    ``read`` and ``reference`` take the path and give values to compare. Where ``is_exact`` mmlt
    reads what the reference reads and no less; else it may refuse more. ``place`` is what a message
    must say beside the name of the file.
    """

    name: str
    file: str
    bases: Sequence[bytes]
    read: Callable[[Path], Any]
    reference: Callable[[Path, bytes], Any]
    is_exact: bool = True
    place: str = LINE
    is_binary: bool = False
    beside: dict = {}  # other files of the folder: path -> content


def _alone(reference: Callable[[Path], Any]) -> Callable[[Path, bytes], Any]:
    return lambda path, base: reference(path)


# ------------------------------------------------------------------------------- text of AVA

_ROWS = b"""1j20qq1JyX4,0902,0.002,0.118,0.714,0.977,12,1
1j20qq1JyX4,0902,0.002,0.118,0.714,0.977,79,1
0x10abc-_D4,903,.5,0.25,5e-1,1.0,80,0.75
-5KQ66BBWC4,1798,0.0,0,1,0.999999999999999999,1,0.0001
"""
_CSVS = [
    _ROWS,
    _ROWS.replace(b'\n', b'\r\n'),
    BYTE_ORDER_MARK + _ROWS + b'\n\n',
    b'\n'.join(line.rpartition(b',')[0] for line in _ROWS.splitlines()),
    _ROWS.replace(b'0902', b'902.0'),
    b'\n'.join(b'"%b",%b' % tuple(line.split(b',', 1)) for line in _ROWS.splitlines()),
    b'"clip",902,0.1,0.2,0.3,0.4,5,0.5\n"a, b",902,0.1,0.2,0.3,0.4,5,"0.5"\n',
    '\u00fcn\u00ef \u6f22,902,-0.01,0.2,1.02,0.4,5,-3.5\nNA,902,0.1,0.2,0.3,0.4,5,0.5\n'.encode(),
]
_LABEL_MAP = b"""# AVA's
item {
  name: "bend/bow (at the waist)"
  id: 1
}
item {
  name: "it\\'s"
  id: 12
}
label { name: 'answer phone' label_id: 17; label_type: PERSON_MOVEMENT }
"""
_EXCLUDED = b'-5KQ66BBWC4,0902\n1j20qq1JyX4,1500\n\n"a, b",903\n'


def _boxes(boxes) -> list:
    return list(
        zip(
            boxes.video_names[boxes.video_index].tolist(),
            boxes.timestamps.tolist(),
            map(tuple, boxes.boxes_xyxy_norm.tolist()),
            boxes.labels.tolist(),
            boxes.scores.tolist(),
        )
    )


def _unpacked_rows(path: Path):
    try:
        return text.ava_rows(gzip.decompress(path.read_bytes()).decode('utf-8-sig'))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise text.Refused from error


AVA_KINDS = [
    Kind('ava csv', 'boxes.csv', _CSVS, lambda p: _boxes(read_ava_csv(p)), _alone(text.ava_csv)),
    Kind('label map', 'map.pbtxt', [_LABEL_MAP, BYTE_ORDER_MARK + _LABEL_MAP],
         lambda p: list(read_label_map(p).items()),
         _alone(lambda p: list(text.label_map(p).items()))),
    Kind('exclusions', 'excluded.csv', [_EXCLUDED, BYTE_ORDER_MARK + _EXCLUDED],
         lambda p: set(read_excluded_timestamps(p)), _alone(text.exclusions)),
    Kind('ava csv.gz', 'boxes.csv.gz', [gzip.compress(_ROWS * 40, mtime=0)],
         lambda p: _boxes(read_ava_csv(p)), _alone(_unpacked_rows),
         is_exact=False, place=ANY, is_binary=True),
]  # fmt: skip

# ---------------------------------------------------------------------------- lists of videos

_NAMES = {index: f'class {index}' for index in range(4)}
_LIST = b'-6QuS_vfVPQ 0\n8399989318 1,0\n\nsub/a.b\t3\n'
_COUNTS = b"cat'sCradle 1 50.0\nbee 0 269.0\nmake a cake 3 7\nbat 2 0\n"
_CLIPS = b'a.mp4 0\nsome/b.mp4 2 0\n\tc.mp4   11\n'


def _listed(path: Path) -> list:
    return [(video.video_id, video.labels) for video in read_videolt_list(path, _NAMES)]


def _counted(path: Path) -> list:
    found = read_videolt_counts(path)
    return [(found.names[i], found.counts[i]) for i in range(len(found.names))]


def _class_names(path: Path) -> list:
    names = [line.strip() for line in text.lines_of(text.decoded(path))]
    while names and not names[-1]:
        names.pop()
    text.demand(names and all(names) and len(set(names)) == len(names))
    return names


LIST_KINDS = [
    Kind('videolt list', 'train.lst', [_LIST], _listed,
         _alone(partial(text.videolt_list, num_classes=len(_NAMES)))),
    Kind('video ids', 'train.lst', [_LIST], read_video_ids, _alone(text.video_ids)),
    Kind('videolt counts', 'count-labels-train.lst', [_COUNTS], _counted,
         _alone(text.videolt_counts)),
    Kind('clip list', 'train.txt', [_CLIPS],
         lambda p: list(count_training_clips(p).counts.values()), _alone(text.clip_list)),
    Kind('class names', 'names.txt', [b'bee\nmake a cake\nbat\n'], read_class_names,
         _alone(_class_names)),
]  # fmt: skip

# --------------------------------------------------------------------------------------- JSON

_COUNT_FILE = {
    'source': 'rows of "a.csv"',
    'unit': 'boxes',
    'classes': [{'id': i, 'name': f'cl\u00e4ss {i}', 'count': 10**i} for i in (1, 2, 12)],
}
_SPLIT = {'source': 'by hand', 'head': [1], 'medium': [2, 5], 'tail': [12]}
_CLASS = {'id': 1, 'num_boxes': 7, 'num_train': 100, 'AP': 0.5, 'SAP': 0.75, 'SAP_std': 0.01,
          'SAP_sampled': 0.74, 'AUC': None, 'group': 'head'}  # fmt: skip
_MEANS = {'mSAP': 0.75, 'frame_mAP': 0.5, 'mAUC': None}
_METRICS = {
    'protocol': 'mmaction2', 'capacity': None, **_MEANS, 'mSAP_sampled': 0.74, 'num_keyframes': 9,
    'num_boxes': 7, 'pool': 'boxes', 'num_trials': 15, 'seed': 0, 'train_counts_source': 'a',
    'split_source': None, 'num_videos': 3, 'missing_score_ratio': 0.25,
    'groups': {'head': {'num_classes': 1, **_MEANS}}, 'per_class': {'walk': _CLASS},
}  # fmt: skip
_RECALLS = {'mAP': 0.5, 'mean_recall@1': 1.0, 'mean_recall@5': 1}
_CLASSIFIER = {
    'task': 'classification', **_RECALLS, 'acc@1': 0.5, 'acc@5': None, 'num_samples': 4,
    'train_counts_source': None, 'split_source': None, 'groups': {},
    'per_class': {'bee': {'id': 0, 'num_samples': 4, 'num_train': None, 'AP': 0.5, 'recall@1': 1.0,
                          'recall@5': 0, 'group': None}},
}  # fmt: skip


def _json(content: dict, **options) -> bytes:
    return json.dumps(content, **options).encode()


def _class_counts(path: Path) -> tuple:
    found = read_class_counts(path)
    classes = [(i, (found.names[i], count)) for i, count in found.counts.items()]
    return found.source, found.unit, classes


def _class_split(path: Path) -> tuple:
    found = read_split(path, [1, 2, 5, 12])
    return found.source, list(found.groups.items())


JSON_KINDS = [
    Kind('counts.json', 'counts.json',
         [_json(_COUNT_FILE, indent=1), _json(_COUNT_FILE, ensure_ascii=False)],
         _class_counts, _alone(strict_json.counts), place=FIELD),
    Kind('split.json', 'split.json', [_json(_SPLIT), _json(_SPLIT, indent=1)], _class_split,
         _alone(partial(strict_json.split, class_ids=[1, 2, 5, 12])), place=FIELD),
    Kind('metrics.json', 'metrics.json', [_json(_METRICS, indent=1), _json(_CLASSIFIER)],
         lambda p: dict(read_run(p).metrics), _alone(strict_json.metrics), place=FIELD),
]  # fmt: skip

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


def _opened_boxes(path: Path, depth: int) -> tuple:
    found = open_features(path.parents[depth])
    features = found.read(np.arange(len(found.rows))).numpy()
    keyframes = found.keyframes.tolist()
    return found.meta, keyframes, *(binary.plain(a) for a in (features, found.labels, found.rows))


def array_kinds(scratch: Path) -> list[Kind]:
    """Features of frames and of boxes; one kind for each file of the folder."""
    kinds = [
        Kind('frame features', 'video.npy', [_npy(array) for array in _ARRAYS],
             lambda p: binary.plain(open_frame_features(p)), _alone(binary.frame_features),
             is_exact=False, place=ANY, is_binary=True)
    ]  # fmt: skip
    files = _box_folder(scratch / 'box_features')
    for file in files:
        depth = file.count('/')
        if file.startswith('shard_00001'):
            continue  # as the first shard's
        kinds.append(
            Kind(f'boxes: {file.removeprefix("shard_00000/")}', file, [files[file]],
                 partial(_opened_boxes, depth=depth),
                 _alone(lambda path, depth=depth: binary.box_features(path.parents[depth])),
                 is_exact=False, place=ANY, is_binary=file.endswith('.npy'), beside=files)
        )  # fmt: skip
    return kinds


# ----------------------------------------------------------------------------------- proposals

_PROPOSALS = {
    'one,0902': np.array([[0.1, 0.2, 0.5, 0.9, 0.95], [0, 0, 1, 1, 0.1]], np.float32),
    'one,903': np.array([[0.1, 0.2, 1.02, 0.9, 0.5]]),
    'another,01000': np.array([[0.25, 0.25, 0.5, 0.5]], '>f4'),
    'none,0902': np.zeros((0, 5)),
}


class Attack:
    """Unpickles into a call of the shell."""

    def __reduce__(self):
        import os

        return os.system, ('touch harm',)


def _proposals(path: Path) -> dict:
    return {key: (boxes.dtype.str, boxes.tolist()) for key, boxes in read_proposals(path).items()}


PROPOSALS = Kind(
    'proposals', 'proposals.pkl',
    [pickle.dumps(_PROPOSALS, protocol) for protocol in (0, 2, 4, 5)]
    + [pickle.dumps({'one,0902': Attack()})],
    _proposals, _alone(binary.proposals), is_exact=False, place=ANY, is_binary=True,
)  # fmt: skip

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
    rows = _boxes(read_detections(path))
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
        expected[content] = _boxes(read_detections(scratch / f'{number}.parquet'))
    options = dict(is_exact=False, place=ANY, is_binary=True)
    return [
        Kind('detections', 'd.parquet', ours, lambda p: _boxes(read_detections(p)),
             partial(_same_detections, expected), **options),
        Kind('detections of others', 'd.parquet', [_foreign_detections()],
             lambda p: _boxes(read_detections(p)), _lawful_detections, **options),
    ]  # fmt: skip


# --------------------------------------------------------------------------------- checkpoints

_STATE = {'backbone.w': torch.arange(12.0).reshape(3, 4), 'head.b': torch.ones(3).half()}


def _saved(**options) -> bytes:
    stream = io.BytesIO()
    torch.save({'meta': {'epoch': 3}, 'state_dict': _STATE}, stream, **options)
    return stream.getvalue()


def _weights(path: Path) -> dict:
    state = read_checkpoint(path)['state_dict']
    return {key: (str(w.dtype), w.tolist()) for key, w in state.items() if torch.is_tensor(w)}


def _same_weights(path: Path, base: bytes) -> dict:
    return {key: (str(w.dtype), w.tolist()) for key, w in _STATE.items()}


def _some_weights(path: Path, base: bytes) -> dict:
    """Without checksums nobody can tell: a state dict comes back, or an error."""
    return _weights(path)


CHECKPOINTS = [
    Kind('checkpoint', 'a.pth', [_saved()], _weights, _same_weights,
         is_exact=False, place=ANY, is_binary=True),
    Kind('old checkpoint', 'a.pth',
         [_saved(_use_new_zipfile_serialization=False), pickle.dumps({'state_dict': Attack()})],
         _weights, _some_weights, is_exact=False, place=ANY, is_binary=True),
]  # fmt: skip


def pickle_in_archive(content: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The pickle in a checkpoint, and how to put another in its place with a right checksum."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    inner = next(file for file in files if file.endswith('data.pkl'))

    def packed(other: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, 'w') as archive:
            for file, data in {**files, inner: other}.items():
                archive.writestr(file, data)
        return stream.getvalue()

    return files[inner], packed


def all_kinds(scratch: Path) -> list[Kind]:
    """All of them; ``scratch`` is an empty folder."""
    kinds = [*AVA_KINDS, *LIST_KINDS, *JSON_KINDS, *array_kinds(scratch), PROPOSALS]
    return [*kinds, *detection_kinds(scratch), *CHECKPOINTS]
