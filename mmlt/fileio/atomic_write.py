"""Writing a file so that nobody ever sees half of it and nothing is overwritten unasked."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; move it into place at the end.

    Without ``overwrite`` the name is claimed first, in one step of the file system, so that of
    two processes that want the same new file exactly one gets it. An error inside the ``with``
    block leaves the folder as it was.

    Args:
        path: The file to write. Its folder is made if absent.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The path to write to, in the same folder, unique to this call.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is false.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not overwrite:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise FileExistsError(
                f'{path}: exists already; pass --overwrite to replace it'
            ) from None
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp')
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        if not overwrite:
            _remove(path)
        raise


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        pass
