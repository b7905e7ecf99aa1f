"""Steps of an experiment: done once, refused when they are others, told in a line."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmlt.experiments import commands
from mmlt.experiments.commands import Later, check_plain_path, last_checkpoint, tool, whole_number
from mmlt.experiments.logged_command import run_command, run_into_log
from mmlt.experiments.step_records import bind_folder, check_folder
from mmlt.experiments.steps import Step, StepError, Steps

TRAINING = """
LINE='2026/01/02 03:04:05 - mmengine - INFO - Epoch(train)  [2][ 20/120]  base_lr: 2e-3 lr: 2e-3'
LINE+='  eta: 0:00:21  time: 0.1  data_time: 0.05  loss: 0.6931  loss_action_cls: 0.6931'
echo a line before; echo "$LINE"; echo a line after
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory whose name has a space."""
    path = tmp_path / 'my work'
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def _copy(source='in put', target='out put', **others):
    """A step that copies a file and counts how often."""
    script = 'cp "$1" "$2"; echo once >>"calls of $2"; echo copied'
    command = ['bash', '-c', script, 'copy', source, target]
    values = dict(name='copy', inputs=[Path(source)], outputs=[Path(target)], command=command,
                  stamp=Path('done') / target, log=Path('logs') / f'{target}.log')  # fmt: skip
    return Step(**{**values, **others})


def _calls(target='out put'):
    path = Path(f'calls of {target}')
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_step_is_one_line_with_its_time_and_its_log_and_runs_once(folder, capfd):
    Path('in put').write_text('content')
    Steps([_copy()]).run()
    printed = capfd.readouterr()
    assert re.fullmatch(r'== copy: \d+ s, log: logs/out put\.log\n', printed.out)
    assert printed.err == ''
    assert Path('logs/out put.log').read_text() == 'copied\n'
    Steps([_copy()]).run()
    assert capfd.readouterr() == ('== copy: done before\n', '')
    assert (_calls(), Path('out put').read_text()) == (1, 'content')


def test_a_step_without_a_log_is_shown(folder, capfd):
    Path('in put').write_text('content')
    Steps([_copy(log=None)]).run()
    assert capfd.readouterr().out == '== copy:\ncopied\n'


def test_the_stamp_records_what_was_done(folder):
    Path('in put').write_text('content')
    Steps([_copy()]).run()
    held = json.loads(Path('done/out put').read_text())
    assert held['command'] == list(_copy().command)
    assert len(held['inputs']['in put']) == 64
    assert held['seconds'] >= 0 and held['cpu_seconds'] >= 0


def test_an_output_that_is_gone_is_made_again(folder, capfd):
    Path('in put').write_text('content')
    Steps([_copy()]).run()
    Path('out put').unlink()
    Steps([_copy()]).print_plan()
    assert '# copy: to do again, for out put is missing\n' in capfd.readouterr().out
    Steps([_copy()]).run()
    assert '== copy: once more, for out put is missing\n' in capfd.readouterr().out
    assert _calls() == 2


def test_a_stamp_without_a_record_is_compared_with_nothing(folder):
    Path('in put').write_text('content')
    Path('out put').write_text('old')
    Path('done').mkdir()
    for text in ('', '12.5 CPU seconds\n'):
        Path('done/out put').write_text(text)
        Steps([_copy()]).run()
    assert (_calls(), Path('out put').read_text()) == (0, 'old')


@pytest.mark.parametrize('is_plan', [True, False])
def test_another_command_is_refused_before_anything_runs(folder, is_plan):
    Path('in put').write_text('content')
    Steps([_copy(command=[*_copy().command, 'a=1'])]).run()
    steps = Steps([_copy(target='first', name='first'), _copy(command=[*_copy().command, 'a=2'])])
    with pytest.raises(ValueError) as error:
        steps.print_plan() if is_plan else steps.run()
    assert str(error.value) == (
        "copy was done with 'a=1', not 'a=2': choose another folder, or delete done/out put and "
        'what the step has left, to do it again'
    )
    assert (_calls('first'), _calls()) == (0, 1)


@pytest.mark.parametrize(
    ('before', 'after', 'told'),
    [
        ([], ['a=1'], "without 'a=1': choose"),
        (['a=1'], [], "with 'a=1', now without it: choose"),
        (['a', 'b'], ['b', 'a'], "with 'a b', not 'b a': choose"),
        (['--x', '0', '--y', '0'], ['--x', '1', '--y', '0'], "with '--x 0', not '--x 1': choose"),
        (
            ['--x', '0', '--y', '1'],
            ['--x', '1', '--y', '0'],
            "with '--x 0 --y 1', not '--x 1 --y 0': choose",
        ),
    ],
)
def test_what_differs_of_two_commands_is_named(folder, before, after, told):
    Path('in put').write_text('content')
    Steps([_copy(command=[*_copy().command, *before])]).run()
    with pytest.raises(ValueError, match=f'^copy was done {told}'):
        Steps([_copy(command=[*_copy().command, *after])]).check()


def test_another_input_is_refused(folder):
    Path('in put').write_text('content')
    Steps([_copy()]).run()
    Path('in put').write_text('other')
    with pytest.raises(ValueError, match='^copy was done with another in put than is there now'):
        Steps([_copy()]).run()
    assert Path('out put').read_text() == 'content'


def test_options_that_decide_nothing_may_change(folder):
    Path('in put').write_text('content')
    for workers in (1, 2):
        command = [*_copy().command, f'loader.num_workers={workers}']
        Steps([_copy(command=command, free_options=('num_workers',))]).run()
    assert _calls() == 1


def test_the_checkout_and_the_interpreter_may_move(folder, monkeypatch):
    def step():
        return _copy(inputs=[], outputs=[], command=tool('analysis/report.py', '--help'))

    Steps([step()]).run()
    Path('elsewhere/tools').mkdir(parents=True)
    monkeypatch.setattr(commands, 'ROOT', folder / 'elsewhere')
    monkeypatch.setenv('PYTHON', '/bin/false')
    Steps([step()]).run()


def test_what_a_stopped_step_has_left_is_removed(folder):
    Path('in put').write_text('content')
    Path('of it').mkdir()
    Path('of it/half').touch()
    Steps([_copy(remove=Path('of it'))]).run()
    assert not Path('of it').exists()


def test_a_failed_step_shows_the_end_of_its_log_and_is_tried_again(folder, capfd):
    step = _copy(command=['bash', '-c', 'seq 100; echo error: no memory; exit 7'], inputs=[])
    later = _copy(target='later', name='later', inputs=[])
    with pytest.raises(StepError, match='^copy failed$') as error:
        Steps([step, later]).run()
    assert error.value.exit_code == 7
    printed = capfd.readouterr()
    assert re.fullmatch(r'== copy: not finished after \d+ s\n', printed.out)
    shown = ['the end of logs/out put.log:', *map(str, range(82, 101)), 'error: no memory']
    shown.append('error: copy failed, log: logs/out put.log')
    assert printed.err.splitlines() == shown
    assert (_calls('later'), Path('done').exists()) == (0, False)
    Path('in put').write_text('content')
    Steps([_copy()]).run()
    log = Path('logs/out put.log').read_text().splitlines()
    assert log[-2:] == ['error: no memory', 'copied'] and len(log) == 102  # both tries


def test_a_failed_step_that_is_shown_has_told_its_error(folder, capfd):
    for end, code, told in (('exit 3', 3, ''), ('kill -9 $$', 137, 'error: copy failed\n')):
        step = _copy(inputs=[], log=None, command=['bash', '-c', f'echo error: why >&2; {end}'])
        with pytest.raises(StepError) as error:
            Steps([step]).run()
        assert error.value.exit_code == code
        assert capfd.readouterr().err == f'error: why\n{told}'


def test_a_signal_is_told_as_a_shell_tells_it(folder):
    with pytest.raises(StepError) as error:
        Steps([_copy(inputs=[], command=['bash', '-c', 'kill -9 $$'])]).run()
    assert error.value.exit_code == 128 + signal.SIGKILL


def test_a_step_that_leaves_no_output_is_not_done(folder, capfd):
    with pytest.raises(StepError, match='^copy has left no out put$'):
        Steps([_copy(inputs=[], command=['true'])]).run()
    assert capfd.readouterr().err == 'error: copy has left no out put, log: logs/out put.log\n'
    assert not Path('done').exists()


def test_killed_in_the_middle_it_runs_again(folder):
    """Its output is there, in half; the stamp is not."""
    Path('in put').write_text('content')
    half = _copy(command=['bash', '-c', 'echo half >"out put"; sleep 600'])
    code = 'from pathlib import Path, PosixPath; from mmlt.experiments.steps import *; '
    process = subprocess.Popen([sys.executable, '-c', f'{code}Steps([{half!r}]).run()'],
                               start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 120
    while not Path('out put').exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    Steps([_copy()]).run()
    assert Path('out put').read_text() == 'content'


def test_a_plan_can_be_typed(folder, capfd):
    """What is known later is asked when it is, paths have spaces, and nothing has run."""
    Path('in put').write_text('content')
    first = _copy(target='last_checkpoint', name='first')
    word = Later(lambda: '<' + Path('last_checkpoint').read_text(), '"<$(cat last_checkpoint)"')
    say = Path('said so')
    script = 'echo "$1" "$2" >"said so"'
    inputs = [last_checkpoint(Path())]
    then = Step('then', inputs, [say], ['bash', '-c', script, 'say', word, "it's"], Path('stamp'))
    Steps([first, then._replace(remove=Path('of it'))]).print_plan()
    plan = capfd.readouterr().out
    assert os.listdir() == ['in put']
    assert [line for line in plan.splitlines() if line.startswith('#')] == [
        '# first: to do',
        '# then: to do',
    ]
    assert "\nrm -rf 'of it'\n" in plan
    Path('of it').mkdir()
    subprocess.run(['bash', '-c', plan], check=True)
    assert say.read_text() == "<content it's\n" and not Path('of it').exists()
    say.unlink()
    Path('content').touch()  # the checkpoint
    Steps([first, then]).run()
    assert say.read_text() == "<content it's\n"
    Steps([first, then]).print_plan()
    assert '# first: done before\n# then: done before\n' in capfd.readouterr().out


def test_a_word_with_text_in_front(folder):
    Path('last_checkpoint').write_text('my epoch.pth\n')
    word = last_checkpoint(Path()).after('load from=')
    assert word.read() == 'load from=my epoch.pth'
    assert subprocess.getoutput(f'printf %s {word.shell}') == 'load from=my epoch.pth'


@pytest.mark.parametrize(('text', 'number'), [(None, None), ('0', 0), ('12', 12)])
def test_whole_numbers(text, number):
    assert whole_number('--seed', text) == number


@pytest.mark.parametrize(
    ('text', 'least', 'told'),
    [('-1', 0, "a whole number, not '-1'"), ('1.5', 0, "a whole number, not '1.5'"),
     ('', 0, "a whole number, not ''"), ('0', 1, "a whole number, at least 1, not '0'")],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused(text, least, told):
    with pytest.raises(ValueError, match=f'^--seed must be {told}$'):
        whole_number('--seed', text, least)


def test_paths_that_options_would_change():
    check_plain_path('--work-dir', Path('work_dirs/a-b_c.d'))
    for path in ('a b', 'a,b', 'a(1)', 'a[1]', "a'b", 'a"b'):
        with pytest.raises(ValueError, match='^--work-dir must be without spaces, commas, '):
            check_plain_path('--work-dir', path)


def test_a_folder_is_one_experiments(tmp_path):
    path = tmp_path / 'work' / 'whose.txt'
    check_folder(path, 'mine')
    assert not path.parent.exists()
    for _ in range(2):
        bind_folder(path, 'mine')
    with pytest.raises(ValueError, match="work holds 'mine', not 'yours': choose another --work"):
        bind_folder(path, 'yours')
    assert path.read_text() == 'mine\n'


@pytest.mark.parametrize(
    ('held', 'asked'),
    [
        ('data/videolt/ seed 0 ', 'data/videolt seed 0'),
        ('./configs/x.py 2 --split ap', 'configs/x.py 2 --split ap'),
        ('data seed 0 --epochs 5 --head-min 3', 'data seed 0 --head-min 3 --epochs 5'),
    ],
)
def test_a_folder_of_an_older_version_goes_on(tmp_path, held, asked):
    path = tmp_path / 'whose.txt'
    path.write_text(f'{held}\n')
    bind_folder(path, asked)
    assert path.read_text() == f'{asked}\n'
    with pytest.raises(ValueError, match='choose another --work-dir'):
        check_folder(path, f'{asked} --tail-max 1')


@pytest.mark.parametrize('log', [Path('log'), None])
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_step_and_leaves_no_traceback(folder, log, number):
    """Sent to the one process, as ``kill`` does."""
    step = Step(
        'wait', [], [], ['bash', '-c', 'echo $$ >child; exec sleep 600'], Path('stamp'), log
    )
    code = 'from pathlib import Path, PosixPath; from mmlt.experiments.steps import *; '
    process = subprocess.Popen(
        [sys.executable, '-c', f'{code}Steps([{step!r}]).run()'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # ignored in a job that a shell has put into the background
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    while not Path('child').exists() or not Path('child').read_text().endswith('\n'):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate()
    assert (process.returncode, err) == (128 + number, b'')
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path('child').read_text()), 0)
    assert not Path('stamp').exists()
    assert log is None or re.fullmatch(rb'== wait: not finished after \d+ s\n', out)


@pytest.mark.parametrize('log', [Path('log'), None])
def test_a_signal_while_the_step_begins_ends_it_too(folder, log, monkeypatch, capfd):
    """It comes when the command runs and before ``Popen`` has returned."""
    before = signal.getsignal(signal.SIGTERM)

    class Popen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            while not Path('child').exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, 'Popen', Popen)
    step = Step('wait', [], [], ['bash', '-c', 'echo $$ >child; exec sleep 600'], Path('s'), log)
    with pytest.raises(SystemExit) as stop:
        Steps([step]).run()
    assert stop.value.code == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path('child').read_text()), 0)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_command_can_be_told_to_end(folder):
    """The signals that wait while it begins do not wait in the command."""
    code = run_command(['bash', '-c', 'kill $$; sleep 600'])
    assert code == -signal.SIGTERM


def test_signals_are_as_they_were_when_the_steps_are_over(folder):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    Steps([_copy(inputs=[], outputs=[], command=['true'])]).run()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def _on_a_terminal(script):
    """What a terminal is sent by a step that runs a script, and its exit code."""
    code = 'import sys; from pathlib import Path; '
    code += 'from mmlt.experiments.logged_command import run_into_log; '
    code += 'sys.exit(run_into_log("train", ["bash", "-c", sys.argv[1]], Path("train.log")))'
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, '-c', code, script], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    sent = b''
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        sent += part
    os.close(ours)
    return process.wait(timeout=60), sent.decode()


def test_a_terminal_is_told_how_far_a_training_is(folder):
    code, sent = _on_a_terminal(f'{TRAINING}\nsleep 5')
    assert code == 0
    assert re.search(
        r'\r\x1b\[K== train: \d+ s  Epoch\(train\) \[2\]\[ 20/120\] loss: 0\.6931', sent
    )
    last = sent.replace('\r\n', '\n').rpartition('\x1b[K')[2]
    assert re.fullmatch(r'== train: \d+ s, log: train\.log\n', last)
    assert 'a line' not in sent


def test_a_terminal_is_told_of_a_failure(folder):
    code, sent = _on_a_terminal('sleep 3; echo bad; exit 3')
    assert code == 3
    last = sent.replace('\r\n', '\n').rpartition('\x1b[K')[2]
    assert re.fullmatch(r'== train: not finished after \d+ s\nthe end of train\.log:\nbad\n', last)


@pytest.mark.parametrize(('passed', 'told'), [(0, '0 s'), (59, '59 s'), (312, '5 min 12 s')])
def test_times(folder, monkeypatch, capfd, passed, told):
    clock = iter([1000.0, 1000.0 + passed])
    monkeypatch.setattr(time, 'monotonic', lambda: next(clock, 1000.0 + passed))
    monkeypatch.setattr('mmlt.experiments.logged_command.subprocess.Popen', _Ended)
    assert run_into_log('train', ['true'], Path('train.log')) == 0
    assert capfd.readouterr().out == f'== train: {told}, log: train.log\n'


class _Ended:
    """A process that has ended well; waiting for one asks the clock too."""

    def __init__(self, *_, **__):
        pass

    def wait(self, timeout):
        return 0
