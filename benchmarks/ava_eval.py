"""AVA frame-AP at the size of AVA's validation set, against mmaction2's ``ava_eval``.

Real person boxes come from an AVA CSV; labels beyond its own, detections and scores are
simulated, seeded: 60 classes for each detected box, all values rounded to 4 decimals as
mmaction2 writes them. Each side runs in a process of its own; imports and the loading of arrays
are not counted, the CPU seconds of child processes are.

    python benchmarks/ava_eval.py --annotations ava_val_v2.1_pose_labels.csv
    python benchmarks/ava_eval.py --annotations ... --rows 100000      # a quick look
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import warnings

import numpy as np

import mmlt  # adds a name to numpy 2 that ava_eval needs
from mmlt.functional import (
    AVABoxes,
    ava_boxes_from_score_matrix,
    frame_average_precision,
    read_ava_csv,
)

COUNTS = pathlib.Path(mmlt.__file__).parent / 'resources' / 'ava_v2.2_train_counts.json'
FULL_ROWS = 8_840_000
SIDES = {
    'ava_eval': 'mmaction2 ava_eval, from CSV',
    'arrays': 'mmlt, from AVABoxes',
    'dense': 'mmlt, from boxes x classes',
    'csv': 'mmlt, from CSV',
    'official': "mmlt, 'official', from AVABoxes",
    'read': 'limit: pyarrow reads the CSV, one thread',
    'copy': 'limit: a copy of the AVABoxes',
}


def make_workload(annotations: str, folder: pathlib.Path, num_rows: int, seed: int) -> None:
    """Write truth.csv, detections.csv, excluded.csv, map.pbtxt and the arrays' .npy files."""
    rng = np.random.default_rng(seed)
    classes = json.loads(COUNTS.read_text(encoding='utf-8'))['classes']
    class_ids = np.array([entry['id'] for entry in classes])
    counts = np.array([entry['count'] for entry in classes], dtype=float)
    truth = read_ava_csv(annotations)
    keyframes = np.stack([truth.video_index, truth.timestamps], axis=1)
    keyframes, frame_of_row = np.unique(keyframes, axis=0, return_inverse=True)
    num_keyframes = min(len(keyframes), -(-len(keyframes) * num_rows // FULL_ROWS))
    is_kept = frame_of_row.reshape(-1) < num_keyframes
    frames = frame_of_row.reshape(-1)[is_kept]
    persons, labels = truth.boxes_xyxy_norm[is_kept], truth.labels[is_kept]
    has_label = class_ids == labels[:, None]
    for _ in range(2):
        extra = rng.choice(len(class_ids), len(labels), p=counts / counts.sum())
        has_label[np.arange(len(labels)), np.where(rng.random(len(labels)) < 0.65, extra, -1)] = 1
    person, column = np.nonzero(has_label)
    names = truth.video_names[keyframes[:, 0]]
    _write_csv(
        folder / 'truth.csv',
        [names[frames[person]], keyframes[frames[person], 1], *persons[person].T]
        + [class_ids[column], person % 7],
    )
    num_boxes = num_rows // len(class_ids)
    source = np.flatnonzero(rng.random(len(persons)) < 0.92)[:num_boxes]
    num_false = num_boxes - len(source)
    false = np.sort(rng.random((num_false, 2, 2)), axis=1).reshape(-1, 4)
    boxes = np.concatenate([persons[source], false]) + rng.normal(0, 0.02, (num_boxes, 4))
    boxes = np.clip(boxes, 0, 1)
    boxes = np.concatenate([np.minimum(*_halves(boxes)), np.maximum(*_halves(boxes))], axis=1)
    frame = np.concatenate([frames[source], rng.integers(0, num_keyframes, num_false)])
    logits = rng.normal(
        0,
        2,
        (num_boxes, len(class_ids)),
    ).astype(np.float32)
    logits += np.log(counts / counts.max()).astype(np.float32)
    logits[: len(source)] += 4 * has_label[source]
    order = np.argsort(frame, kind='stable')
    _write_detections(
        folder,
        names,
        keyframes,
        frame[order],
        np.round(boxes[order], 4),
        np.round(1 / (1 + np.exp(-logits[order].astype(float))), 4),
        class_ids,
    )
    excluded = rng.choice(num_keyframes, num_keyframes // 300, replace=False)
    lines = [f'{names[i]},{keyframes[i, 1]:04d}\n' for i in np.sort(excluded)]
    (folder / 'excluded.csv').write_text(''.join(lines), encoding='utf-8')
    items = [f'item {{\n  name: "{c["name"]}"\n  id: {c["id"]}\n}}\n' for c in classes]
    (folder / 'map.pbtxt').write_text(''.join(items), encoding='utf-8')


def _halves(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return boxes[:, :2], boxes[:, 2:]


def _write_detections(folder, names, keyframes, frame, boxes, scores, class_ids) -> None:
    """Save boxes x classes, and the rows as mmaction2 orders them: keyframe, class, box."""
    np.savez(
        folder / 'dense.npz',
        video_ids=names[frame],
        timestamps=keyframes[frame, 1],
        boxes_xyxy_norm=boxes.astype(np.float32),
        scores=scores.astype(np.float32),
        class_ids=class_ids,
    )
    num_boxes, num_classes = scores.shape
    columns = np.broadcast_to(np.arange(num_classes, dtype=np.uint8), scores.shape).reshape(-1)
    of_row = np.repeat(frame.astype(np.int32), num_classes)
    box, column = np.divmod(np.lexsort((columns, of_row)), num_classes)
    _write_csv(
        folder / 'detections.csv',
        [names[frame[box]], keyframes[frame[box], 1], *boxes[box].T]
        + [class_ids[column], scores[box, column]],
    )
    rows = read_ava_csv(folder / 'detections.csv')
    np.savez(folder / 'rows.npz', **rows._asdict())


def _write_csv(path: pathlib.Path, columns: list) -> None:
    import pyarrow as pa
    from pyarrow import csv

    table = pa.table([pa.array(column) for column in columns], [str(i) for i in range(8)])
    options = csv.WriteOptions(include_header=False, quoting_style='none')
    csv.write_csv(table, path, options)


def run_side(side: str, folder: pathlib.Path, repeat: int, serial: bool) -> dict:
    """Prepare one side's input, run it `repeat` times; CPU seconds, peak memory, class -> AP."""
    function = _prepare(side, folder, serial)
    seconds = []
    for _ in range(repeat):
        start = _cpu_seconds()
        per_class = function()
        for process in multiprocessing.active_children():  # ava_eval leaves its pool behind
            process.terminate()
            process.join()
        seconds.append(_cpu_seconds() - start)
    # Not getrusage's peak: Linux counts the memory of the parent into it.
    status = pathlib.Path('/proc/self/status').read_text()
    peak = int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) * 1024 / 1e6
    return dict(
        seconds=statistics.median(seconds), first=seconds[0], megabytes=peak, per_class=per_class
    )


def _cpu_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _prepare(side: str, folder: pathlib.Path, serial: bool):
    detections_csv = folder / 'detections.csv'
    if side == 'ava_eval':
        return lambda: _peer(folder, serial)
    if side == 'read':
        return lambda: _plain_read(detections_csv)
    lines = (folder / 'excluded.csv').read_text(encoding='utf-8').split()
    excluded = [(line.split(',')[0], int(line.split(',')[1])) for line in lines]
    options = dict(excluded=excluded, protocol='official' if side == 'official' else 'mmaction2')
    options['class_ids'] = ids = [c['id'] for c in json.loads(COUNTS.read_text())['classes']]

    def evaluate(detections: AVABoxes, truth: AVABoxes) -> dict:
        result = frame_average_precision(detections, truth, **options)
        return {**dict(zip(map(str, ids), result.per_class.tolist())), 'mean': result.mean}

    if side == 'csv':
        return lambda: evaluate(read_ava_csv(detections_csv), read_ava_csv(folder / 'truth.csv'))
    truth = read_ava_csv(folder / 'truth.csv')
    with np.load(folder / ('dense.npz' if side == 'dense' else 'rows.npz')) as file:
        arrays = {name: file[name] for name in file.files}
    if side == 'dense':
        return lambda: evaluate(ava_boxes_from_score_matrix(**arrays), truth)
    if side == 'copy':
        return lambda: [array.copy() for array in arrays.values()] and {}
    return lambda: evaluate(AVABoxes(**arrays), truth)


def _plain_read(path: pathlib.Path) -> dict:
    from pyarrow import csv

    csv.read_csv(path, csv.ReadOptions(use_threads=False, autogenerate_column_names=True))
    return {}


def _peer(folder: pathlib.Path, serial: bool) -> dict:
    from mmaction.evaluation.functional import ava_utils

    values, compute = [], ava_utils.metrics.compute_average_precision

    def record(precision, recall):
        values.append(compute(precision, recall))
        return values[-1]

    class SerialPool:
        def __init__(self, processes):
            pass

        map = staticmethod(lambda function, items: [function(item) for item in items])

    ava_utils.metrics.compute_average_precision = record
    if serial:
        ava_utils.multiprocessing.Pool = SerialPool
    names = ('map.pbtxt', 'truth.csv', 'excluded.csv')
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        paths = [str(folder / name) for name in names]
        result = ava_utils.ava_eval(str(folder / 'detections.csv'), 'mAP', *paths, verbose=False)
    ids = re.findall(r'Index: (\d+),', printed.getvalue())
    return {**dict(zip(ids, map(float, values))), 'mean': float(result['overall'])}


def _equality(result: dict, peer: dict) -> str:
    """Compare bit for bit; a class that the peer never heard of must be NaN here."""
    ids = [key for key in result if key != 'mean']
    same = sum(
        np.float64(result[i]).tobytes() == np.float64(peer.get(i, np.nan)).tobytes() for i in ids
    )
    ulps = abs(result['mean'] - peer['mean']) / np.spacing(peer['mean'])
    return f'{same} of {len(ids)} classes, mean {ulps:.0f} ulp off'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--annotations', help='AVA CSV whose boxes are the ground truth')
    parser.add_argument('--rows', type=int, default=FULL_ROWS, help='detections to evaluate')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--repeat', type=int, default=3, help='runs of each side but ava_eval')
    parser.add_argument('--serial', action='store_true', help='ava_eval without its 32 processes')
    parser.add_argument('--sides', nargs='+', choices=SIDES, default=list(SIDES))
    parser.add_argument('--child', nargs=2, metavar=('SIDE', 'FOLDER'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        side, folder = args.child
        repeat = 1 if side == 'ava_eval' else args.repeat
        print(json.dumps(run_side(side, pathlib.Path(folder), repeat, args.serial)))
        return
    if not args.annotations:
        parser.error('--annotations is required')
    with tempfile.TemporaryDirectory() as folder:
        make = multiprocessing.get_context('spawn').Process(  # its memory is not ours
            target=make_workload,
            args=(args.annotations, pathlib.Path(folder), args.rows, args.seed),
        )
        make.start()
        make.join()
        results = {}
        for side in args.sides:
            command = [sys.executable, __file__, '--child', side, folder]
            command += ['--repeat', str(args.repeat)] + ['--serial'] * args.serial
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            results[side] = json.loads(output.splitlines()[-1])
        _print_table(results, args.rows)


def _print_table(results: dict, num_rows: int) -> None:
    peer = results.get('ava_eval')
    print(f'{num_rows:,} rows\n')
    print('| side | CPU s | ratio | CPU s, first call | ratio | peak MB | same bits as ava_eval |')
    print('|---|---|---|---|---|---|---|')
    for side, result in results.items():
        times = [result['seconds'], result['first']]
        cells = [f'{t:.2f} | {peer["seconds"] / t:.0f}' if peer else f'{t:.2f} |' for t in times]
        is_rival = peer and side in ('arrays', 'dense', 'csv')
        same = _equality(result['per_class'], peer['per_class']) if is_rival else ''
        print(f'| {SIDES[side]} | {" | ".join(cells)} | {result["megabytes"]:.0f} | {same} |')


if __name__ == '__main__':
    main()
