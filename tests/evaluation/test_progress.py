from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from mmlt.evaluation.progress import (
    LINE_EVERY_SEC,
    LINES_OF_FAILURE,
    SHOW_AFTER_SEC,
    CountedProgress,
    ProgressBar,
    StepError,
    run_step,
)


class FakeClock:
    """Makes timers that go off when the clock is moved past their time."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def make_timer(self, seconds, function):
        return FakeTimer(self, seconds, function)

    def move(self, seconds):
        self.now += seconds
        for timer in [timer for timer in self.timers if timer.due <= self.now]:
            self.timers.remove(timer)
            timer.function()


class FakeTimer:
    def __init__(self, clock, seconds, function):
        self.clock, self.seconds, self.function = clock, seconds, function

    def start(self):
        self.due = self.clock.now + self.seconds
        self.clock.timers.append(self)

    def cancel(self):
        if self in self.clock.timers:
            self.clock.timers.remove(self)


@pytest.fixture
def clock():
    return FakeClock()


def _terminal():
    return Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=100)


def _bar(clock, console, total=3):
    return ProgressBar(total, console=console, make_timer=clock.make_timer)


def test_two_seconds():
    assert SHOW_AFTER_SEC == 2


def test_appears_after_two_seconds_and_not_before(clock):
    console = _terminal()
    with _bar(clock, console) as bar:
        bar.step('reading')
        clock.move(1.99)
        bar.step('matching')
        assert console.file.getvalue() == ''
        clock.move(0.01)
        bar._progress.refresh()
        shown = console.file.getvalue()
        assert 'matching' in shown and '1/3' in shown
        assert 'reading' not in shown
        bar.step('writing')
        bar._progress.refresh()
        assert '2/3' in console.file.getvalue()[len(shown) :]
    # Taken away: the line is erased and the cursor visible again.
    assert console.file.getvalue().endswith('\x1b[2K')
    assert '\x1b[?25h' in console.file.getvalue()


def test_what_is_done_sooner_shows_nothing(clock):
    console = _terminal()
    with _bar(clock, console) as bar:
        bar.step('reading')
        clock.move(1)
    clock.move(10)
    assert console.file.getvalue() == ''
    assert clock.timers == []


def test_an_error_takes_it_away(clock):
    console = _terminal()
    with pytest.raises(ValueError, match='bad row'), _bar(clock, console) as bar:
        bar.step('reading')
        clock.move(3)
        raise ValueError('bad row')
    assert '\x1b[?25h' in console.file.getvalue()
    written = console.file.getvalue()
    clock.move(10)
    assert console.file.getvalue() == written


def test_a_timer_that_goes_off_while_the_work_ends_shows_nothing(clock):
    console = _terminal()
    with _bar(clock, console) as bar:
        late = clock.timers[0].function
    late()
    assert console.file.getvalue() == ''
    assert not bar._progress.live.is_started


def test_nothing_where_there_is_no_terminal(clock):
    console = Console(file=io.StringIO(), force_terminal=False)
    with _bar(clock, console) as bar:
        for name in ('reading', 'matching', 'writing'):
            bar.step(name)
            clock.move(5)
    assert console.file.getvalue() == ''


def test_names_are_no_markup(clock):
    console = _terminal()
    with _bar(clock, console) as bar:
        bar.step('class [red]')
        clock.move(2)
        bar._progress.refresh()
    assert '[red]' in console.file.getvalue()


def test_standard_error_by_default(capsys):
    bar = ProgressBar(1)
    assert bar._progress.console.stderr
    with bar:
        bar.step('reading')
    assert capsys.readouterr() == ('', '')


def test_a_count_without_a_terminal_is_a_line_every_ten_seconds(clock):
    assert LINE_EVERY_SEC == 10
    console = Console(file=io.StringIO(), force_terminal=False, width=20)
    with CountedProgress('drawing [video]', console, clock=lambda: clock.now) as progress:
        progress(1, 300)
        for done in range(2, 26):
            clock.move(1)
            progress(done, 300)
    assert console.file.getvalue().splitlines() == [
        f'drawing [video]: {done} of 300' for done in (1, 11, 21)
    ]


def test_a_count_on_a_terminal_is_a_bar_that_goes(clock):
    console = _terminal()
    with CountedProgress('drawing', console, clock=lambda: clock.now) as progress:
        progress(7, 300)
        progress._progress.refresh()
        assert '7/300' in console.file.getvalue()
        assert '7 of 300' not in console.file.getvalue()
    assert console.file.getvalue().endswith('\x1b[2K')


def test_a_step_is_one_line_and_its_output_in_a_log(tmp_path, capsys):
    log = tmp_path / 'logs' / 'train.log'

    def run():
        log.write_text('many lines\n' * 100)
        return 0

    run_step('seed 3: train', log, run)
    printed = capsys.readouterr()
    assert re.fullmatch(rf'seed 3: train: \d+ s, log: {re.escape(str(log))}\n', printed.out)
    assert printed.err == ''


def test_a_failed_step_shows_the_end_of_its_log(tmp_path, capsys):
    log = tmp_path / 'train.log'

    def run():
        log.write_text(''.join(f'line {i}\n' for i in range(100)) + 'error: no memory\n\n')
        return 3

    with pytest.raises(StepError) as error:
        run_step('train', log, run)
    assert str(error.value) == f'train failed: error: no memory (log: {log})'
    printed = capsys.readouterr()
    assert re.fullmatch(r'train: failed after \d+ s\n', printed.out)
    shown = printed.err.splitlines()
    assert shown[0] == f'the end of {log}:' and shown[-2:] == ['error: no memory', '']
    assert shown[1:-2] == [f'line {i}' for i in range(100 - LINES_OF_FAILURE + 2, 100)]


def test_a_step_that_wrote_no_log(tmp_path, capsys):
    log = tmp_path / 'none.log'
    with pytest.raises(StepError, match=r'^train failed: exit code 7 \(log: .*none\.log\)$'):
        run_step('train', log, lambda: 7)
    assert capsys.readouterr().err == f'the end of {log}:\n'
