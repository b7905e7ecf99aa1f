"""The kinds of text files: AVA's, lists of videos and clips, JSON."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from functools import partial
from pathlib import Path

import json_references as strict_json
import text_references as text
from kinds import ANY, FIELD, Kind, alone
from mutations import BYTE_ORDER_MARK

from mmlt.evaluation.runs.read import read_run
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.class_split import read_split
from mmlt.fileio.clip_lists import count_training_clips, read_class_names
from mmlt.fileio.label_map import read_label_map
from mmlt.fileio.videolt_lists import read_video_ids, read_videolt_counts, read_videolt_list
from mmlt.functional import read_ava_csv, read_ava_kinetics_csv, read_excluded_timestamps

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
_KINETICS_CSVS = [
    *_CSVS,
    b'nobody_000001_000011,5.000000\n-5KQ66BBWC4,1798.9,0,0,.5,1,2\nclip_000002_000012,7,,,,,\n'
    b'clip_000002_000012,8.5,0.1,0.2,0.3,0.4,5,\nclip_000002_000012,8,0.1,0.2,0.3,0.4,5,-1\n',
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


def rows_of(boxes) -> list:
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
    Kind('ava csv', 'boxes.csv', _CSVS, lambda p: rows_of(read_ava_csv(p)), alone(text.ava_csv)),
    Kind('ava-kinetics csv', 'train.csv', _KINETICS_CSVS,
         lambda p: rows_of(read_ava_kinetics_csv(p)), alone(text.ava_kinetics_csv)),
    Kind('label map', 'map.pbtxt', [_LABEL_MAP, BYTE_ORDER_MARK + _LABEL_MAP],
         lambda p: list(read_label_map(p).items()),
         alone(lambda p: list(text.label_map(p).items()))),
    Kind('exclusions', 'excluded.csv', [_EXCLUDED, BYTE_ORDER_MARK + _EXCLUDED],
         lambda p: set(read_excluded_timestamps(p)), alone(text.exclusions)),
    Kind('ava csv.gz', 'boxes.csv.gz', [gzip.compress(_ROWS * 40, mtime=0)],
         lambda p: rows_of(read_ava_csv(p)), alone(_unpacked_rows),
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
    lines = text.lines_of(text.decoded(path))
    while lines and not set(lines[-1]) - {' ', '\t'}:
        lines.pop()
    names = [text.name(re.sub('^[ \t]+|[ \t]+$', '', line)) for line in lines]
    text.demand(names and len(set(names)) == len(names))
    return names


LIST_KINDS = [
    Kind('videolt list', 'train.lst', [_LIST], _listed,
         alone(partial(text.videolt_list, num_classes=len(_NAMES)))),
    Kind('video ids', 'train.lst', [_LIST], read_video_ids, alone(text.video_ids)),
    Kind('videolt counts', 'count-labels-train.lst', [_COUNTS], _counted,
         alone(text.videolt_counts)),
    Kind('clip list', 'train.txt', [_CLIPS],
         lambda p: list(count_training_clips(p).counts.values()), alone(text.clip_list)),
    Kind('class names', 'names.txt', [b'bee\nmake a cake\nbat\n'], read_class_names,
         alone(_class_names)),
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
    'format_version': 1,
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
         _class_counts, alone(strict_json.counts), place=FIELD),
    Kind('split.json', 'split.json', [_json(_SPLIT), _json(_SPLIT, indent=1)], _class_split,
         alone(partial(strict_json.split, class_ids=[1, 2, 5, 12])), place=FIELD),
    Kind('metrics.json', 'metrics.json', [_json(_METRICS, indent=1), _json(_CLASSIFIER)],
         lambda p: dict(read_run(p).metrics), alone(strict_json.metrics), place=FIELD),
]  # fmt: skip

TEXT_KINDS = [*AVA_KINDS, *LIST_KINDS, *JSON_KINDS]
