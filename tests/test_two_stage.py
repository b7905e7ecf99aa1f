"""tools/two_stage.py: Algorithm 1 from nothing to a report on a tiny world, stopped anywhere."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import mmengine.runner  # noqa: F401  (what is imported is what mmlt lets torch.load read)
import pytest
import torch
from stepped import ENV, FAKE_PYTHON, kill_when, update_of, with_fake_python
from warm_python import PYTHON

import mmlt  # noqa: F401
from mmlt.fileio.class_split import read_split
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[1]
TOOL = ROOT / 'tools' / 'two_stage.py'
STEPS = [
    'baseline', 'baseline_train', 'baseline_val', 'split', 'stage_one', 'features', 'stage_two',
    'write_back', 'baseline_test', 'two_stage_test', 'report',
]  # fmt: skip
NO_WORKERS = 'num_workers=0, persistent_workers=False'
OFTEN = 'default_hooks = dict(checkpoint=dict(by_epoch=False, interval=3))'
DETECTOR = f"""
_base_ = {{base!r}}
train_dataloader = dict(batch_size=4, {NO_WORKERS})
val_dataloader = dict({NO_WORKERS})
test_dataloader = dict({NO_WORKERS})
train_cfg = dict(max_epochs=2)
param_scheduler = dict(total_steps=2)
{OFTEN}
"""
CLASSIFIER = f"""
_base_ = {{base!r}}
train_dataloader = dict(batch_size=50, {NO_WORKERS})
{OFTEN}
"""


@pytest.fixture(scope='module')
def world(tmp_path_factory, toy_world):
    """A working directory with a toy world of 2% of the boxes, and small configs; 24 updates."""
    folder = tmp_path_factory.mktemp('two_stage')
    (folder / 'data').mkdir()
    (folder / 'data' / 'toy').symlink_to(toy_world)
    configs = folder / 'my configs'  # the space is meant
    configs.mkdir()
    for suffix, text in (('', DETECTOR), ('_stage_one', DETECTOR), ('_stage_two', CLASSIFIER)):
        base = ROOT / 'configs' / 'toy' / f'slowonly_toy_ava{suffix}.py'
        (configs / f'small{suffix}.py').write_text(text.format(base=str(base)))
    return folder


def _command(work_dir, *options, config='my configs/small.py'):
    return [str(x) for x in (PYTHON, TOOL, config, 1, '--work-dir', work_dir, *options)]


def _weights(path):
    return load_weights_only(path)['state_dict']


def _last(work_dir):
    return _weights(work_dir.parents[1] / (work_dir / 'last_checkpoint').read_text())


@pytest.fixture(scope='module')
def whole(world):
    """The work dir of an uninterrupted run, and what it has printed."""
    command = _command('runs/whole')
    done = subprocess.run(command, cwd=world, env=ENV, stdout=subprocess.PIPE, text=True)
    print(done.stdout[-5000:])
    assert done.returncode == 0
    return world / 'runs' / 'whole', done.stdout


@pytest.mark.train
@pytest.mark.dist
def test_from_nothing_to_a_report(whole):
    folder, printed = whole
    assert printed.endswith(
        '\ncheckpoint: runs/whole/two_stage.pth\nreport: runs/whole/report.html\n'
    )
    assert re.findall(r'^== (\w+):', printed, re.MULTILINE) == STEPS
    assert len(printed.splitlines()) < 60 and 'Epoch(' not in printed  # 1,286 without logs
    for step in set(STEPS) - {'split', 'report'}:
        found = re.search(rf'^== {step}: .*\d+ s, log: (\S+)$', printed, re.MULTILINE)
        assert found, step
        assert (folder.parents[1] / found.group(1)).is_file()
    assert 'Epoch(train)' in (folder / 'logs' / 'baseline.log').read_text(encoding='utf-8')
    assert '<html' in (folder / 'report.html').read_text(encoding='utf-8')
    found = {
        name: json.loads((folder / name / 'metrics.json').read_text())
        for name in ('baseline_train', 'baseline_val', 'baseline_test', 'two_stage_test')
    }
    split = read_split(folder / 'split.json', range(1, 31))
    assert split.source == 'tail: AP in baseline_train (training) < AP in baseline_val (held out)'
    on_train, on_val = (found[f'baseline_{name}']['per_class'] for name in ('train', 'val'))
    for name, metrics in on_train.items():
        group = 'tail' if metrics['AP'] < on_val[name]['AP'] else 'head'
        assert metrics['id'] in split.groups[group]
    assert found['two_stage_test']['mSAP'] != found['baseline_test']['mSAP']


@pytest.mark.train
@pytest.mark.dist
def test_the_checkpoint_is_stage_ones_trunk_and_stage_twos_classifier(whole):
    folder = whole[0]
    weights, stage_one = _weights(folder / 'two_stage.pth'), _last(folder / 'stage_one')
    assert weights.keys() == stage_one.keys()
    stage_two = _last(folder / 'stage_two')
    classifier = {f'roi_head.{name}': stage_two[name] for name in stage_two if 'fc_cls' in name}
    assert len(classifier) == 2
    for name, value in weights.items():
        assert torch.equal(value, classifier.get(name, stage_one[name])), name


@pytest.mark.train
@pytest.mark.dist
def test_stage_one_trains_the_heads_columns_alone(whole):
    files = sorted((whole[0] / 'stage_one').glob('iter_*.pth'))[-2:]
    before, after = (_weights(file)['roi_head.bbox_head.fc_cls.weight'] for file in files)
    spread = (after / before).std(dim=1)  # 0 where weight decay alone has been at work
    groups = read_split(whole[0] / 'split.json', range(1, 31)).groups
    assert spread[list(groups['tail'])].max() < 1e-6 < spread[list(groups['head'])].min()


@pytest.mark.train
@pytest.mark.dist
def test_a_second_call_does_nothing(world, whole):
    no_python = {**ENV, 'PYTHON': '/bin/false'}
    command = _command('runs/whole')
    printed = subprocess.run(command, cwd=world, env=no_python, check=True, capture_output=True)
    lines = printed.stdout.decode().splitlines()
    assert lines[: len(STEPS)] == [f'== {step}: done before' for step in STEPS]
    assert lines[-1] == 'report: runs/whole/report.html' and not printed.stderr


@pytest.mark.train
@pytest.mark.dist
@pytest.mark.resume
def test_killed_in_every_stage_ends_with_the_same_weights(world, whole):
    folder = world / 'runs' / 'killed'
    command = _command('runs/killed', '--split', 'runs/whole/split.json')
    update_one, update_two = random.choice(range(3, 19, 3)), random.choice(range(3, 25, 3))
    shards = random.choice(['train/meta.json', 'train/index.json', 'val/meta.json'])
    print(f'killing stage one at {update_one}, features at {shards}, stage two at {update_two}')
    signs = {
        'stage_one': lambda: update_of(folder / 'stage_one') >= update_one,
        'features': (folder / 'features' / shards).exists,
        'stage_two': lambda: update_of(folder / 'stage_two') >= update_two,
        'baseline_test': (folder / 'done' / 'write_back').exists,  # what comes then is no training
    }
    for step, sign in signs.items():
        kill_when(sign, command, world, step)
    for name in ('stage_one', 'stage_two'):
        log = (folder / 'logs' / f'{name}.log').read_text()
        assert log.count('Auto resumed from') == 2, f'{name} was not begun twice'
        assert re.search(r'- resumed epoch: \d', log), f'{name} was not resumed'
    expected, found = (_weights(f / 'two_stage.pth') for f in (whole[0], folder))
    assert expected.keys() == found.keys()
    assert not [name for name in expected if not torch.equal(expected[name], found[name])]


@pytest.fixture
def split_alone(world, tmp_path):
    """An interpreter that splits by counts, and of all others makes the outputs alone."""
    fake = tmp_path / 'python'
    fake.write_text(FAKE_PYTHON.replace(': # REAL', f'exec {shlex.quote(PYTHON)} "$@"'))
    fake.chmod(0o755)
    return {**ENV, 'PYTHON': str(fake)}


@pytest.mark.train
def test_split_by_counts(world, split_alone):
    command = _command('runs/counts', '--split', 'counts', '--tail-max', 5)
    subprocess.run(command, cwd=world, env=split_alone, check=True)
    path = world / 'data' / 'toy' / 'ava' / 'annotations' / 'train_counts.json'
    counts = {each['id']: each['count'] for each in json.loads(path.read_text())['classes']}
    split = read_split(world / 'runs' / 'counts' / 'split.json', counts)
    assert set(split.groups['tail']) == {i for i, count in counts.items() if count <= 5}
    # a config that names no counts is told at once
    config = world / 'my configs' / 'small.py'
    for each in config.parent.glob('small*.py'):
        shutil.copy(each, each.with_name(each.name.replace('small', 'bare')))
    bare = config.with_name('bare.py')
    bare.write_text(config.read_text() + "test_evaluator = dict(_delete_=True, type='AVAMetric')\n")
    command = _command('runs/bare', '--split', 'counts', config='my configs/bare.py')
    failed = _refused(world, command)
    assert failed.startswith('error: my configs/bare.py: test_evaluator has no class_counts')


def _refused(world, command):
    """What is said of a command that is refused: one line, and the folder is not bound."""
    work_dir = world / command[command.index('--work-dir') + 1]
    failed = subprocess.run(command, cwd=world, env=ENV, capture_output=True, text=True)
    assert failed.returncode == 2
    assert failed.stderr.count('\n') == 1
    assert not work_dir.exists()
    return failed.stderr


@pytest.mark.train
def test_counts_whose_groups_are_empty_are_refused_at_once(world):
    command = _command('runs/empty', '--split', 'counts', '--tail-max', 10_000)
    assert re.fullmatch(
        r'error: .*train_counts\.json: no class is in head: head has more than 10,000 training '
        r'boxes, tail at most 10,000, and the classes have \d+ to [\d,]+, [\d,.]+ in the middle; '
        r'set tail_max \(--tail-max\) to what these data hold\n',
        _refused(world, command),
    )
    command = _command('runs/empty', '--split', 'counts', '--tail-max', 10, '--head-min', 5)
    assert 'error: tail_max is 10: it must not exceed head_min, 5' in _refused(world, command)


@pytest.mark.train
@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'head': [1], 'tail': [2]}, ': class 3, 4, '),
        ({'head': [1, 1], 'tail': []}, ': head[1]: class 1 repeated, first in head'),
        ({'head': [], 'tail': list(range(1, 31))}, ': no class in head, which stage one trains'),
        (None, ', line 1: not JSON: '),
    ],
)
def test_a_split_file_is_checked_at_once(world, content, message):
    path = world / 'bad split.json'
    path.write_text('head: 1' if content is None else json.dumps(content))
    said = _refused(world, _command('runs/bad', '--split', path.name))
    assert said.startswith('error: bad split.json') and message in said


@pytest.mark.train
def test_a_three_way_split_by_counts(world, split_alone):
    folder = world / 'runs' / 'three'
    path = world / 'data' / 'toy' / 'ava' / 'annotations' / 'train_counts.json'
    counts = {each['id']: each['count'] for each in json.loads(path.read_text())['classes']}
    command = _command('runs/three', '--split', 'counts', '--tail-max', 3, '--head-min', 9)
    piped = dict(check=True, capture_output=True, text=True)
    done = subprocess.run(command, cwd=world, env=split_alone, **piped)
    groups = read_split(folder / 'split.json', counts).groups
    assert set(groups['head']) == {i for i, count in counts.items() if count > 9}
    assert set(groups['medium']) == {i for i, count in counts.items() if 3 < count <= 9}
    sizes = ', '.join(f'{group} {len(ids)}' for group, ids in groups.items())
    assert f'\n{sizes} classes (' in done.stdout


@pytest.fixture
def empty(tmp_path):
    """A folder with small configs and an interpreter that writes down what it is asked for."""
    head = "dict(num_classes=3, trained_groups=['head'])"
    for suffix in ('', '_stage_one', '_stage_two'):
        (tmp_path / f'small{suffix}.py').write_text(
            f'model = dict(roi_head=dict(bbox_head={head}))\n'
            "test_evaluator = dict(class_counts='counts.json')\n"
        )
    (tmp_path / 'split file.json').write_text('{"head": [1], "tail": [2]}')
    (tmp_path / 'counts.json').touch()
    return with_fake_python(TOOL, tmp_path)


def test_options_go_to_every_step_of_the_detector(empty, tmp_path):
    options = ['--seed', 7, '--split', 'split file.json', '--cfg-options', 'a.b=1', 'c=2']
    assert empty('small.py', 2, '--work-dir', 'runs', *options).returncode == 0
    calls = (tmp_path / 'calls').read_text().splitlines()
    names = ['train', 'train', 'extract_box_features', 'train', 'write_classifier_back', 'test',
             'test', 'report']  # fmt: skip
    found = [re.findall(r'/(\w+)\.py', call) for call in calls]
    assert [each[1] if each[0] == 'launch' else each[0] for each in found] == names
    baseline, stage_one, features, stage_two, _, test, of_two_stage, _ = calls
    for call in (baseline, stage_one, features, test, of_two_stage):
        assert ' a.b=1 c=2' in call and '--nproc_per_node=2' in call
    for call in (baseline, stage_one, stage_two):
        assert '--resume --no-validate --seed 7' in call
    assert 'a.b=1' not in stage_two
    assert 'split_file=runs/split.json' in stage_one and 'split_file=runs/split.json' in features
    assert 'small_stage_one.py runs/stage_one/last.pth --out runs/features' in features
    assert 'small.py runs/two_stage.pth --launcher pytorch --data-split test' in of_two_stage


def test_by_default_the_split_is_that_of_ap(empty, tmp_path):
    assert empty('small.py', 1).returncode == 0
    calls = (tmp_path / 'calls').read_text().splitlines()
    folder = 'work_dirs/two_stage/small'
    assert '--cfg-options' not in calls[0]
    assert '--data-split train' in calls[1] and '--data-split val' in calls[2]
    assert f'split_by_ap.py {folder}/baseline_train {folder}/baseline_val' in calls[3]


def test_the_plan_makes_nothing(empty, tmp_path):
    before = set(os.listdir(tmp_path))
    done = empty('small.py', 1, '--dry-run')
    assert (done.returncode, done.stderr) == (0, '')
    assert set(os.listdir(tmp_path)) == before
    told = [line for line in done.stdout.splitlines() if line.startswith('#')]
    assert told == [f'# {step}: to do' for step in STEPS]
    (tmp_path / 'split file.json').write_text('{"head": [], "tail": [1, 2]}')
    refused = empty('small.py', 1, '--dry-run', '--split', 'split file.json')
    assert refused.returncode == 2
    assert refused.stderr.startswith('error: split file.json: no class in head, which stage one')


def test_the_plan_typed_is_the_run(empty, tmp_path):
    options = ['small.py', 1, '--work-dir', 'runs', '--split', 'split file.json']
    plan = empty(*options, '--dry-run').stdout
    subprocess.run(['bash', '-ec', f'mkdir runs\n{plan}'], cwd=tmp_path, env=ENV, check=True)
    typed = (tmp_path / 'calls').read_text()
    (tmp_path / 'calls').unlink()
    shutil.rmtree(tmp_path / 'runs')
    assert empty(*options).returncode == 0
    assert (tmp_path / 'calls').read_text() == typed
    told = empty(*options, '--dry-run').stdout.splitlines()
    steps = [step for step in STEPS if step not in ('split', 'baseline_train', 'baseline_val')]
    assert told == [f'# {step}: done before' for step in ['split', *steps]]


def test_a_changed_config_is_not_taken_as_done(empty, tmp_path):
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    with open(tmp_path / 'small_stage_two.py', 'a') as file:
        file.write('train_cfg = dict(max_epochs=9)\n')
    refused = empty('small.py', 1, '--work-dir', 'runs')
    assert refused.returncode == 2 and refused.stdout == ''
    assert refused.stderr == (
        'error: stage_two was done with another small_stage_two.py than is there now: choose '
        'another folder, or delete runs/done/stage_two and what the step has left, to do it again\n'
    )


def test_features_may_be_deleted_when_all_is_done(empty, tmp_path):
    call = ('small.py', 1, '--work-dir', 'runs')
    assert empty(*call).returncode == 0
    calls = (tmp_path / 'calls').read_text()
    shutil.rmtree(tmp_path / 'runs' / 'features')
    assert empty(*call).stdout.count(': done before\n') == len(STEPS)
    assert (tmp_path / 'calls').read_text() == calls
    (tmp_path / 'runs' / 'two_stage.pth').unlink()  # it is made of them
    told = empty(*call, '--dry-run').stdout
    assert '# features: to do again, for runs/features/train/index.json is missing\n' in told


def test_after_another_split_stage_one_is_trained_again(empty, tmp_path):
    """The first step is done before the folder is bound."""
    call = ('small.py', 1, '--work-dir', 'runs', '--split', 'split file.json')
    assert empty(*call).returncode == 0
    split = tmp_path / 'split file.json'
    split.write_text(f'{split.read_text()}\n')
    refused = empty(*call)
    assert refused.returncode == 2 and 'was done with another split file.json' in refused.stderr
    for name in ('split.json', 'done/split'):
        (tmp_path / 'runs' / name).unlink()
    done = empty(*call)
    assert done.returncode == 0, done.stderr
    assert '== stage_one: once more, for runs/split.json is another\n' in done.stdout
    assert '== baseline: done before\n' in done.stdout


def test_the_folder_may_be_named_in_another_way(empty, tmp_path):
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    done = empty('./small.py', 1, '--work-dir', tmp_path / 'runs')
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(': done before\n') == len(STEPS)


@pytest.mark.parametrize(
    'others',
    [
        ('small.py', 1, '--seed', 1),
        ('small.py', 2),
        ('small.py', 1, '--split', 'counts'),
        ('small.py', 1, '--split', 'counts', '--tail-max', 10),
        ('small.py', 1, '--split', 'counts', '--head-min', 1000),
        ('small.py', 1, '--cfg-options', 'a=1'),
    ],
)
def test_one_folder_is_one_experiment(empty, tmp_path, others):
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    calls = (tmp_path / 'calls').read_text()
    refused = empty(*others[:2], '--work-dir', 'runs', *others[2:])
    assert refused.returncode == 2 and refused.stderr.count('\n') == 1
    assert refused.stderr.startswith(
        "error: runs holds 'small.py 1 --split ap --tail-max 999 --seed 0', not '"
    )
    assert 'choose another --work-dir' in refused.stderr
    assert (tmp_path / 'calls').read_text() == calls
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('other.py', 1), 'error: no config other.py'),
        (('small.py', 'two'), "error: RANKS must be a whole number, at least 1, not 'two'"),
        (('small.py', 0), "error: RANKS must be a whole number, at least 1, not '0'"),
        (('small.py', 1, '--seed', 'x'), "error: --seed must be a whole number, not 'x'"),
        (
            ('small.py', 1, '--split', 'counts', '--tail-max', 'x'),
            "error: --tail-max must be a whole number, not 'x'",
        ),
        (
            ('small.py', 1, '--split', 'counts', '--head-min', '-1'),
            "error: --head-min must be a whole number, not '-1'",
        ),
        (('small.py', 1, '--tail-max', 9), '--tail-max and --head-min need --split counts'),
        (('small.py', 1, '--split', 'app'), 'error: --split: no file app'),
        (('small.py', 1, '--work-dir', 'a b'), 'quotes and brackets: a b'),
        (
            ('small.py', 1, '--work-dir', 'a[1]'),
            'error: --work-dir must be without spaces, commas, quotes and brackets: a[1]',
        ),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(empty, tmp_path, arguments, message):
    before = set(os.listdir(tmp_path))
    refused = empty(*arguments)
    assert refused.returncode == 2
    assert message in refused.stderr and refused.stderr.count('\n') == 1
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    'arguments', [(), ('small.py',), ('small.py', 1, '--sead', 3), ('small.py', 1, '--seed')]
)
def test_a_wrong_call_shows_the_usage(empty, tmp_path, arguments):
    before = set(os.listdir(tmp_path))
    refused = empty(*arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith('usage: two_stage.py ')
    assert refused.stderr.splitlines()[-1].startswith('two_stage.py: error: ')
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize('stage', ['one', 'two'])
def test_a_missing_config_of_a_stage(empty, tmp_path, stage):
    (tmp_path / f'small_stage_{stage}.py').unlink()
    refused = empty('small.py', 1)
    assert refused.returncode == 2
    assert refused.stderr == f'error: no config small_stage_{stage}.py\n'


def test_a_failed_step_is_tried_again(empty, tmp_path):
    good = (tmp_path / 'python').read_text()
    (tmp_path / 'python').write_text('#!/bin/sh\necho no memory >&2\nexit 3\n')
    failed = empty('small.py', 1, '--work-dir', 'runs')
    assert failed.returncode == 3
    assert re.fullmatch(r'== baseline: not finished after \d+ s\n', failed.stdout)
    assert failed.stderr == (
        'the end of runs/logs/baseline.log:\nno memory\n'
        'error: baseline failed, log: runs/logs/baseline.log\n'
    )
    assert not (tmp_path / 'runs' / 'done').exists()
    (tmp_path / 'python').write_text(good)
    again = empty('small.py', 1, '--work-dir', 'runs')
    assert again.returncode == 0 and 'done before' not in again.stdout
