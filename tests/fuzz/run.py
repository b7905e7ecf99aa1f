"""Mutate every kind of file that mmlt reads and ask its readers and the references alike.

    python tests/fuzz/run.py --cases 10000
    python tests/fuzz/run.py --replay "0/ava csv/17"      # one case, by the id that was printed

Each case is made of (seed, kind, number) alone. A reader must give what the reference gives, or
raise a ValueError that names the file; no other error, no warning, no call of the file's choice.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from binary_kinds import binary_kinds
from kinds import Kind
from mutations import mutate
from text_kinds import TEXT_KINDS
from text_references import Refused
from watch import nothing_done


def make_case(seed: int, kind: Kind, number: int) -> tuple[bytes, bytes]:
    """The good content that case ``number`` starts from, and its mutated copy."""
    rng = random.Random(f'{seed}/{kind.name}/{number}')
    base = rng.choice(kind.bases)
    return base, kind.wrap(mutate(rng, base, binary=kind.is_binary))


def place_files(kind: Kind, content: bytes, folder: Path) -> Path:
    """Write a case where its reader looks; returns the path to read."""
    for name, other in {**kind.beside, kind.file: content}.items():
        path = folder / name
        if name == kind.file or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(other)
    return folder / kind.file


def check_case(kind: Kind, base: bytes, content: bytes, folder: Path) -> bool:
    """Whether the case was read; raises AssertionError where the two readers disagree."""
    path = place_files(kind, content, folder)
    error = None
    with nothing_done(may_unpickle=kind.may_unpickle), warnings.catch_warnings():
        warnings.simplefilter('error')
        try:
            found = kind.read(path)
        except ValueError as refusal:
            error = refusal
    if error is not None:
        assert type(error) is ValueError, f'{type(error).__name__}: {error}'
        named = [path, *(folder / name for name in kind.beside)]
        assert any(str(file) in str(error) for file in named), f'the file is not named: {error}'
        assert '\n' not in str(error), f'more than a line: {error}'
        assert re.search(kind.place, str(error).replace(str(folder), '')), f'no place: {error}'
    try:
        expected = kind.reference(path, base) if error is None or kind.is_exact else None
    except Refused:
        assert error is not None, f'read what the reference refuses: {found!r:.300}'
        return False
    assert error is None or not kind.is_exact, f'refused what the reference reads: {error}'
    assert error is not None or repr(found) == repr(expected), (
        f'{found!r:.300} where the reference has {expected!r:.300}'
    )
    return error is None


def run_kind(kind: Kind, seed: int, numbers: range, folder: Path) -> tuple[int, list[str]]:
    """How many cases were read, and the failures: id and what is wrong."""
    num_read, failures = 0, []
    for number in numbers:
        try:
            num_read += check_case(kind, *make_case(seed, kind, number), folder)
        except Exception as error:  # a finding: the run goes on
            failures.append(f'{seed}/{kind.name}/{number}: {type(error).__name__}: {error}')
    return num_read, failures


def _run(args: argparse.Namespace, scratch: Path) -> int:
    kinds = [*TEXT_KINDS, *binary_kinds(scratch)]
    folder = scratch / 'case'
    if args.replay:
        seed, name, number = args.replay.split('/')
        kind = next(kind for kind in kinds if kind.name == name)
        base, content = make_case(int(seed), kind, int(number))
        print(content if len(content) < 3000 else f'{len(content)} bytes')
        print('read' if check_case(kind, base, content, folder) else 'refused')
        return 0
    each = -(-args.cases // len(kinds))
    print('| kind of file | cases | read | refused | failures |\n|---|---|---|---|---|')
    totals, all_failures = [0, 0, 0], []
    for kind in kinds:
        num_read, failures = run_kind(kind, args.seed, range(each), folder)
        shutil.rmtree(folder)
        row = (each, num_read, each - num_read - len(failures))
        totals = [total + value for total, value in zip(totals, row)]
        print(
            f'| {kind.name} | {row[0]:,} | {row[1]:,} | {row[2]:,} | {len(failures)} |', flush=True
        )
        all_failures += failures
    print(f'| all | {totals[0]:,} | {totals[1]:,} | {totals[2]:,} | {len(all_failures)} |')
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f'\nat most {peak:,.0f} MB of memory, imports included')
    print('\n'.join(line[:600] for line in all_failures))
    return bool(all_failures)


def main() -> int:
    """Run the tool; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', type=int, default=10_000, help='of all kinds together')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--replay', metavar='SEED/KIND/NUMBER', help='show and run one case')
    parser.add_argument('--memory', type=float, default=4, help='GiB of address space, 0: no limit')
    args = parser.parse_args()
    if args.memory:  # what a file claims to be large must not be believed
        limit = int(args.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as scratch:
        return _run(args, Path(scratch))


if __name__ == '__main__':
    sys.exit(main())
