"""The hand-made world (tests/data/hand_world): four persons, every detection box exact.

Scores of persons P1 (v,1), P2 (v,1), P3 (v,2), P4 (w,1), positives marked with *:

- stand:  .9*  .3*  .6   .8*   ranks P1 P4 P3 P2: AP over whole pool 1, 1, 3/4
- sit:    .7   .4*  .2*  .1    ranks P1 P2 P3 P4: 1/2, 2/3
- wave:   .5   .5   .5   .5    nobody waves
- lie:    .9   .2   .1   .5*   ranks P1 P4 P2 P3: 1/2

frame-AP (interpolated; 3, 2 and 1 annotated): stand (1 + 1 + 3/4)/3 = 11/12; sit 2/3 twice = 2/3;
lie 1/2.
SAP: stand draws min(3, 1) = 1 of 1 negatives, so it is the plain AP, 11/12; sit draws 2 of 2:
(1/2 + 2/3)/2 = 7/12; lie draws 1 of 3, one of which is above P4: 2/3 * 1 + 1/3 * 1/2 = 5/6.
ROC-AUC: stand 2 of 3 pairs; sit 2 of 4; lie 2 of 3.
"""

from __future__ import annotations

import csv
import json
import math
import multiprocessing
import os
from pathlib import Path

import pytest

from mmlt.evaluation.ava import check_options, evaluate_ava
from mmlt.evaluation.runs.folder import write_results
from mmlt.fileio.class_counts import ClassCounts
from mmlt.fileio.class_split import ClassSplit
from mmlt.functional import AVABoxes, ava_boxes_from_arrays, read_ava_csv

WORLD = Path(__file__).parents[1] / 'data' / 'hand_world'
LABEL_MAP = {1: 'stand', 2: 'sit', 5: 'wave (a hand)', 7: 'lie/sleep'}
COUNTS = ClassCounts('by hand', 'boxes', LABEL_MAP, {1: 3, 2: 1, 5: 0, 7: 1})


def _rows(boxes: AVABoxes, keep) -> AVABoxes:
    return AVABoxes(
        boxes.video_index[keep],
        boxes.video_names,
        boxes.timestamps[keep],
        boxes.boxes_xyxy_norm[keep],
        boxes.labels[keep],
        boxes.scores[keep],
    )


@pytest.fixture
def detections() -> AVABoxes:
    return read_ava_csv(WORLD / 'detections.csv')


@pytest.fixture
def truth() -> AVABoxes:
    return read_ava_csv(WORLD / 'ground_truth.csv')


def test_every_number_by_hand(detections, truth):
    metrics = evaluate_ava(detections, truth, LABEL_MAP)
    per_class = metrics['per_class']
    assert list(per_class) == ['stand', 'sit', 'wave (a hand)', 'lie/sleep']
    expected = {
        'stand': (1, 3, 11 / 12, 11 / 12, 2 / 3),
        'sit': (2, 2, 2 / 3, 7 / 12, 1 / 2),
        'wave (a hand)': (5, 0, None, None, None),
        'lie/sleep': (7, 1, 1 / 2, 5 / 6, 2 / 3),
    }
    for name, (class_id, num_boxes, ap, sap, auc) in expected.items():
        row = per_class[name]
        assert (row['id'], row['num_boxes']) == (class_id, num_boxes)
        assert row['AP'] == pytest.approx(ap, abs=1e-12)
        assert row['SAP'] == pytest.approx(sap, abs=1e-12)
        assert row['AUC'] == pytest.approx(auc, abs=1e-12)
        assert (row['num_train'], row['group']) == (None, None)
    assert metrics['frame_mAP'] == pytest.approx(25 / 36, abs=1e-12)
    assert metrics['mSAP'] == pytest.approx(7 / 9, abs=1e-12)
    assert metrics['mAUC'] == pytest.approx(11 / 18, abs=1e-12)
    assert (metrics['num_keyframes'], metrics['num_boxes']) == (3, 4)


def test_what_was_cut_or_made_the_groups_is_recorded(detections, truth):
    metrics = evaluate_ava(
        detections, truth, LABEL_MAP, train_counts=COUNTS, head_min=2, tail_max=0
    )
    assert (metrics['head_min'], metrics['tail_max']) == (2, 0)
    assert metrics['no_score_ratio'] == metrics['missing_score_ratio'] == 0
    assert metrics['tied_score_ratio'] == 4 / 16  # all four persons wave with .5
    for pool in ('boxes', 'detections'):
        # P4 is not found at all, P3 has lost three of four classes.
        cut = evaluate_ava(_rows(detections, slice(0, 9)), truth, LABEL_MAP, pool=pool)
        assert cut['no_score_ratio'] == 7 / 16
        assert cut['missing_score_ratio'] == 3 / 12
        assert cut['tied_score_ratio'] == 2 / 9
    split = ClassSplit('gap', {'head': (7, 1), 'tail': (2, 5)})
    for options in ({}, {'split': split}, {'split': split, 'train_counts': COUNTS}):
        metrics = evaluate_ava(detections, truth, LABEL_MAP, **options)
        assert (metrics['head_min'], metrics['tail_max']) == (None, None)


def test_sampled_form_by_hand(detections, truth):
    per_class = evaluate_ava(detections, truth, LABEL_MAP, num_trials=15, seed=3)['per_class']
    # stand and sit draw all their negatives in each trial.
    for name, sap in (('stand', 11 / 12), ('sit', 7 / 12)):
        assert per_class[name]['SAP_sampled'] == pytest.approx(sap, abs=1e-12)
        assert per_class[name]['SAP_std'] == pytest.approx(0, abs=1e-12)
    # lie is 1/2 in the share p of trials that drew P1, else 1.
    row = per_class['lie/sleep']
    p = 2 * (1 - row['SAP_sampled'])
    assert p * 15 == pytest.approx(round(p * 15), abs=1e-9)
    assert row['SAP_std'] == pytest.approx(math.sqrt(p * (1 - p)) / 2, abs=1e-9)
    assert per_class['wave (a hand)']['SAP_sampled'] is None
    assert per_class['wave (a hand)']['SAP_std'] is None


def test_groups_by_training_counts(detections, truth):
    metrics = evaluate_ava(
        detections, truth, LABEL_MAP, train_counts=COUNTS, head_min=2, tail_max=0
    )
    groups = metrics['groups']
    assert list(groups) == ['head', 'medium', 'tail']
    assert groups['head']['num_classes'] == 1
    assert groups['head']['frame_mAP'] == pytest.approx(11 / 12, abs=1e-12)
    assert groups['medium']['num_classes'] == 2
    assert groups['medium']['frame_mAP'] == pytest.approx(7 / 12, abs=1e-12)
    assert groups['medium']['mSAP'] == pytest.approx(17 / 24, abs=1e-12)
    assert groups['medium']['mAUC'] == pytest.approx(7 / 12, abs=1e-12)
    undefined = ('frame_mAP', 'frame_mAP_undetected_as_zero', 'mSAP', 'mAUC')
    assert groups['tail'] == {'num_classes': 1, **dict.fromkeys(undefined)}
    rows = metrics['per_class'].values()
    assert [row['group'] for row in rows] == ['head', 'medium', 'tail', 'medium']
    assert [row['num_train'] for row in rows] == [3, 1, 0, 1]
    assert (metrics['train_counts_source'], metrics['split_source']) == ('by hand', None)


def test_a_split_file_goes_before_counts(detections, truth):
    split = ClassSplit('gap', {'head': (7, 1), 'tail': (2, 5)})
    metrics = evaluate_ava(detections, truth, LABEL_MAP, train_counts=COUNTS, split=split)
    assert list(metrics['groups']) == ['head', 'tail']
    assert metrics['groups']['head']['frame_mAP'] == pytest.approx(17 / 24, abs=1e-12)
    assert metrics['groups']['tail']['frame_mAP'] == pytest.approx(2 / 3, abs=1e-12)
    assert metrics['per_class']['lie/sleep']['group'] == 'head'
    assert metrics['per_class']['lie/sleep']['num_train'] == 1
    assert (metrics['train_counts_source'], metrics['split_source']) == ('by hand', 'gap')


def test_no_groups_without_counts_or_split(detections, truth):
    metrics = evaluate_ava(detections, truth, LABEL_MAP)
    assert metrics['groups'] == {}
    assert (metrics['train_counts_source'], metrics['split_source']) == (None, None)


def test_a_class_that_was_never_detected(detections, truth):
    without_lie = _rows(detections, detections.labels != 7)
    ours = evaluate_ava(without_lie, truth, LABEL_MAP, protocol='mmaction2')
    assert ours['per_class']['lie/sleep']['AP'] is None
    assert ours['frame_mAP'] == pytest.approx(19 / 24, abs=1e-12)
    assert ours['capacity'] is None
    official = evaluate_ava(without_lie, truth, LABEL_MAP, protocol='official', capacity=50)
    assert official['per_class']['lie/sleep']['AP'] == 0
    assert official['frame_mAP'] == pytest.approx(19 / 36, abs=1e-12)
    assert official['capacity'] == 50
    # Its one person is never retrieved, whatever the protocol.
    assert official['per_class']['lie/sleep']['SAP'] == 0
    assert official['per_class']['lie/sleep']['AUC'] == 0.5  # all -inf: ties


def test_excluded_keyframes(detections, truth):
    metrics = evaluate_ava(detections, truth, LABEL_MAP, excluded=[('w', 1)])
    # Without P4: stand draws P3 for P1 and P2: (1 + 2/3)/2; sit (1/2 + 2/3)/2 over P1 or not.
    assert metrics['per_class']['stand']['SAP'] == pytest.approx(5 / 6, abs=1e-12)
    assert metrics['per_class']['stand']['num_boxes'] == 2
    assert metrics['per_class']['lie/sleep']['SAP'] is None
    assert (metrics['num_keyframes'], metrics['num_boxes']) == (2, 3)


def test_persons_without_an_evaluated_label_are_in_the_pool(detections, truth):
    metrics = evaluate_ava(detections, truth, {7: 'lie/sleep'})
    assert metrics['per_class']['lie/sleep']['SAP'] == pytest.approx(5 / 6, abs=1e-12)
    assert metrics['num_boxes'] == 4


def test_pool_of_detections_counts_false_boxes_too(detections, truth):
    names = [str(detections.video_names[index]) for index in detections.video_index]
    both = ava_boxes_from_arrays(
        [*names, 'v'],
        [*detections.timestamps, 2],
        [*detections.boxes_xyxy_norm, [0.9, 0.9, 1.0, 1.0]],
        [*detections.labels, 7],
        [*detections.scores, 0.95],
    )
    boxes = evaluate_ava(both, truth, LABEL_MAP, pool='boxes')
    assert boxes['per_class']['lie/sleep']['SAP'] == pytest.approx(5 / 6, abs=1e-12)
    wide = evaluate_ava(both, truth, LABEL_MAP, pool='detections')
    # Two of four negatives are above P4 now.
    assert wide['per_class']['lie/sleep']['SAP'] == pytest.approx(3 / 4, abs=1e-12)
    assert wide['per_class']['stand']['SAP'] == pytest.approx(11 / 12, abs=1e-12)
    assert (wide['pool'], wide['num_boxes'], wide['num_keyframes']) == ('detections', 4, 3)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ({}, None),
        ({'excluded': [('v', 1), ('w', 1)], 'train_counts': COUNTS}, None),
        ({'protocol': 'coco'}, 'protocol.*coco'),
        ({'num_trials': 0}, 'num_trials.*0'),
        ({'head_min': 5, 'tail_max': 6, 'train_counts': COUNTS}, 'tail_max.*6'),
        ({'excluded': [('v', 1), ('v', 2), ('w', 1)]}, 'ground_truth: no box of a class'),
    ],
)
def test_options_can_be_checked_before_there_are_detections(truth, option, message):
    if message is None:
        check_options(truth, LABEL_MAP, **option)
    else:
        with pytest.raises(ValueError, match=message):
            check_options(truth, LABEL_MAP, **option)


def test_nothing_to_evaluate_is_an_error(detections, truth):
    with pytest.raises(ValueError, match='ground_truth: no box of a class of the label map'):
        evaluate_ava(detections, truth, {99: 'unknown'})


@pytest.mark.parametrize(
    ('option', 'message'),
    [({'protocol': 'coco'}, 'protocol.*coco'), ({'pool': 'all'}, 'pool.*all')],
)
def test_bad_options_are_named(detections, truth, option, message):
    with pytest.raises(ValueError, match=message):
        evaluate_ava(detections, truth, LABEL_MAP, **option)


def test_results_as_files(tmp_path, detections, truth):
    metrics = evaluate_ava(
        detections, truth, LABEL_MAP, train_counts=COUNTS, head_min=2, tail_max=0
    )
    json_file, csv_file = write_results(metrics, tmp_path / 'new' / 'run')

    def refuse(constant):
        raise AssertionError(f'{constant} is not strict JSON')

    found = json.loads(json_file.read_text(), parse_constant=refuse)
    assert found == {'format_version': 1, **metrics}
    lines = csv_file.read_text().splitlines()
    assert lines[0] == 'name,id,group,num_train,num_boxes,AP,SAP,SAP_std,SAP_sampled,AUC'
    assert lines[3] == 'wave (a hand),5,tail,0,0,,,,,'
    with open(csv_file, newline='') as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for key in ('AP', 'SAP', 'SAP_std', 'SAP_sampled', 'AUC'):
            value = float(row[key]) if row[key] else None
            assert value == metrics['per_class'][row['name']][key]  # to the last bit
    assert sorted(os.listdir(json_file.parent)) == ['metrics.json', 'per_class.csv']


def test_existing_results_stay(tmp_path, detections, truth):
    metrics = evaluate_ava(detections, truth, LABEL_MAP)
    (tmp_path / 'per_class.csv').write_text('mine')
    with pytest.raises(FileExistsError, match='per_class.csv'):
        write_results(metrics, tmp_path)
    assert os.listdir(tmp_path) == ['per_class.csv']
    assert (tmp_path / 'per_class.csv').read_text() == 'mine'
    write_results(metrics, tmp_path, overwrite=True)
    found = json.loads((tmp_path / 'metrics.json').read_text())
    assert found == {'format_version': 1, **metrics}


def test_a_class_name_with_a_comma(tmp_path, detections, truth):
    name = 'open (e.g., a "window", a car door)'
    json_file, csv_file = write_results(evaluate_ava(detections, truth, {1: name}), tmp_path)
    with open(csv_file, newline='') as file:
        assert [row['name'] for row in csv.DictReader(file)] == [name]


def _write_many(folder, barrier, queue, seed):
    metrics = {'seed': seed, 'filler': ['x' * 1000] * 200, 'per_class': {}}
    for number in range(40):
        barrier.wait()
        try:
            write_results(metrics, folder / str(number))
            queue.put((number, seed))
        except FileExistsError:
            pass


def test_two_processes_writing_to_one_folder(tmp_path):
    context = multiprocessing.get_context('fork')
    barrier, queue = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=_write_many, args=(tmp_path, barrier, queue, seed))
        for seed in (1, 2)
    ]
    for worker in workers:
        worker.start()
    winners = [queue.get(timeout=60) for _ in range(40)]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert queue.empty()
    assert sorted(number for number, _ in winners) == list(range(40))
    for number, seed in winners:
        folder = tmp_path / str(number)
        assert json.loads((folder / 'metrics.json').read_text())['seed'] == seed
        assert sorted(os.listdir(folder)) == ['metrics.json', 'per_class.csv']
