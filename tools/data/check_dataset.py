r"""Check a data set in AVA's format before a training: what is wrong, where, and how to mend it.

Examples:
    python tools/data/check_dataset.py data/mine
    python tools/data/check_dataset.py configs/toy/slowonly_toy_ava.py --out check.html
    python tools/data/check_dataset.py data/mine --fix data/mended
    python tools/data/check_dataset.py my_config.py --no-page --strict

Looked at are the annotations, label map, excluded keyframes, proposals, frames and videos.json that
the train, val and test datasets of the config name, and what the splits share. Exit code: 0 nothing
wrong, 1 errors (with --strict warnings too), 2 it could not be checked. With
--fix it is that of the copies.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmlt.command_line import TOOL_ERRORS, HelpFormatter, tool_main
from mmlt.evaluation.dataset_page.findings import split_facts
from mmlt.evaluation.progress import status
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.dataset_checks.finding import SEVERITIES, Finding, count_severities
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
        raise ValueError(f'{args.data}: no AVADataset in train, val or test dataloader')
    with status('checking', len(splits)) as advance:
        check = check_splits(splits, advance=advance)
    for finding in check.findings:
        print(f'{finding.severity}: {finding}')
    for name in check.rows:
        facts = split_facts(check, name)
        print(f'{name}: ' + ', '.join(f'{value} {key}' for key, value in facts.items()))
    print(count_severities(check.findings))
    if not args.no_page:
        out = args.out or (path if path.is_dir() else Path()) / 'check.html'
        with status('drawing the page'):
            write_page(check, out, config, path)
        print(f'page: {out}')
    findings = fix(args.fix, splits, config) if args.fix else check.findings
    bad = SEVERITIES[: 2 if args.strict else 1]
    return int(any(finding.severity in bad for finding in findings))


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


def fix(out: str, splits: Sequence[SplitSettings], config: Config) -> list[Finding]:
    """Write mended copies and a config that reads them, say what was done; what is left."""
    mended = mend_splits(splits, out)
    for file, text in mended.changes:
        print(f'mended: {file}: {text}')
    for file, text in mended.refused:
        print(f'not mended: {file}: {text}')
    for finding in mended.left:
        print(f'left: {finding.severity}: {finding}')
    if not mended.copies:
        print('no file has a mistake of one certain mend: nothing was written')
        return mended.left
    with atomic_write(Path(out) / 'config.py') as temporary:
        temporary.write_text(
            type(config)(with_copies(config.to_dict(), mended.copies)).pretty_text, encoding='utf-8'
        )
    print(f'{len(mended.copies)} mended copies and a config.py that reads them: {out}')
    return mended.left


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
