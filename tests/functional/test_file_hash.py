from __future__ import annotations

import hashlib

import pytest

from mmlt.functional.file_hash import hash_file


@pytest.mark.parametrize('size', [0, 3, 1 << 20, (1 << 20) + 1])
def test_it_is_that_of_the_whole_file(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + b'abc'[: size % 256]
    (tmp_path / 'file').write_bytes(content)
    assert hash_file(tmp_path / 'file') == hashlib.sha256(content).hexdigest()
