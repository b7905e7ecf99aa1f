r"""Check a data set in AVA's format before a training: what is wrong, where, and how to mend it.

Examples:
    python tools/data/check_dataset.py data/mine
    python tools/data/check_dataset.py configs/toy/slowonly_toy_ava.py --out check.html
    python tools/data/check_dataset.py data/mine --fix data/mended
    python tools/data/check_dataset.py my_config.py --no-page --strict

Looked at are the annotations, label map, excluded keyframes, proposals, frames and videos.json that
the train, val and test datasets of the config name, and what the splits share. Exit code: 0 nothing
wrong, 1 errors (with --strict warnings too), 2 it could not be checked. With
--fix what is printed and the exit code are of the copies, the page is of the files as they were.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import TOOL_ERRORS, HelpFormatter, tool_main
from mmlt.evaluation.dataset_page.findings import split_facts
from mmlt.evaluation.progress import status
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.dataset_checks.finding import SEVERITIES, count_severities
from mmlt.fileio.dataset_checks.mended_copies import mend_splits
from mmlt.fileio.dataset_checks.settings import (
    SplitSettings,
    group_rule,
    splits_of_config,
    with_copies,
)
from mmlt.fileio.dataset_checks.whole import DatasetCheck, check_splits

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('data', help='a prepared folder (its config.py is read), or a config')
    parser.add_argument(
        '--fix', metavar='OUT', help='folder for mended copies of what has one certain mend'
    )
    parser.add_argument('--out', help='page to write; default: check.html in the folder')
    parser.add_argument('--no-page', action='store_true', help='write no page')
    parser.add_argument('--strict', action='store_true', help='exit with 1 on warnings too')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks for."""
    path = Path(args.data)
    config = read_config(path / 'config.py' if path.is_dir() else path)
    splits = splits_of_config(config)
    if not splits:
        raise ValueError(f'{args.data}: {nothing_to_check(config)}')
    with status('checking', len(splits)) as advance:
        check = check_splits(splits, advance=advance)
    told, folders = check, [path if path.is_dir() else path.parent]
    if args.fix:
        folders.append(Path(args.fix))
        told = fix(os.path.abspath(args.fix), splits, config, folders)
    report(told, folders, 'left: ' if args.fix else '')
    if not args.no_page:
        out = args.out or (path if path.is_dir() else Path()) / 'check.html'
        with status('drawing the page'):
            write_page(check, out, config, path)
        print(f'page: {out}' + (', of the files as they were' if args.fix else ''))
    bad = SEVERITIES[: 2 if args.strict else 1]
    return int(any(finding.severity in bad for finding in told.findings))


def nothing_to_check(config: Mapping) -> str:
    """Why a config has no split to be checked."""
    if isinstance(config.get('datasets'), Mapping):
        names = ', '.join(config['datasets'])
        return (
            f'a co-finetuning config: its data sets ({names}) are to be checked one by one; give '
            'for each a config that has it in train_dataloader, val_dataloader and test_dataloader'
        )
    return 'no AVADataset in train, val or test dataloader'


def report(check: DatasetCheck, folders: Sequence[Path], prefix: str) -> None:
    """Print the findings, what each split holds, and how many findings there are."""
    for finding in check.findings:
        say(f'{prefix}{finding.severity}: {finding}', folders)
    for name in check.rows:
        facts = split_facts(check, name)
        print(f'{name}: ' + ', '.join(f'{value} {key}' for key, value in facts.items()))
    print(count_severities(check.findings))


def say(text: str, folders: Sequence[Path]) -> None:
    """Print a text, what lies in some folders written as the folders are given."""
    for folder in folders:
        given = os.path.join(folder, '') if folder != Path() else ''
        text = text.replace(os.path.join(os.path.abspath(folder), ''), given)
    print(text)


def read_config(path: Path) -> Config:
    """A config; whatever fails in its code is the user's to mend."""
    from mmengine.config import Config

    try:
        return Config.fromfile(path)
    except TOOL_ERRORS:
        raise
    except Exception as error:
        raise ValueError(f'{path}: {type(error).__name__}: {error}') from error


def write_page(check: DatasetCheck, out: str | Path, config: Mapping, path: Path) -> None:
    """Write the page, with pictures where there are frames."""
    from mmlt.evaluation.dataset_page.page import write_dataset_page
    from mmlt.experiments.dataset_pictures import keyframe_drawer

    title = f'Data set: {path.resolve().name}'
    rule = group_rule(config)
    write_dataset_page(check, out, title=title, rule=rule, draw_at=keyframe_drawer(check))


def fix(
    out: str, splits: Sequence[SplitSettings], config: Config, folders: Sequence[Path]
) -> DatasetCheck:
    """Write mended copies and a config that reads them, say what was done; what is left."""
    mended = mend_splits(splits, out)
    for file, text in mended.changes:
        say(f'mended: {file}: {text}', folders)
    for file, text in mended.refused:
        say(f'not mended: {file}: {text}', folders)
    if not mended.copies:
        print('no file has a mistake of one certain mend: nothing was written')
        return mended.check
    with atomic_write(Path(out) / 'config.py') as temporary:
        temporary.write_text(
            type(config)(with_copies(config.to_dict(), mended.copies)).pretty_text, encoding='utf-8'
        )
    print(f'{len(mended.copies)} mended copies and a config.py that reads them: {folders[-1]}')
    return mended.check


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
