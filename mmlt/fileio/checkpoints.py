"""Which checkpoint it was: its hash, and its name in the error when it cannot be read."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# how torch's refusals of a pickle begin those of their lines that are the same for every file
_ADVICE = ('Weights only load failed', '(1)', '(2)', 'Please file an issue', 'Check the doc')
_COLOR = re.compile('\x1b\\[[0-9;]*m')
_MAX_REASON = 300
_ARCHIVE = b'PK\x03\x04'  # what torch writes since 1.6


@contextmanager
def naming_checkpoint(path: str | Path) -> Iterator[None]:
    """Turn whatever ``torch.load`` raises into one error, and refuse a damaged archive.

    torch does not compare the checksums that it writes: of a file with a byte changed it reads
    other weights. Here they are compared first, at the speed of the disk. (Files from before torch
    1.6 have none: a changed weight in one goes unnoticed.)

    Args:
        path: The file that is read inside, and nothing else is done there.

    Raises:
        FileNotFoundError: As it was.
        MemoryError: As it was, and so is torch's own, where the checksums are right: then it is no
            damaged length that asks for so much.
        ValueError: The file is no checkpoint, is cut off, damaged or holds what is not safe to
            load; names file and cause.
    """
    is_whole = False
    try:
        is_whole = _check_archive(path)
        with warnings.catch_warnings():
            # of a file that is refused the error is told, not what torch thinks of its pickle
            warnings.filterwarnings('ignore', 'Detected pickle protocol')
            yield
    except FileNotFoundError:
        raise
    except Exception as error:  # a broken archive or pickle can raise anything
        import torch  # here: who only hashes a file does not wait for it

        if is_whole and isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
            raise
        reason = f'{type(error).__name__}: {_gist(str(error))}'
        raise ValueError(
            f'{path}: not a checkpoint that is safe to load, or cut off ({reason})'
        ) from error


def _gist(message: str) -> str:
    """The line that says what is wrong, of the many of which torch makes its refusal."""
    message = _COLOR.sub('', message).rpartition('WeightsUnpickler error:')[2]
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(_ADVICE)]
    told.sort(key=lambda line: 'GLOBAL ' not in line)  # the name that was refused, if it was one
    return (told or lines or [''])[0].partition('. Please use')[0][:_MAX_REASON]


def _check_archive(path: str | Path) -> bool:
    """Whether the file has checksums, and they are right; raises where one is wrong."""
    path = os.path.expanduser(path)
    if not os.path.isfile(path):  # an address, or absent: for the reader to say
        return False
    with open(path, 'rb') as file:
        if file.read(len(_ARCHIVE)) != _ARCHIVE:  # torch before 1.6 wrote no checksums
            return False
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
            has_checksums = any(info.CRC for info in archive.infolist())
    if damaged is not None and not has_checksums:
        raise ValueError(
            'it has no checksums: it was saved under torch.serialization.set_crc32_options(False); '
            'load it with torch and save it with that option True'
        )
    if damaged is not None:
        raise ValueError(f'{damaged} in it has another checksum than was written')
    return True


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal; reads it in parts."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def hash_files(paths: Sequence[str | Path]) -> str:
    """:func:`hash_file` of a file; of several the hash of their hashes, in this order."""
    hashes = [hash_file(path) for path in paths]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(''.join(hashes).encode()).hexdigest()
