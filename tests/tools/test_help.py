"""The help of every tool: its examples as they stand in the source, and every default."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(path for path in (ROOT / 'tools').rglob('*.py') if path.name != 'launch.py')
SCRIPTS = sorted(path for path in (ROOT / 'tools').glob('*.sh') if path.name != 'common.sh')
OF_A_TOOL = [path for path in SCRIPTS if path.with_suffix('.py').is_file()]  # its other name
SCRIPTS = [path for path in SCRIPTS if path not in OF_A_TOOL]
NO_DEFAULT = (None, argparse.SUPPRESS, [], {})


def _load(path):
    spec = importlib.util.spec_from_file_location(f'help_of_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def parsers_of(monkeypatch):
    """The parser of a tool, and those of its parts."""

    def find(path):
        module = _load(path)
        found = []
        monkeypatch.setattr(argparse.ArgumentParser, 'print_help', lambda self: found.append(self))
        monkeypatch.setattr(sys, 'argv', [str(path), '--help'])
        with pytest.raises(SystemExit) as stop:
            getattr(module, 'parse_args', module.main)()
        assert stop.value.code == 0
        for action in found[0]._actions:
            if isinstance(action, argparse._SubParsersAction):
                found += action.choices.values()
        return module, found

    return find


@pytest.mark.parametrize('path', TOOLS, ids=lambda path: path.stem)
def test_examples_and_defaults(parsers_of, path):
    module, parsers = parsers_of(path)
    assert module.__doc__.strip() in parsers[0].format_help()
    source = path.read_text(encoding='utf-8')
    doc = source[source.index('"""') + 3 :].partition('"""')[0]
    assert re.search(r'\n\nExamples?:\n', doc)  # a paragraph of its own
    for line in doc.strip().splitlines():  # as written: a backslash at the end stays one
        assert line in parsers[0].format_help().splitlines(), line
    options = [(parser, action) for parser in parsers for action in parser._actions]
    for parser, action in options:
        if action.help is argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction):
            continue
        if '--local-rank' in action.option_strings:  # of the launchers: nobody types it
            continue
        name = action.option_strings or action.dest
        assert action.help, f'{name} has no help'
        if action.nargs != 0 and action.default not in NO_DEFAULT:
            shown = action.default
            shown = ' '.join(map(str, shown)) if isinstance(shown, (list, tuple)) else str(shown)
            told = parser._get_formatter()._expand_help(action)
            assert shown in told and 'default' in told, f'{name}: {told}'


def test_test_py_has_data_split(parsers_of):
    _, (parser,) = parsers_of(ROOT / 'tools' / 'test.py')
    assert '--data-split {train,val,test}' in parser.format_help()
    assert '--on' not in parser.format_help()
    _, (parser,) = parsers_of(ROOT / 'tools' / 'train.py')
    assert '--data-split' not in parser.format_help()


def test_launch_py_shows_its_own_help_and_torchs(capsys):
    module = _load(ROOT / 'tools' / 'launch.py')
    with contextlib.suppress(SystemExit):  # which newer versions of torch take for a return
        assert module.main(['--help']) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(module.__doc__) and '--standalone' in printed


@pytest.mark.parametrize('option', ['--help', '-h'])
@pytest.mark.parametrize('script', SCRIPTS, ids=lambda path: path.stem)
def test_scripts_show_their_usage_and_do_nothing(script, option, tmp_path):
    environment = {**os.environ, 'PYTHON': str(tmp_path / 'no_python')}
    for before in ((), ('first', 'second')):
        command = [script, *before, option]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, '')
        comment = re.search(r'^# (Usage: .*\n(?:#.*\n)+)', script.read_text(), re.MULTILINE).group(
            1
        )
        assert done.stdout == re.sub('^# ?', '', comment, flags=re.MULTILINE)
        assert done.stdout.startswith(f'Usage: tools/{script.name} ')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('script', OF_A_TOOL, ids=lambda path: path.stem)
def test_a_script_of_a_tool_hands_it_all_arguments(script, tmp_path):
    fake = tmp_path / 'my python'
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    fake.chmod(0o755)
    arguments = ['a b', '--help', "it's", '*', '']
    environment = {**os.environ, 'PYTHON': str(fake)}
    command = [script, *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, '')
    assert done.stdout.splitlines() == [str(script.with_suffix('.py')), *arguments]


def _documented_commands():
    """Lines of the documentation and of configs that call a tool without naming an interpreter."""
    files = [ROOT / 'README.md', *(ROOT / 'configs').rglob('*.md'), *(ROOT / 'docs').rglob('*.md')]
    files += [*(ROOT / 'configs').rglob('*.py'), *(ROOT / 'tools').rglob('*.py')]
    for file in files:
        text = file.read_text(encoding='utf-8')
        for tool in re.findall(r'^(?: {4}|Command: |\$ )(tools/\S+)', text, re.MULTILINE):
            yield pytest.param(tool, id=f'{file.relative_to(ROOT)}: {tool}')


@pytest.mark.parametrize('tool', {each.values[0]: each for each in _documented_commands()}.values())
def test_what_is_called_without_an_interpreter_can_be_executed(tool):
    assert os.access(ROOT / tool, os.X_OK), f'{tool} needs "python" in front'
