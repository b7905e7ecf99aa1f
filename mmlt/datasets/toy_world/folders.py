"""Whole folders or nothing: draw in parallel, rename into place, know one's own work again."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Callable, TypeVar

from mmlt.datasets.toy_world.config import ToyWorldConfig
from mmlt.fileio.json_files import read_json_object

WORLD_FILE = 'world.json'
FORMAT_VERSION = 1

Progress = Callable[[int, int], None]
Task = TypeVar('Task')
Result = TypeVar('Result')


def part_settings(part: str, config: ToyWorldConfig) -> dict[str, Any]:
    """The settings that decide a part's bytes: those of other parts are left out.

    So is a ``context_share`` of 0, which worlds drawn before it was a setting do not name.
    """
    own = 'clips_' if part == 'videos' else f'{part}_'  # videos are made of clips
    shared = ('seed', 'scale')
    special = ('clips_', 'actor_clips_', 'features_')
    drawn_as_ava = part in ('ava', 'actor_clips')
    return {
        name: value
        for name, value in config.to_dict().items()
        if (
            name in shared
            or name.startswith(own)
            or (drawn_as_ava and not name.startswith(special))
        )
        and (name != 'context_share' or (part == 'ava' and value))
    }


def run_tasks(
    function: Callable[[Task], Result], tasks: Sequence[Task], workers: int
) -> Iterator[Result]:
    """Results of a module's function for all tasks, in their order, from ``workers`` processes."""
    if workers <= 1:
        yield from map(function, tasks)
        return
    # Not fork: the caller may hold threads (OpenCV's, torch's) that a fork would leave locked.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, context) as pool:
        yield from pool.map(function, tasks, chunksize=4)


def write_part(
    out: Path,
    part: str,
    config: ToyWorldConfig,
    write: Callable[[Path], dict[str, Any]],
    *,
    overwrite: bool,
) -> bool:
    """Fill the folder ``out`` by ``write(folder)`` unless it already holds this very part.

    Args:
        write: Fills an empty folder and returns facts worth knowing, which go into ``world.json``.
        overwrite: Replace what an earlier call wrote, whatever its settings.

    Returns:
        Whether anything was written; False means the part was already there.

    Raises:
        FileExistsError: ``out`` holds something else, or with other settings and no ``overwrite``.
    """
    out = Path(out)
    settings = part_settings(part, config)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        world = _read_world(out, part)
        if world['settings'] == settings and world['version'] == FORMAT_VERSION and not overwrite:
            return False
        _check_replaceable(out, world, settings, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f'.{out.name}.tmp-{uuid.uuid4().hex[:8]}')
    fresh.mkdir()
    try:
        facts = write(fresh)
        world = {'part': part, 'version': FORMAT_VERSION, 'settings': settings, 'facts': facts}
        world['num_files'] = _num_files(fresh)
        (fresh / WORLD_FILE).write_text(json.dumps(world, indent=1) + '\n', encoding='utf-8')
        _swap(fresh, out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return True


def _swap(fresh: Path, out: Path) -> None:
    """Put ``fresh`` in the place of ``out``, which returns to its place if that fails."""
    if not out.exists():
        os.replace(fresh, out)
        return
    old = out.with_name(f'.{out.name}.old-{uuid.uuid4().hex[:8]}')
    os.replace(out, old)
    try:
        os.replace(fresh, out)
    except BaseException:
        os.replace(old, out)
        raise
    shutil.rmtree(old)


def _read_world(out: Path, part: str) -> dict[str, Any]:
    path = out / WORLD_FILE
    try:
        world = read_json_object(path) if path.is_file() else {}
    except ValueError:
        world = {}
    keys = {'part', 'version', 'settings', 'num_files'}
    if not keys <= set(world) or world['part'] != part:
        raise FileExistsError(
            f'{out} is not empty and was not written by this generator as part {part!r} '
            f'(no such {WORLD_FILE}): choose another folder'
        )
    return world


def _check_replaceable(
    out: Path, world: dict[str, Any], settings: dict[str, Any], overwrite: bool
) -> None:
    if not overwrite:
        found = world['settings']
        changed = sorted(k for k in {**found, **settings} if found.get(k) != settings.get(k))
        what = ', '.join(f'{k}={found.get(k)!r} (asked: {settings.get(k)!r})' for k in changed)
        what = what or f'format version {world["version"]} (asked: {FORMAT_VERSION})'
        raise FileExistsError(
            f'{out} holds a toy world with {what}: pass --overwrite to replace it'
        )
    extra = _num_files(out) - 1 - world['num_files']
    if extra > 0:
        raise FileExistsError(
            f'{out} holds {extra} more files than {WORLD_FILE} counts: move what is not the '
            "generator's own elsewhere before replacing it"
        )


def _num_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))
