"""Hash of a file."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal; reads it in parts."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()
