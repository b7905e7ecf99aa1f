from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console

from mmlt.evaluation import progress
from mmlt.evaluation.progress import LINE_EVERY_SEC, SHOW_AFTER_SEC, count, rank_progress, status


class FakeTimer:
    """Goes off when it is told to."""

    def __init__(self, seconds, function):
        self.seconds, self.function, self.is_running = seconds, function, False
        FakeTimer.made.append(self)

    def start(self):
        self.is_running = True

    def cancel(self):
        self.is_running = False

    def join(self):
        pass


class LateTimer(FakeTimer):
    """Has gone off just before it is cancelled: its function runs until it is joined."""

    def cancel(self):
        pass

    def join(self):
        self.function()


@pytest.fixture
def timers(monkeypatch):
    FakeTimer.made = []
    monkeypatch.setattr(progress.threading, 'Timer', FakeTimer)
    return FakeTimer.made


def _terminal():
    return Console(file=io.StringIO(), force_terminal=True, force_interactive=True, width=100)


def _text(console):
    return console.file.getvalue()


def test_work_is_shown_after_two_seconds_and_then_goes(timers):
    console = _terminal()
    with status('matching [boxes]', 3, console) as advance:
        (timer,) = timers
        assert timer.seconds == SHOW_AFTER_SEC == 2
        assert timer.is_running and timer.daemon
        advance()
        assert _text(console) == ''
        timer.function()
        assert 'matching [boxes]' in _text(console) and '1/3' in _text(console)
    assert not timer.is_running
    # taken away: the line is erased and the cursor visible again
    assert _text(console).endswith('\x1b[2K') and '\x1b[?25h' in _text(console)


def test_work_without_parts_has_no_bar(timers):
    console = _terminal()
    with status('counting', console=console):
        timers[0].function()
    assert 'counting' in _text(console) and '/' not in _text(console).split('counting')[1][:30]


def test_what_is_done_sooner_shows_nothing(timers):
    console = _terminal()
    with status('reading', console=console):
        pass
    assert _text(console) == '' and not timers[0].is_running


def test_a_timer_that_goes_off_while_the_work_ends_leaves_nothing(monkeypatch):
    LateTimer.made = []
    monkeypatch.setattr(progress.threading, 'Timer', LateTimer)
    console = _terminal()
    with status('reading', console=console):
        assert _text(console) == ''
    assert 'reading' in _text(console) and '\x1b[?25h' in _text(console)
    assert _text(console).endswith('\x1b[2K')


def test_an_error_takes_it_away(timers):
    console = _terminal()
    with pytest.raises(ValueError, match='bad row'), status('reading', console=console):
        timers[0].function()
        raise ValueError('bad row')
    assert '\x1b[?25h' in _text(console)


def test_the_clock_shows_it(monkeypatch):
    """With a real timer, and nothing is left running."""
    monkeypatch.setattr(progress, 'SHOW_AFTER_SEC', 0.01)
    console, before = _terminal(), set(threading.enumerate())
    with status('reading', console=console):
        deadline = time.monotonic() + 60
        while 'reading' not in _text(console):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    for each in set(threading.enumerate()) - before:
        each.join(timeout=60)
        assert not each.is_alive()


def test_nothing_where_there_is_no_terminal(timers):
    console = Console(file=io.StringIO(), force_terminal=False)
    with status('reading', 2, console) as advance:
        advance()
        advance()
    assert _text(console) == '' and not timers[0].is_running


def test_standard_error_by_default(capsys, monkeypatch):
    monkeypatch.setattr(progress, 'SHOW_AFTER_SEC', 0)
    with status('reading', 1) as advance:
        advance()
    assert capsys.readouterr() == ('', '')
    with count('drawing') as tell:
        tell(1, 2)
    assert capsys.readouterr() == ('', 'drawing: 1 of 2\n')


def test_a_count_without_a_terminal_is_a_line_every_ten_seconds(monkeypatch):
    assert LINE_EVERY_SEC == 10
    now = 0.0
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now)
    console = Console(file=io.StringIO(), force_terminal=False, width=20)
    with count('drawing [video]', console) as tell:
        tell(1, 300)
        for done in range(2, 26):
            now += 1
            tell(done, 300)
    assert _text(console).splitlines() == [f'drawing [video]: {n} of 300' for n in (1, 11, 21)]


def test_a_count_on_a_terminal_is_a_bar_that_goes():
    console = _terminal()
    with count('drawing', console) as tell:
        tell(7, 300)
    assert '7/300' in _text(console) and '7 of 300' not in _text(console)
    assert _text(console).endswith('\x1b[2K')


@pytest.mark.parametrize(('rank', 'told'), [(0, True), (1, False)])
def test_the_share_of_rank_0_is_told_by_the_name_that_it_has(capsys, rank, told):
    with rank_progress('my [val]', 3, rank, 2) as advance:
        advance(2)
    shown = capsys.readouterr().err
    assert ('my [val] (rank 0 of 2)' in shown, '2/3' in shown) == (told, told)
