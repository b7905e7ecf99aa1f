"""Steps that were done before: what makes one run again, and what is refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mmlt.experiments.commands import last_checkpoint
from mmlt.experiments.steps import Step, Steps

WORK = Path('work')
#: Appends to what a killed one has left, as a training does that is resumed.
APPEND = 'cat "$1" >>"$2"; echo once >>"$2 calls"'


def _step(name, source, work=WORK, **others):
    target = work / name
    command = ['bash', '-c', APPEND, 'append', source, target]
    return Step(
        name, [source], [target], command, work / 'done' / name, work / 'logs' / name
    )._replace(**others)


def _chain(work=WORK, **others):
    """Three steps, each on the result of the one before."""
    first = _step('first', Path('given'), work)
    second = _step('second', work / 'first', work, **others)
    return Steps([first, second, _step('third', work / 'second', work)], work)


@pytest.fixture(autouse=True)
def given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path('given')
    path.write_text('a')
    return path


def _calls():
    names = ('first', 'second', 'third')
    return [len((WORK / f'{name} calls').read_text().splitlines()) for name in names]


def _forget(name):
    for path in (WORK / name, WORK / 'done' / name):
        path.unlink()


def test_what_depends_on_a_step_done_again_is_done_again(given, capfd):
    _chain().run()
    given.write_text('b')
    _forget('first')
    capfd.readouterr()
    _chain().run()
    told = capfd.readouterr().out.splitlines()
    assert told[1] == '== second: once more, for work/first is another'
    assert told[3] == '== third: once more, for work/second is another'
    assert (WORK / 'third').read_text() == 'b'  # nothing of before is taken up
    assert _calls() == [2, 2, 2]
    _chain().run()
    assert _calls() == [2, 2, 2]


def test_the_same_output_again_changes_nothing_after_it():
    _chain().run()
    (WORK / 'first').unlink()
    _chain().run()
    assert _calls() == [2, 1, 1]


def test_killed_after_the_step_that_was_done_again_it_goes_on(given, capfd):
    _chain().run()
    given.write_text('b')
    _forget('first')
    Steps(_chain().steps[:1], WORK).run()
    capfd.readouterr()
    _chain().print_plan()
    plan = capfd.readouterr().out
    assert '# second: to do again, for work/first is another\nrm -rf -- work/second ' in plan
    _chain().run()
    assert (WORK / 'third').read_text() == 'b'


def test_killed_within_the_step_that_is_done_again_it_goes_on(given):
    _chain().run()
    (WORK / 'done' / 'first').unlink()
    (WORK / 'first').write_text('half')
    _chain().check()
    _chain().run()
    assert (WORK / 'third').read_text() == 'halfa'


def test_what_a_user_has_changed_in_the_folder_is_refused():
    _chain().run()
    (WORK / 'second').write_text('mine')
    with pytest.raises(ValueError, match='^third was done with another work/second than is'):
        _chain().run()
    assert _calls() == [1, 1, 1]


@pytest.mark.parametrize('lost', ['first', 'second'])
def test_another_input_or_command_is_refused_where_an_output_is_missing_too(given, lost):
    _chain().run()
    (WORK / lost).unlink()
    other = ['bash', '-c', APPEND, 'append', WORK / 'first', WORK / 'second', 'a=1']
    with pytest.raises(ValueError, match="^second was done without 'a=1'"):
        _chain(command=other).run()
    given.write_text('b')
    with pytest.raises(ValueError, match='^first was done with another given than is there now'):
        _chain().run()
    assert _calls() == [1, 1, 1]


@pytest.mark.parametrize('how', ['absolute', 'dotted', 'moved', 'linked'])
def test_the_folder_may_be_named_in_another_way_or_moved(tmp_path, how):
    """One whose name begins a path of the data, too."""
    work = Path('give')
    word = f'out_dir={work}/second'
    _chain(work, command=[*_chain(work).steps[1].command, word]).run()
    other = {'absolute': tmp_path / work, 'dotted': Path('x') / '..' / work}.get(how, Path('new'))
    if how == 'moved':
        work.rename(other)
    elif how == 'linked':
        other.symlink_to(work)
    Path('x').mkdir()
    word = f'out_dir={other}/second'
    again = _chain(other, command=[*_chain(other).steps[1].command, word])
    again.run()
    assert (other / 'second calls').read_text() == 'once\n'
    with pytest.raises(ValueError, match=f"^second was done with 'out_dir={other}/second', now"):
        _chain(other).check()


def test_a_checkpoint_that_is_known_later_is_of_the_folder(tmp_path):
    """Its path is absolute, and its name another when it is made again."""

    def steps():
        script = 'cp given "$1/$(cat given).pth"; echo "$1/$(cat given).pth" >"$1/last_checkpoint"'
        train = ['bash', '-c', script, 'train', os.path.abspath(WORK)]
        made = [WORK / 'last_checkpoint']
        first = Step('train', [Path('given')], made, train, WORK / 'trained', WORK / 'log')
        word = last_checkpoint(WORK)
        test = ['bash', '-c', 'cp "$1" "$2"', 'test', word, WORK / 'result']
        then = Step('test', [word], [WORK / 'result'], test, WORK / 'tested', WORK / 'log')
        return Steps([first, then], WORK)

    steps().run()
    Path('given').write_text('b')
    for name in ('trained', 'last_checkpoint'):
        (WORK / name).unlink()
    steps().run()
    assert (WORK / 'result').read_text() == 'b'


def _cached():
    """A cache of two parts, of which one is read, and its reader."""
    parts = [WORK / 'cache' / name / 'index' for name in ('train', 'val')]
    script = 'echo once >>calls; for x; do mkdir -p "${x%/*}"; echo >"$x"; done'
    command = ['bash', '-c', script, 'make', *parts]
    inputs = [Path('given')]
    make = Step('make', inputs, parts, command, WORK / 'made', WORK / 'log', is_cache=True)
    read = ['bash', '-c', 'cp given "$1"', 'read', WORK / 'result', f'dir={parts[0].parent}']
    then = Step('then', inputs, [WORK / 'result'], read, WORK / 'then', WORK / 'log')
    return Steps([make, then], WORK)


def test_a_cache_may_be_deleted_when_what_reads_it_is_done():
    _cached().run()
    shutil.rmtree(WORK / 'cache' / 'val')
    (WORK / 'result').unlink()
    _cached().run()
    assert Path('calls').read_text() == 'once\n'  # nothing reads val
    shutil.rmtree(WORK / 'cache')
    _cached().run()
    assert Path('calls').read_text() == 'once\n'
    (WORK / 'result').unlink()
    _cached().run()
    assert Path('calls').read_text() == 'once\nonce\n'


@pytest.mark.parametrize('record', ['', '{}'])
def test_a_step_of_an_older_version_left_no_stamp(record):
    """Where the one before has no record either."""
    done = WORK / 'done' / 'first'
    done.parent.mkdir(parents=True)
    (WORK / 'result').write_text('old')
    step = _step('result', Path('given'), older=done)
    assert step.missing() == WORK / 'done' / 'result'  # nothing is done
    done.write_text(record)
    assert (step.missing() is None) == (record == '')
    (WORK / 'result').unlink()
    assert step.missing() is not None


@pytest.mark.parametrize(
    ('text', 'told'),
    [
        ('{', 'work/done/first, line 1: not JSON: '),
        ('{"seconds": 1}', "work/done/first: key 'command' is missing"),
        ('{"command": 1, "inputs": {}}', "work/done/first: key 'command' must be a list of texts"),
        ('{"command": [], "inputs": {"a": 1}}', "work/done/first: inputs: key 'a' must be text"),
    ],
)
def test_a_damaged_stamp_is_named(text, told):
    _chain().run()
    (WORK / 'done' / 'first').write_text(text)
    with pytest.raises(ValueError) as error:
        _chain().check()
    assert str(error.value).startswith(told)
