"""A folder that an extraction fills, in several runs if need be.

Its ``meta.json`` says what was extracted from what; it is written first, and compared on resume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mmlt.fileio.json_files import read_json_object, write_json

META_FILE = 'meta.json'


def start_extraction(
    folder: Path,
    meta: Mapping[str, Any],
    *,
    contents: Iterable[Path],
    clear: Callable[[], object],
    find_difference: Callable[[], str | None] = lambda: None,
    overwrite: bool = False,
    what: str = 'features',
) -> None:
    """Begin an extraction, or make sure that the one begun here is the same.

    Args:
        folder: Where it goes.
        meta: What meta.json is to hold.
        contents: What no folder without meta.json may hold.
        clear: Removes what was extracted before, meta.json too.
        find_difference: How the folder differs where meta.json does not; None if it does not.
        overwrite: Whether an extraction of something else may be removed.
        what: What the folder holds, for the error.

    Raises:
        FileExistsError: The folder holds an extraction of something else (the differing entry is
            named) and ``overwrite`` is false, or ``contents`` without meta.json.
    """
    difference = _difference(folder, meta, contents, what) or find_difference()
    if difference is not None:
        is_ours = (folder / META_FILE).exists()
        if not overwrite or not is_ours:
            advice = 'pass --overwrite to replace them, or choose' if is_ours else 'choose'
            raise FileExistsError(f'{folder}: {difference}; {advice} another --out')
        clear()
    if not (folder / META_FILE).exists():
        write_json(folder / META_FILE, meta, overwrite=True)


def _difference(
    folder: Path, meta: Mapping[str, Any], contents: Iterable[Path], what: str
) -> str | None:
    """How a folder differs from what is to be extracted; None if it does not, or is empty."""
    if not (folder / META_FILE).exists():
        names = [path.name for path in contents]
        return f'holds {min(names)} but no {META_FILE}' if names else None
    found = read_json_object(folder / META_FILE)
    for key, value in meta.items():
        if found.get(key) != value:
            return (
                f'holds {what} with another {key}: {str(found.get(key))[:16]} in {META_FILE}, '
                f'{str(value)[:16]} now'
            )
    return None
