"""How errors are told, by hand-made errors; two real ranks are in tests/tools/test_launch.py."""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys

import pytest
import torch
from mmengine.config import DictAction
from mmengine.logging import MMLogger

from mmlt.command_line import (
    HelpFormatter,
    ToldError,
    add_run_options,
    one_line,
    run_main,
    tell_error,
    tool_main,
)


def _raised(function, *arguments):
    with pytest.raises(Exception) as error:
        function(*arguments)
    return error.value


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ([], ('none', {}, 0)),
        (['--launcher', 'slurm', '--local-rank=3'], ('slurm', {}, 3)),
        (['--local_rank', '1'], ('none', {}, 1)),
        (['--cfg-options', 'a.b=2', 'c=[x,y]'], ('none', {'a.b': 2, 'c': ['x', 'y']}, 0)),
    ],
)
def test_options_of_a_run(given, expected):
    parser = argparse.ArgumentParser('tool', formatter_class=HelpFormatter)
    add_run_options(parser, DictAction)
    args = parser.parse_args(given)
    assert (args.launcher, args.cfg_options, args.local_rank) == expected
    text = parser.format_help()
    assert 'what has started the ranks (default: none)' in text and 'local' not in text


def test_an_unknown_launcher_is_refused(capsys):
    parser = argparse.ArgumentParser('tool')
    add_run_options(parser, DictAction)
    with pytest.raises(SystemExit):
        parser.parse_args(['--launcher', 'ray'])
    assert "invalid choice: 'ray'" in capsys.readouterr().err


class _WithCode(OSError):
    code = 404  # as urllib's HTTPError has it


@pytest.mark.parametrize(
    ('error', 'code', 'told'),
    [
        (None, 0, ''),
        (FileNotFoundError('a.csv: no such file'), 2, 'error: a.csv: no such file\n'),
        (ImportError('No module named matplotlib'), 2, 'error: No module named matplotlib\n'),
        (_WithCode('not found'), 2, 'error: not found\n'),
        (ValueError(), 2, 'error: ValueError\n'),
        (ToldError(), 2, ''),
        (ToldError('baseline failed', 137), 137, ''),
    ],
)
def test_the_main_of_a_tool(monkeypatch, capsys, error, code, told):
    monkeypatch.setenv('RANK', '0')  # of a shell in a job: the tool is no rank of its own

    def work(args):
        if error is not None:
            raise error

    assert tool_main(argparse.ArgumentParser().parse_args, work)([]) == code
    assert capsys.readouterr().err == told


def test_a_tool_of_several_ranks_tells_which(alone, monkeypatch, capsys):
    monkeypatch.setenv('RANK', '1')

    def work(args):
        raise ValueError('no box')

    main = tool_main(argparse.ArgumentParser().parse_args, work, tell=tell_error)
    assert (main([]), capsys.readouterr().err) == (2, 'error: no box (rank 1)\n')


def test_the_main_of_a_tool_passes_on_what_is_no_fault_of_the_user():
    main = tool_main(argparse.ArgumentParser().parse_args, lambda args: {}['absent'])
    with pytest.raises(KeyError, match='absent'):
        main([])


@pytest.mark.parametrize(
    ('error', 'line'),
    [
        (ValueError('a.csv, line 3: no number'), 'a.csv, line 3: no number'),
        (FileNotFoundError('a.csv: no such file'), 'a.csv: no such file'),
        (ValueError('two\n  lines'), 'two lines'),
        (ValueError(), 'ValueError'),
        (KeyError('bbox_head'), "KeyError: 'bbox_head'"),
        (RuntimeError('no memory'), 'RuntimeError: no memory'),
        (AssertionError(), 'AssertionError'),
    ],
)
def test_one_line_of_an_error(error, line):
    assert one_line(error) == line


def test_a_file_that_is_absent(tmp_path):
    path = tmp_path / 'gone.csv'
    assert one_line(_raised(open, path)) == f'{path}: No such file or directory'


class _Broken(torch.utils.data.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise FileNotFoundError('img_00007.jpg: no such frame')


def test_an_error_in_a_loaders_process():
    loader = torch.utils.data.DataLoader(_Broken(), num_workers=1)
    error = _raised(next, iter(loader))
    assert str(error).count('\n') > 3
    assert one_line(error) == 'FileNotFoundError: img_00007.jpg: no such frame'


@pytest.fixture
def alone(monkeypatch):
    for name in ('RANK', 'SLURM_PROCID', 'TORCHELASTIC_ERROR_FILE'):
        monkeypatch.delenv(name, raising=False)


def _fail(error):
    def main():
        raise error

    return main


def test_a_rank_of_the_launcher_leaves_its_error_to_it(alone, monkeypatch, tmp_path, capsys):
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

    path = tmp_path / 'error.json'
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(path))
    with pytest.raises(SystemExit) as stop:
        run_main(_fail(ValueError('a.csv, line 3: no number')))
    assert stop.value.code == 2
    assert capsys.readouterr() == ('', '')
    failure = ProcessFailure(local_rank=1, pid=7, exitcode=2, error_file=str(path))
    assert failure.message['message'] == 'a.csv, line 3: no number'
    assert 'in main' in failure.message['extraInfo']['py_callstack']
    tell_error(ValueError('another'))
    assert json.loads(path.read_text())['message']['message'] == 'another'


@pytest.mark.parametrize('name', ['RANK', 'SLURM_PROCID'])
def test_a_rank_of_another_launcher_says_which_it_is(alone, monkeypatch, capsys, name):
    monkeypatch.setenv(name, '3')
    tell_error(ValueError('bad'))
    assert capsys.readouterr().err == 'error: bad (rank 3)\n'


def test_what_the_user_can_mend_has_its_traceback_in_the_log(alone, tmp_path, capsys):
    log = tmp_path / 'run.log'
    logger = MMLogger.get_instance('test_command_line', log_file=str(log))
    assert MMLogger.get_current_instance() is logger
    with pytest.raises(SystemExit) as stop:
        run_main(_fail(ValueError('a.csv, line 3: no number')))
    assert stop.value.code == 2
    printed = capsys.readouterr().err
    assert printed == f'the traceback is in {log}\nerror: a.csv, line 3: no number\n'
    assert log.read_text().startswith('Traceback') and 'in main' in log.read_text()
    with pytest.raises(SystemExit) as stop:
        run_main(_fail(RuntimeError('no memory')))
    assert stop.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith('Traceback') and lines[-1] == 'error: RuntimeError: no memory'
    for handler in [each for each in logger.handlers if isinstance(each, logging.FileHandler)]:
        handler.close()
    del MMLogger._instance_dict['test_command_line']


def test_the_end_of_a_program_is_no_error(alone, capsys):
    for stop in (SystemExit(3), KeyboardInterrupt()):
        with pytest.raises(type(stop)):
            run_main(_fail(stop))
    run_main(lambda: None)
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize(
    ('options', 'help_text'),
    [
        (dict(default=3), 'a number (default: 3)'),
        (dict(default=0.5), 'a number (default: 0.5)'),
        (dict(default=0), 'a number (default: 0)'),
        (dict(default='10%'), 'a number (default: 10%)'),
        (dict(nargs='+', default=[0, 1]), 'a number (default: 0 1)'),
        (dict(nargs='+', default=[]), 'a number'),
        (dict(), 'a number'),
        (dict(action='store_true'), 'a number'),
    ],
)
def test_defaults_in_the_help(options, help_text):
    parser = argparse.ArgumentParser('tool', formatter_class=HelpFormatter)
    parser.add_argument('--it', help='a number', **options)
    assert parser.format_help().splitlines()[-1].split('  ')[-1].strip() == help_text


def test_a_default_that_the_help_names_is_not_repeated():
    parser = argparse.ArgumentParser('tool', formatter_class=HelpFormatter)
    parser.add_argument('--it', default=3, help='100%% or default: %(default)s')
    assert parser.format_help().splitlines()[-1].endswith('  100% or default: 3')


def test_the_module_needs_neither_torch_nor_openmmlab():
    code = (
        'import sys, mmlt.command_line\n'
        'sys.exit(any(m.split(".")[0] in ("torch", "mmengine", "mmaction") for m in sys.modules))'
    )
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, '-c', code], env=environment).returncode == 0
