"""What all tools share: how their help looks, and how they end when something fails.

Imports nothing of OpenMMLab and no torch.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import traceback
import types
from collections.abc import Callable, Sequence
from typing import Any

#: What the user can mend: told in one line. The traceback of anything else is shown.
USER_ERRORS = (OSError, ValueError)
#: The same of a tool that is no run: an absent package is one of an extra.
TOOL_ERRORS = (ImportError, *USER_ERRORS)
_ERROR_FILE = 'TORCHELASTIC_ERROR_FILE'  # where torch's launcher looks for a rank's error


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of a tool's description and adds its default to the help of each option.

    Not to that of a flag, nor where there is no default or the help names it itself.

    Example:
        >>> parser = argparse.ArgumentParser('tool', formatter_class=HelpFormatter)
        >>> _ = parser.add_argument('--seeds', nargs='+', default=[0, 1], help='of the runs')
        >>> print(parser.format_help().splitlines()[-1].strip())
        of the runs (default: 0 1)
    """

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, shown = action.help, _shown(action.default)
        if not text or action.nargs == 0 or not shown or 'default' in text:
            return text
        return f'{text} (default: {shown})'.replace('%%', '%').replace('%', '%%')


def _shown(default: Any) -> str:
    if default is None or default is argparse.SUPPRESS:
        return ''
    if isinstance(default, (list, tuple, dict)):
        return ' '.join(map(str, default))
    return str(default)


def describe(parse_args: Callable, description: str, add_arguments: Callable | None = None) -> None:
    """Have a ``parse_args`` of mmaction2's tools show our description and defaults.

    Args:
        parse_args: The function; it makes an ``argparse.ArgumentParser``.
        description: What the help says in place of its own.
        add_arguments: Called with the parser, to add others to its options.
    """

    class Parser(argparse.ArgumentParser):
        def __init__(self, **_: Any) -> None:
            super().__init__(description=description, formatter_class=HelpFormatter)
            if add_arguments is not None:
                add_arguments(self)

    names = {**vars(argparse), 'ArgumentParser': Parser}
    parse_args.__globals__['argparse'] = types.SimpleNamespace(**names)


def add_run_options(parser: argparse.ArgumentParser, cfg_action: type[argparse.Action]) -> None:
    """Add what a tool takes that reads a config and may be one of several ranks.

    As mmengine's own tools have it: ``--launcher``, ``--cfg-options`` and ``--local_rank``.

    Args:
        parser: Of the tool.
        cfg_action: mmengine's ``DictAction``, which reads KEY=VALUE.
    """
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch', 'slurm', 'mpi'),
        default='none',
        help='what has started the ranks',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=cfg_action,
        default={},
        metavar='KEY=VALUE',
        help='change CONFIG',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_data_split(parser: argparse.ArgumentParser, old: str, **options: Any) -> None:
    """Add ``--data-split``, and the name that it had before, which works with a warning.

    ``--split`` is elsewhere the file of the class groups.

    Args:
        parser: Of the tool.
        old: The earlier name, such as '--on'.
        options: What ``add_argument`` takes.
    """

    class Renamed(argparse.Action):
        def __call__(self, _, namespace: argparse.Namespace, values: Any, name: Any = None) -> None:
            print(f'warning: {name} is now --data-split', file=sys.stderr)
            setattr(namespace, self.dest, values)

    parser.add_argument('--data-split', **options)
    hidden = dict(options, dest='data_split', default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument(old, action=Renamed, **hidden)


def one_line(error: BaseException) -> str:
    """An error as one line: what failed, the file first where there is one."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f'{os.fspath(error.filename)}: {error.strerror}'
    text = str(error).strip()
    if text.startswith('Caught ') and 'Traceback' in text:  # torch's, of a loader's process
        text = text.splitlines()[-1]
    text = ' '.join(text.split())
    is_told = isinstance(error, USER_ERRORS) and text
    return text if is_told else f'{type(error).__name__}: {text}'.rstrip(': ')


class ToldError(Exception):
    """What ends a tool has been told already: by another rank, or by a step of an experiment.

    Args:
        exit_code: Of the tool.
    """

    def __init__(self, message: str = '', exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def tool_main(
    parse_args: Callable[[Sequence[str] | None], argparse.Namespace],
    work: Callable[[argparse.Namespace], int | None],
    errors: tuple[type[Exception], ...] = TOOL_ERRORS,
    tell: Callable[[Exception], None] | None = None,
) -> Callable[..., int]:
    """Make the ``main`` of a tool that is no training or test run.

    Args:
        parse_args: Reads the command line; None stands for that of the process.
        work: Does what it says; may return an exit code of its own.
        errors: What ends the tool with a line ``error: CAUSE`` and exit code 2.
        tell: How such an error is told; of a tool with several ranks :func:`tell_error`.

    Returns:
        ``main(argv=None)``, which returns the exit code.

    Example:
        >>> parser = argparse.ArgumentParser()
        >>> main = tool_main(parser.parse_args, lambda args: print('done'))
        >>> main([])
        done
        0
    """

    def main(argv: Sequence[str] | None = None) -> int:
        args = parse_args(argv)
        try:
            return work(args) or 0
        except ToldError as error:
            return error.exit_code
        except errors as error:
            (tell or _tell_plainly)(error)
            return 2

    return main


def _tell_plainly(error: Exception) -> None:
    text = str(error) if isinstance(error, ImportError) else one_line(error)
    print(f'error: {text}', file=sys.stderr, flush=True)


def run_main(main: Callable[[], Any]) -> None:
    """Run what may be one of several ranks; an error ends it with a last line ``error: CAUSE``.

    What the user can mend is told without its traceback, which is then in the log of the run.
    """
    try:
        main()
    except Exception as error:
        is_users = isinstance(error, USER_ERRORS)
        if _ERROR_FILE not in os.environ:
            _keep_traceback(_log_file() if is_users else None)
        tell_error(error)
        sys.exit(2 if is_users else 1)


def tell_error(error: Exception) -> None:
    """Print ``error: CAUSE``; a rank that torch's launcher has started leaves that to the launcher.

    It tells the error of the rank that failed first, and tells it last.
    """
    path = os.environ.get(_ERROR_FILE)
    if path:
        _record(error, path)
        return
    rank = os.environ.get('RANK', os.environ.get('SLURM_PROCID'))
    of_rank = f' (rank {rank})' if rank is not None else ''
    print(f'error: {one_line(error)}{of_rank}', file=sys.stderr, flush=True)


def _record(error: Exception, path: str) -> None:
    """Write the error in the layout of torch's ErrorHandler."""
    info = {'py_callstack': traceback.format_exc(), 'timestamp': str(int(time.time()))}
    with open(path, 'w', encoding='utf-8') as file:
        json.dump({'message': {'message': one_line(error), 'extraInfo': info}}, file)


def _keep_traceback(log: str | None) -> None:
    """Put the traceback into a log, or where there is none onto standard error."""
    if log is None:
        traceback.print_exc()
        return
    with open(log, 'a', encoding='utf-8') as file:
        file.write(traceback.format_exc())
    print(f'the traceback is in {log}', file=sys.stderr)


def _log_file() -> str | None:
    """The log of mmengine's run, where one has begun and this rank writes it."""
    module = sys.modules.get('mmengine.logging')
    handlers = module.MMLogger.get_current_instance().handlers if module else []
    files = [each.baseFilename for each in handlers if isinstance(each, logging.FileHandler)]
    return files[0] if files else None
