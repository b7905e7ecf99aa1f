from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

from mmlt.fileio.class_split import read_split

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis' / 'split_by_ap.py'
TRAIN_AP = {'sit': (11, 0.9), 'stand': (12, 0.4), 'cut': (24, 0.1), 'read': (48, 0.3)}
TEST_AP = {'stand': (12, 0.4), 'sit': (11, 0.5), 'read': (48, 0.31), 'cut': (24, 0.2)}


@pytest.fixture
def main():
    spec = importlib.util.spec_from_file_location('split_by_ap', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *arguments: module.main([str(argument) for argument in arguments])


@pytest.fixture
def write_run(tmp_path):
    def _write(name, class_ap, **changes):
        scores = dict.fromkeys(('SAP', 'SAP_std', 'SAP_sampled', 'AUC'), 0.5)
        means = dict.fromkeys(('frame_mAP', 'mSAP', 'mAUC', 'mSAP_sampled'), 0.5)
        per_class = {
            class_name: {
                'id': class_id,
                'num_boxes': 30,
                'num_train': None,
                'AP': ap,
                **scores,
                'group': None,
            }
            for class_name, (class_id, ap) in class_ap.items()
        }
        metrics = {'protocol': 'mmaction2', 'capacity': None, **means, 'num_keyframes': 9,
                   'num_boxes': 30, 'pool': 'boxes', 'num_trials': 15, 'seed': 0,
                   'train_counts_source': None, 'split_source': None, 'groups': {},
                   'per_class': per_class, **changes}  # fmt: skip
        folder = tmp_path / name
        folder.mkdir()
        (folder / 'metrics.json').write_text(json.dumps(metrics))
        return folder

    return _write


def test_split_by_hand(main, write_run, tmp_path, capsys):
    # sit is worse on held-out data, stand equal: head. cut and read are better: tail. The
    # classes stand in another order in the two files.
    runs = write_run('on_train', TRAIN_AP), write_run('on_val', TEST_AP)
    out = tmp_path / 'split.json'
    assert main(*runs, '--out', out) == 0
    content = json.loads(out.read_text())
    assert content == {
        'source': 'tail: AP in on_train (training) < AP in on_val (held out)',
        'head': [11, 12],
        'tail': [24, 48],
    }
    assert read_split(out, [11, 12, 24, 48]).groups == {'head': (11, 12), 'tail': (24, 48)}
    printed = capsys.readouterr().out
    assert printed == f'head (2): sit, stand\ntail (2): cut, read\nsplit: {out}\n'


def test_files_and_folders_are_the_same(main, write_run, tmp_path):
    train, test = write_run('on_train', TRAIN_AP), write_run('on_val', TEST_AP)
    assert main(train, test, '--out', tmp_path / 'a.json') == 0
    files = train / 'metrics.json', test / 'metrics.json'
    assert main(*files, '--out', tmp_path / 'b.json') == 0
    assert (tmp_path / 'a.json').read_bytes() == (tmp_path / 'b.json').read_bytes()


@pytest.mark.parametrize(
    ('test_ap', 'changes', 'message'),
    [
        ({k: v for k, v in TEST_AP.items() if k != 'cut'}, {}, 'on_val: 24 (cut)'),
        ({**TEST_AP, 'wave': (69, 0.1)}, {}, 'on_val: 69 (wave)'),
        ({**TEST_AP, 'cut': (25, 0.2)}, {}, 'on_val: 24 (cut), 25 (cut)'),
        ({**TEST_AP, 'cut': (24, None)}, {}, 'on_val: AP is null for class 24 (cut)'),
        (
            {name: (class_id, 0.0) for name, (class_id, _) in TEST_AP.items()},
            {},
            'leaves the tail empty; split by training counts instead, with split_head_medium_tail '
            '(tools/analysis/split_by_counts.py)',
        ),
        (
            {name: (class_id, 1.0) for name, (class_id, _) in TEST_AP.items()},
            {},
            'leaves the head empty; split by training counts instead',
        ),
        (TEST_AP, {'protocol': 'official'}, "protocol is 'mmaction2' in"),
        (TEST_AP, {'seed': None}, "key 'seed'"),
    ],
)
def test_errors_are_one_line_and_write_nothing(
    main, write_run, tmp_path, capsys, test_ap, changes, message
):
    runs = write_run('on_train', TRAIN_AP), write_run('on_val', test_ap, **changes)
    assert main(*runs, '--out', tmp_path / 'split.json') == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert error.count('\n') == 1
    assert message in error
    assert sorted(os.listdir(tmp_path)) == ['on_train', 'on_val']


def test_existing_split_needs_overwrite(main, write_run, tmp_path, capsys):
    runs = write_run('on_train', TRAIN_AP), write_run('on_val', TEST_AP)
    out = tmp_path / 'split.json'
    out.write_text('mine')
    assert main(*runs, '--out', out) == 2
    assert 'split.json: exists already; pass --overwrite' in capsys.readouterr().err
    assert out.read_text() == 'mine'
    assert main(*runs, '--out', out, '--overwrite') == 0
    assert json.loads(out.read_text())['tail'] == [24, 48]


def test_a_missing_run_is_one_line(main, write_run, tmp_path, capsys):
    assert main(write_run('on_train', TRAIN_AP), tmp_path / 'gone', '--out', tmp_path / 's') == 2
    error = capsys.readouterr().err
    assert 'gone: no such file' in error
    assert error.count('\n') == 1


def test_classifiers_are_refused(main, tmp_path, capsys):
    row = {'id': 0, 'num_samples': 3, 'num_train': None, 'AP': 0.5, 'recall@1': 0.5,
           'recall@5': 1.0, 'group': None}  # fmt: skip
    means = dict.fromkeys(('mAP', 'acc@1', 'acc@5', 'mean_recall@1', 'mean_recall@5'), 0.5)
    metrics = {'task': 'classification', **means, 'num_samples': 3, 'train_counts_source': None,
               'split_source': None, 'groups': {}, 'per_class': {'sit': row}}  # fmt: skip
    (tmp_path / 'metrics.json').write_text(json.dumps(metrics))
    assert main(tmp_path, tmp_path, '--out', tmp_path / 's.json') == 2
    assert 'the results of a classifier; give those of an AVA detector' in capsys.readouterr().err
    assert not (tmp_path / 's.json').exists()
