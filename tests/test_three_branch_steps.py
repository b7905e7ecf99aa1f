"""tools/three_branch.py: from nothing to a report on a tiny world, stopped anywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import mmengine.runner  # noqa: F401  (what is imported is what mmlt lets torch.load read)
import pytest
import torch
from stepped import ENV, kill_when, update_of, with_fake_python
from warm_python import PYTHON

import mmlt  # noqa: F401
from mmlt.fileio.checkpoints import hash_file
from mmlt.weights_only import load_weights_only

ROOT = Path(__file__).parents[1]
TOOL = ROOT / 'tools' / 'three_branch.py'
STEPS = ['baseline', 'bank', 'whole', 'baseline_test', 'whole_test', 'report']
OF_TTA = ['whole_tta_test', 'report_tta']
NO_WORKERS = 'num_workers=0, persistent_workers=False'
SMALL = f"""
_base_ = {{base!r}}
train_dataloader = dict(batch_size=2, {NO_WORKERS})
val_dataloader = dict({NO_WORKERS})
test_dataloader = dict({NO_WORKERS})
train_cfg = dict(max_iters=6, val_begin=1, val_interval=6)
param_scheduler = dict(total_steps=6)
default_hooks = dict(checkpoint=dict(interval=2))
"""

# --------------------------------------------------------------------------- on a tiny world


@pytest.fixture(scope='module')
def world(tmp_path_factory, made_once):
    """A working directory with 7 videos of the toy world with context, and configs of 6 updates."""

    def make(folder):
        tool = ROOT / 'tools' / 'data' / 'make_toy_world.py'
        context = ['keyframes_per_video=40', 'context_share=0.3333']
        options = ['--parts', 'ava', '--scale', '0.05', '--workers', '1', '--set', *context]
        subprocess.run([PYTHON, tool, '--out', folder, *options], check=True)

    folder = tmp_path_factory.mktemp('three_branch')
    (folder / 'data').mkdir()
    (folder / 'data' / 'toy_context').symlink_to(made_once('toy_context', make))
    configs = folder / 'my configs'  # the space is meant
    configs.mkdir()
    for suffix in ('', '_phase_one'):
        base = ROOT / 'configs' / 'toy' / f'slowonly_toy_three_branch{suffix}.py'
        (configs / f'small{suffix}.py').write_text(SMALL.format(base=str(base)))
    return folder


def _command(work_dir, *options):
    words = ['my configs/small.py', 1, '--work-dir', work_dir, '--score-thr', 0.5, *options]
    return [str(x) for x in (PYTHON, TOOL, *words)]


def _run(world, command, **env):
    how = dict(cwd=world, env={**ENV, **env}, capture_output=True, text=True)
    done = subprocess.run(command, **how)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope='module')
def whole(world):
    """The work dir of an uninterrupted run, and what it has printed."""
    return world / 'runs' / 'whole', _run(world, _command('runs/whole', '--tta'))


def _bank(folder):
    """Keyframes, persons and features; the hash of the checkpoint is in meta.json."""
    paths = sorted((folder / 'bank').rglob('*.npy'))
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def _weights(folder):
    (best,) = folder.glob('best_ava_mSAP_iter_*.pth')
    return load_weights_only(best)['state_dict']


def _metrics(folder, test):
    metrics = json.loads((folder / test / 'metrics.json').read_text())
    return {key: metrics[key] for key in ('mSAP', 'frame_mAP', 'per_class')}


@pytest.mark.train
@pytest.mark.dist
def test_from_nothing_to_a_report(whole):
    folder, printed = whole
    assert printed.endswith('\nreport: runs/whole/report_tta.html\n')
    assert re.findall(r'^== (\w+):', printed, re.MULTILINE) == [*STEPS, *OF_TTA]
    for page, names in (
        ('report', ['phase one', 'the whole']),
        ('report_tta', ['phase one', 'the whole', 'the whole, augmented test']),
    ):
        text = (folder / f'{page}.html').read_text(encoding='utf-8')
        assert all(name in text for name in names)
    assert {path.name for path in (folder / 'bank').iterdir()} == {'train', 'val', 'test'}
    found = [
        _metrics(folder, f'{name}_test')['mSAP'] for name in ('baseline', 'whole', 'whole_tta')
    ]
    assert len(set(found)) == 3


@pytest.mark.train
@pytest.mark.dist
def test_the_whole_has_read_the_bank_that_was_made_here(whole):
    """The bank is of the baseline's best checkpoint, by whose hash the whole's knows it."""
    folder = whole[0]
    meta = json.loads((folder / 'bank' / 'train' / 'meta.json').read_text())
    hashes = [hash_file(path) for path in (folder / 'baseline').glob('best_*.pth')]
    assert hashes == [meta['checkpoint_sha256']]
    known = _weights(folder / 'whole')['roi_head.bank_checkpoint']
    assert bytes(known.int().tolist()).hex() == meta['checkpoint_sha256']
    assert not [name for name in _weights(folder / 'baseline') if 'long_term' in name]


@pytest.mark.train
@pytest.mark.dist
def test_a_second_call_does_nothing_even_without_the_bank(world, whole):
    aside = whole[0].with_name('aside')
    shutil.copytree(whole[0], aside)
    shutil.rmtree(aside / 'bank')
    for folder in ('whole', 'aside'):  # what lies elsewhere is no other experiment
        printed = _run(world, _command(f'runs/{folder}', '--tta'), PYTHON='/bin/false')
        told = [f'== {step}: done before' for step in (*STEPS, *OF_TTA)]
        assert printed.splitlines()[: len(told)] == told


@pytest.mark.train
@pytest.mark.dist
@pytest.mark.resume
def test_killed_in_every_step_ends_with_the_same_numbers(world, whole):
    """Without --tta, which a last call adds.

    A checkpoint of equal weights is another file, for it holds when it was made: the one thing that
    differs is by which hash the whole knows its bank.
    """
    folder = world / 'runs' / 'killed'
    signs = {
        'baseline': lambda: update_of(folder / 'baseline') >= 2,
        'bank': (folder / 'bank' / 'train' / 'shard_00000.npy').exists,
        'whole': lambda: update_of(folder / 'whole') >= 4,
        'baseline_test': (folder / 'done' / 'whole').exists,
        'whole_test': (folder / 'done' / 'baseline_test').exists,
    }
    for step, sign in signs.items():
        kill_when(sign, _command('runs/killed'), world, step)
    printed = _run(world, _command('runs/killed', '--tta'))
    assert printed.count(': done before\n') == 4
    for name in ('baseline', 'whole'):
        log = (folder / 'logs' / f'{name}.log').read_text()
        assert log.count('Auto resumed from') == 2, f'{name} was not begun twice'
        expected, found = (_weights(each / name) for each in (whole[0], folder))
        assert expected.keys() == found.keys()
        differ = {key for key in expected if not torch.equal(expected[key], found[key])}
        assert differ <= {'roi_head.bank_checkpoint'}
    assert _bank(folder) == _bank(whole[0])
    for test in ('baseline_test', 'whole_test', 'whole_tta_test'):
        assert _metrics(folder, test) == _metrics(whole[0], test)


# ------------------------------------------------------------- with an interpreter that pretends


BANK = "dict(type='mmlt.LoadFeatureBank', bank_dir='{{$FEATURE_BANK:else/where}}/%s')"


def _write_config(folder, suffix='', splits=('train', 'val', 'val'), *, head='', more=''):
    loaders = ''.join(
        f'{name}_dataloader = dict(dataset=dict(pipeline=[{BANK % split}]))\n'
        for name, split in zip(('train', 'val', 'test'), splits)
    )
    evaluator = "test_evaluator = dict(type='mmlt.AVALongTailMetric')\n"
    text = f'model = dict(roi_head=dict({head}))\n{loaders}{evaluator}{more}'
    (folder / f'small{suffix}.py').write_text(text)


@pytest.fixture
def empty(tmp_path):
    """A folder with small configs and an interpreter that writes down what it is asked for."""
    _write_config(tmp_path, head='long_term=dict()', more='tta_pipeline = [dict(type="Flip")]\n')
    _write_config(tmp_path, '_phase_one', ())
    return with_fake_python(TOOL, tmp_path)


def _calls(folder):
    return (folder / 'calls').read_text().splitlines()


def test_words_of_the_steps(empty, tmp_path):
    options = ['--seed', 7, '--score-thr', 0.8, '--tta', '--cfg-options', 'a.b=1', 'c=2']
    done = empty('small.py', 2, '--work-dir', 'runs', *options, FEATURE_BANK='of/the/user')
    assert done.returncode == 0, done.stderr
    names = ['train', 'bank', 'train', 'test', 'test', 'report', 'test', 'report']
    baseline, bank, whole, *tests = calls = _calls(tmp_path)
    for call, name in zip(calls, names):
        assert re.search(rf'/tools/\S*{name}\.py', call), call
    of_whole = (whole, tests[1], tests[3])
    for call in of_whole:
        assert call.startswith('FEATURE_BANK=runs/bank ') and ' small.py ' in call
    assert all('FEATURE_BANK=runs/bank' not in call for call in calls if call not in of_whole)
    for call in (baseline, bank, tests[0]):
        assert ' small_phase_one.py ' in call
    for call in (baseline, whole):
        assert '--resume --no-validate --seed 7 --cfg-options a.b=1 c=2' in call
    for call in (baseline, bank, whole, tests[0], tests[1], tests[3]):
        assert ' a.b=1 c=2' in call and '--nproc_per_node=2' in call
    assert (
        'small_phase_one.py runs/baseline/last.pth --out runs/bank --data-split train val ' in bank
    )
    assert '--score-thr 0.8 ' in bank and '--launcher pytorch' in bank
    assert 'small.py runs/whole/last.pth' in tests[1] and '--tta' not in tests[1]
    assert '--tta' in tests[3] and 'out_dir=runs/whole_tta_test' in tests[3]
    assert 'report.py runs/baseline_test runs/whole_test --names phase one the whole' in tests[2]


def test_the_best_checkpoint_of_a_training_that_keeps_it(empty, tmp_path):
    keeps = "default_hooks = dict(checkpoint=dict(save_best='ava/mSAP'))\n"
    with open(tmp_path / 'small_phase_one.py', 'a') as file:
        file.write(keeps)
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    baseline, bank, whole, of_one, of_whole, _ = _calls(tmp_path)
    assert '--no-validate' not in baseline and '--no-validate' in whole
    assert 'runs/baseline/best_ava_mSAP.pth' in bank and 'runs/whole/last.pth' in of_whole
    assert 'runs/baseline/best_ava_mSAP.pth' in of_one


def test_a_whole_without_the_long_term_branch_makes_no_bank(empty, tmp_path):
    _write_config(tmp_path, '_global', (), head='global_feature=True')
    call = ('small_global.py', 1, '--baseline', 'small_phase_one.py')
    done = empty(*call)
    assert done.returncode == 0, done.stderr
    calls = _calls(tmp_path)
    assert len(calls) == len(STEPS) - 1 and not any('bank' in each.lower() for each in calls)
    assert 'work_dirs/three_branch/small_global/whole' in calls[1]


def test_the_bank_has_the_splits_that_are_read(empty, tmp_path):
    _write_config(tmp_path, '', ('train', 'val', 'test'), head='long_term=dict()')
    assert empty('small.py', 1).returncode == 0
    assert '--data-split train val test ' in _calls(tmp_path)[1]


def test_the_plan_makes_nothing(empty, tmp_path):
    before = set(os.listdir(tmp_path))
    done = empty('small.py', 1, '--dry-run')
    assert (done.returncode, done.stderr) == (0, '')
    assert set(os.listdir(tmp_path)) == before
    told = [line for line in done.stdout.splitlines() if line.startswith('#')]
    assert told == [f'# {step}: to do' for step in STEPS]
    assert done.stdout.startswith('# ')  # and nothing of mmengine's about the variable


def test_the_plan_typed_is_the_run(empty, tmp_path):
    options = ['small.py', 1, '--work-dir', 'runs', '--tta']
    plan = empty(*options, '--dry-run').stdout
    subprocess.run(['bash', '-ec', f'mkdir runs\n{plan}'], cwd=tmp_path, env=ENV, check=True)
    typed = _calls(tmp_path)
    (tmp_path / 'calls').unlink()
    shutil.rmtree(tmp_path / 'runs')
    assert empty(*options).returncode == 0
    assert _calls(tmp_path) == typed


def test_an_augmented_test_may_be_added(empty, tmp_path):
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    shutil.move(tmp_path / 'runs', tmp_path / 'moved')
    for path in (tmp_path / 'moved').rglob('last_checkpoint'):  # as a user would
        path.write_text(path.read_text().replace('runs/', 'moved/'))
    done = empty('small.py', 1, '--work-dir', 'moved', '--tta')
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if 'done before' in line] == [
        f'== {step}: done before' for step in STEPS
    ]
    assert len(_calls(tmp_path)) == len(STEPS) + len(OF_TTA)


def test_a_bank_that_is_still_needed_is_made_again(empty, tmp_path):
    """That of a finished experiment is not, until a test is added."""
    call = ('small.py', 1, '--work-dir', 'runs')
    assert empty(*call).returncode == 0
    shutil.rmtree(tmp_path / 'runs' / 'bank')
    assert empty(*call).stdout.count(': done before\n') == len(STEPS)
    plan = empty(*call, '--tta', '--dry-run').stdout
    assert '# bank: to do again, for runs/bank/train/index.json is missing\n' in plan
    (tmp_path / 'runs' / 'done' / 'whole').unlink()
    plan = empty(*call, '--dry-run').stdout
    assert '# bank: to do again, for runs/bank/train/index.json is missing\n' in plan


def test_after_another_bank_the_whole_is_trained_again(empty, tmp_path):
    call = ('small.py', 1, '--work-dir', 'runs')
    assert empty(*call).returncode == 0
    fake = tmp_path / 'python'
    fake.write_text(
        fake.read_text().replace('make "$WORD/$PART"; done', 'make "$WORD/$PART" x; done')
    )
    (tmp_path / 'runs' / 'done' / 'bank').unlink()
    done = empty(*call)
    assert done.returncode == 0, done.stderr
    told = [line.partition(':')[0] for line in done.stdout.splitlines() if 'done before' in line]
    assert told == ['== baseline', '== baseline_test', '== report']  # whose metrics are the same
    assert '== whole: once more, for runs/bank/train/index.json is another\n' in done.stdout


@pytest.mark.parametrize(
    'others',
    [
        ('small.py', 1, '--seed', 1),
        ('small.py', 2),
        ('small.py', 1, '--score-thr', 0.5),
        ('small.py', 1, '--baseline', 'other.py'),
        ('small.py', 1, '--cfg-options', 'a=1'),
    ],
)
def test_one_folder_is_one_experiment(empty, tmp_path, others):
    shutil.copy(tmp_path / 'small_phase_one.py', tmp_path / 'other.py')
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    calls = _calls(tmp_path)
    refused = empty(*others[:2], '--work-dir', 'runs', *others[2:])
    assert refused.returncode == 2 and refused.stderr.count('\n') == 1
    asked = 'small.py 1 --baseline small_phase_one.py --score-thr 0.9 --seed 0'
    assert refused.stderr.startswith(f"error: runs holds '{asked}', not '")
    assert 'choose another --work-dir' in refused.stderr
    assert _calls(tmp_path) == calls
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0


def test_a_changed_config_is_not_taken_as_done(empty, tmp_path):
    assert empty('small.py', 1, '--work-dir', 'runs').returncode == 0
    with open(tmp_path / 'small.py', 'a') as file:
        file.write('train_cfg = dict(max_iters=9)\n')
    refused = empty('small.py', 1, '--work-dir', 'runs')
    assert refused.returncode == 2 and refused.stdout == ''
    assert refused.stderr == (
        'error: whole was done with another small.py than is there now: choose another folder, or '
        'delete runs/done/whole and what the step has left, to do it again\n'
    )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('other.py', 1), 'error: no config other.py\n'),
        (('small_phase_one.py', 1), 'no config small_phase_one_phase_one.py: name phase one by'),
        (('small.py', 1, '--baseline', 'no.py'), 'error: no config no.py: name phase one by'),
        (('small.py', 1, '--baseline', 'small.py'), 'error: small.py reads a feature bank: phase'),
        (('small.py', 'two'), "error: RANKS must be a whole number, at least 1, not 'two'"),
        (('small.py', 1, '--seed', 'x'), "error: --seed must be a whole number, not 'x'"),
        (('small.py', 1, '--score-thr', 2), 'error: --score-thr must be from 0 to 1, not 2.0'),
        (('small.py', 1, '--work-dir', 'a b'), 'quotes and brackets: a b'),
        (
            ('small_phase_one.py', 1, '--baseline', 'small_phase_one.py', '--tta'),
            'error: small_phase_one.py has no tta_pipeline, which --tta needs',
        ),
    ],
)
def test_bad_arguments_are_one_line_and_leave_nothing(empty, tmp_path, arguments, message):
    before = set(os.listdir(tmp_path))
    refused = empty(*arguments)
    assert refused.returncode == 2
    assert message in refused.stderr and refused.stderr.count('\n') == 1
    assert set(os.listdir(tmp_path)) == before
