from __future__ import annotations

import json
import math

import pytest

from mmlt.evaluation.runs.read import Run, compare_runs, join_classes, read_run, share_classes
from mmlt.evaluation.runs.tasks import CLASSIFICATION


def _rewrite(folder, change):
    file = folder / 'metrics.json'
    metrics = json.loads(file.read_text())
    change(metrics)
    file.write_text(json.dumps(metrics))
    return file


def _run(name, **entries):
    """A run of three-key classes: name -> (num_train, num_boxes, SAP)."""
    per_class = {
        key: {'id': i, 'group': None, 'num_train': train, 'num_boxes': boxes, 'SAP': sap}
        for i, (key, (train, boxes, sap)) in enumerate(entries.items())
    }
    same = dict.fromkeys(('protocol', 'capacity', 'pool', 'num_keyframes', 'num_boxes'), 1)
    return Run(name, {**same, 'per_class': per_class})


def test_reads_a_folder_and_a_file(make_run):
    folder = make_run('baseline')
    assert read_run(folder) == read_run(folder / 'metrics.json')
    assert read_run(folder).name == 'baseline'
    assert read_run(folder, 'ours').name == 'ours'
    assert len(read_run(folder).metrics['per_class']) == 60


def test_results_of_a_classifier(make_classifier_run, make_classifier_metrics):
    folder = make_classifier_run('clips', make_classifier_metrics())
    run = read_run(folder)
    assert run.task is CLASSIFICATION and run.metrics == make_classifier_metrics()
    rows = join_classes([run])
    assert [(row.name, row.num_train, row.num_tested) for row in rows[:2]] == [
        ('action 0', 600, 2),
        ('action 1', 150, 2),
    ]
    _rewrite(folder, lambda metrics: metrics.update({'acc@1': 53.2}))
    with pytest.raises(ValueError, match=r"key 'acc@1' must be fraction in \[0, 1\] or null"):
        read_run(folder)
    _rewrite(folder, lambda metrics: metrics.update({'acc@1': None}))
    _rewrite(folder, lambda metrics: metrics['per_class']['action 3'].pop('recall@5'))
    with pytest.raises(ValueError, match="'per_class', 'action 3': key 'recall@5' is missing"):
        read_run(folder)


def test_another_task_is_refused(make_run):
    file = _rewrite(make_run('clips'), lambda metrics: metrics.update(task='retrieval'))
    with pytest.raises(ValueError, match="'task' must be 'classification', or .*'retrieval'") as e:
        read_run(file)
    assert str(file) in str(e.value)


def test_a_newer_format_is_refused_and_an_older_one_is_read(make_run):
    folder = make_run('baseline')  # without the key, as older versions wrote it
    old = read_run(folder)
    file = _rewrite(folder, lambda metrics: metrics.update(format_version=1))
    assert read_run(folder) == old
    _rewrite(folder, lambda metrics: metrics.update(format_version=2))
    with pytest.raises(
        ValueError, match="'format_version' must be at most 1, .* got 2: update"
    ) as e:
        read_run(folder)
    assert str(e.value).startswith(f'{file}: ')


def test_classifiers_on_other_samples_are_noted(make_classifier_metrics):
    metrics = make_classifier_metrics()
    runs = [Run('a', metrics), Run('b', {**metrics, 'num_samples': 3})]
    assert compare_runs(runs, join_classes(runs)) == [
        'The runs were not evaluated alike: num_samples differs (a: 12, b: 3).'
    ]


def test_classes_are_ordered_by_training_count_then_boxes():
    rows = join_classes([_run('a', few=(5, 90, 0.1), none=(None, 99, 0.2), many=(70, 3, 0.3),
                              more=(5, 91, 0.4))])  # fmt: skip
    assert [row.name for row in rows] == ['many', 'more', 'few', 'none']


def test_classes_are_ordered_by_boxes_without_counts():
    rows = join_classes([_run('a', few=(None, 9, 0.1), many=(None, 30, 0.2))])
    assert [row.name for row in rows] == ['many', 'few']


def test_union_of_classes_and_gain():
    first = _run('a', x=(9, 9, 0.25), y=(8, 8, None), only_a=(7, 7, 0.5))
    second = _run('b', x=(9, 9, 0.75), y=(8, 8, 0.5), only_b=(6, 6, 0.5))
    rows = join_classes([first, second])
    assert [row.name for row in rows] == ['x', 'y', 'only_a', 'only_b']
    assert rows[0].gain(1, 'SAP') == 0.5
    assert all(math.isnan(row.gain(1, 'SAP')) for row in rows[1:])
    notes = compare_runs([first, second], rows)
    assert len(notes) == 1
    assert '2 classes are not in every run (a lacks 1, b lacks 1)' in notes[0]


def test_counts_and_group_come_from_the_first_run_that_knows_them():
    rows = join_classes([_run('a', x=(None, 3, 0.1)), _run('b', x=(12, 4, 0.1))])
    assert (rows[0].num_train, rows[0].num_tested) == (12, 3)


def test_alike_runs_have_no_notes(make_metrics):
    runs = [Run('a', make_metrics(seed=1)), Run('b', make_metrics(seed=1, tail_gain=0.1))]
    assert compare_runs(runs, join_classes(runs)) == []


def test_notes_name_what_differs(make_metrics):
    runs = [Run('a', make_metrics()), Run('b', {**make_metrics(), 'protocol': 'official'})]
    notes = compare_runs(runs, join_classes(runs))
    assert len(notes) == 1
    assert 'protocol differs (a: mmaction2, b: official)' in notes[0]


def test_notes_name_other_training_counts(make_metrics):
    other = make_metrics(with_counts=False)
    runs = [Run('a', make_metrics()), Run('b', other)]
    notes = compare_runs(runs, join_classes(runs))
    assert [note.split(' between')[0] for note in notes] == ['Training counts differ',
                                                             'Groups differ']  # fmt: skip


def _set(metrics, path, value):
    *parents, key = path
    for parent in parents:
        metrics = metrics[parent]
    metrics[key] = value


@pytest.mark.parametrize(
    ('path', 'value', 'message'),
    [
        (['protocol'], 3, "'protocol' must be text, got 3"),
        (['capacity'], 'all', "'capacity' must be count or null, got 'all'"),
        (['mSAP'], 47.8, r"'mSAP' must be fraction in \[0, 1\] or null, got 47.8"),
        (['num_boxes'], -1, "'num_boxes' must be count, got -1"),
        (['num_boxes'], True, "'num_boxes' must be count, got True"),
        (['groups'], [], r"'groups' must be an object, got \[\]"),
        (['groups', 'rare'], {}, "'groups' must be one of head, medium, tail, got 'rare'"),
        (['groups', 'head'], 3, "'groups', 'head' must be an object, got 3"),
        (['groups', 'head', 'mSAP'], '1', "'groups', 'head': key 'mSAP' must be fraction"),
        (['per_class'], {}, "'per_class' holds no class"),
        (['per_class', 'sit'], None, "'per_class', 'sit' must be an object, got None"),
        (['per_class', 'sit', 'AP'], -0.5, "'per_class', 'sit': key 'AP' must be fraction"),
        (['per_class', 'sit', 'id'], 1.5, "'per_class', 'sit': key 'id' must be integer, got 1.5"),
        (['per_class', 'sit', 'group'], 'mid', "key 'group' must be one of head, .* or null"),
    ],
)
def test_refuses_a_wrong_value(make_run, path, value, message):
    file = _rewrite(make_run('bad'), lambda metrics: _set(metrics, path, value))
    with pytest.raises(ValueError, match=message) as error:
        read_run(file)
    assert str(file) in str(error.value)


@pytest.mark.parametrize('key', ['protocol', 'mSAP', 'seed', 'train_counts_source', 'per_class'])
def test_refuses_a_missing_key(make_run, key):
    file = _rewrite(make_run('bad'), lambda metrics: metrics.pop(key))
    with pytest.raises(ValueError, match=f"key '{key}' is missing") as error:
        read_run(file)
    assert str(file) in str(error.value)


def test_refuses_a_missing_key_of_a_class_and_of_a_group(make_run):
    file = _rewrite(make_run('a'), lambda metrics: metrics['per_class']['sit'].pop('SAP_std'))
    with pytest.raises(ValueError, match="'per_class', 'sit': key 'SAP_std' is missing"):
        read_run(file)
    file = _rewrite(make_run('b'), lambda metrics: metrics['groups']['tail'].pop('mAUC'))
    with pytest.raises(ValueError, match="'groups', 'tail': key 'mAUC' is missing"):
        read_run(file)


@pytest.mark.parametrize('text', ['{\n"protocol": ', '{\n"mSAP": NaN}', '{\n"mSAP": -Infinity}'])
def test_refuses_what_is_not_strict_json(tmp_path, text):
    file = tmp_path / 'metrics.json'
    file.write_text(text)
    with pytest.raises(ValueError, match=r'metrics\.json, line 2: .*not JSON') as error:
        read_run(tmp_path)
    assert str(file) in str(error.value)


def test_refuses_bytes_that_are_no_text(tmp_path):
    (tmp_path / 'metrics.json').write_bytes(b'{"protocol": "\xff"}')
    with pytest.raises(ValueError, match=r"metrics\.json, line 1: byte b'\\xff' is not UTF-8"):
        read_run(tmp_path)


def test_refuses_a_list(tmp_path):
    (tmp_path / 'metrics.json').write_text('[1]')
    with pytest.raises(ValueError, match=r'metrics\.json: not a JSON object but list'):
        read_run(tmp_path)


def test_names_the_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='metrics.json: no such file'):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('num_classes_with_boxes', None, 'must be count, got None'),
        ('num_classes_averaged', -1, 'must be count, got -1'),
        ('undetected_classes', 'swim', "must be a list of texts, got 'swim'"),
        ('undetected_classes', ['swim', None], 'must be a list of texts, got'),
        ('frame_mAP_undetected_as_zero', 53.9, r'must be fraction in \[0, 1\] or null'),
        ('warnings', {}, r'must be a list of texts, got \{\}'),
        ('no_score_ratio', None, r'must be fraction in \[0, 1\], got None'),
    ],
)
def test_what_is_said_of_undetected_classes_is_checked(make_run, make_metrics, key, value, message):
    good = {'num_classes_with_boxes': 60, 'num_classes_averaged': 59, 'warnings': ['one'],
            'undetected_classes': ['swim'], 'frame_mAP_undetected_as_zero': None}  # fmt: skip
    assert read_run(make_run('good', metrics={**make_metrics(), **good})).metrics['warnings']
    with pytest.raises(ValueError, match=f"'{key}' {message}"):
        read_run(make_run('bad', metrics={**make_metrics(), **good, key: value}))


@pytest.mark.parametrize('place', [(), ('groups', 'tail')])
def test_frame_map_with_zeros_may_be_absent_but_not_wrong(make_run, place):
    """Older runs with undetected classes do not have it."""
    key = 'frame_mAP_undetected_as_zero'
    folder = make_run('run')
    file = _rewrite(folder, lambda metrics: metrics.update(undetected_classes=['sit']))
    assert key not in read_run(folder).metrics
    for value in (0.25, None):
        _rewrite(folder, lambda metrics, value=value: _set(metrics, [*place, key], value))
        read_run(folder)
    for value in ('0.25', 25, [0.25]):
        _rewrite(folder, lambda metrics, value=value: _set(metrics, [*place, key], value))
        with pytest.raises(ValueError, match=f"key '{key}' must be fraction") as error:
            read_run(folder)
        where = "'groups', 'tail': " if place else ''
        assert str(error.value).startswith(f"{file}: {where}key '{key}' must be ")


def test_a_gain_takes_a_class_that_is_scored_in_both_runs():
    first = _run('a', x=(9, 9, 0.25), y=(8, 8, None))
    second = _run('b', x=(9, 9, None), y=(8, 8, 0.5))
    assert share_classes(first, first) and not share_classes(first, second)
    notes = compare_runs([first, second], join_classes([first, second]))
    assert notes == ['No class has SAP in both a and b: no gain is shown.']
    first.metrics['per_class']['x']['group'] = 'tail'
    assert share_classes(first, first, 'tail') and not share_classes(first, first, 'head')


def test_later_keys_may_be_absent_but_not_wrong(make_run, make_metrics):
    assert 'tied_score_ratio' not in read_run(make_run('old')).metrics
    bad = make_run('bad', metrics={**make_metrics(), 'tied_score_ratio': 2})
    with pytest.raises(ValueError, match="'tied_score_ratio' must be fraction"):
        read_run(bad)
    bad = make_run('worse', metrics={**make_metrics(), 'num_keyframes_detected': None})
    with pytest.raises(ValueError, match="'num_keyframes_detected' must be count, got None"):
        read_run(bad)
