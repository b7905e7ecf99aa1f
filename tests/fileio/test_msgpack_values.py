"""Bytes by hand, of the table in msgpack's specification."""

from __future__ import annotations

import struct

import pytest

from mmlt.fileio.msgpack_values import unpack_msgpack


def _unpack(data):
    return unpack_msgpack(data, lambda code, content: (code, bytes(content)))


@pytest.mark.parametrize(
    ('data', 'value'),
    [
        (b'\x00', 0),
        (b'\x7f', 127),
        (b'\xff', -1),
        (b'\xe0', -32),
        (b'\xc0', None),
        (b'\xc2', False),
        (b'\xc3', True),
        (b'\xcc\xff', 255),
        (b'\xcd\x01\x00', 256),
        (b'\xce\x00\x01\x00\x00', 65536),
        (b'\xcf' + b'\xff' * 8, 2**64 - 1),
        (b'\xd0\x80', -128),
        (b'\xd1\x80\x00', -(2**15)),
        (b'\xd2\x80\x00\x00\x00', -(2**31)),
        (b'\xd3\x80' + b'\x00' * 7, -(2**63)),
        (b'\xca' + struct.pack('>f', 0.5), 0.5),
        (b'\xcb' + struct.pack('>d', 0.1), 0.1),
        (b'\xa0', ''),
        (b'\xa2\xc3\xa4', 'ä'),
        (b'\xbf' + b'x' * 31, 'x' * 31),
        (b'\xd9\x20' + b'x' * 32, 'x' * 32),
        (b'\xda\x01\x00' + b'x' * 256, 'x' * 256),
        (b'\xdb\x00\x01\x00\x00' + b'x' * 65536, 'x' * 65536),
        (b'\xc4\x01\xff', b'\xff'),
        (b'\xc5\x01\x00' + b'y' * 256, b'y' * 256),
        (b'\xc6\x00\x01\x00\x00' + b'y' * 65536, b'y' * 65536),
        (b'\x90', []),
        (b'\x92\x01\x91\xc0', [1, [None]]),
        (b'\xdc\x00\x10' + b'\x05' * 16, [5] * 16),
        (b'\xdd\x00\x00\x00\x02\x01\x02', [1, 2]),
        (b'\x80', {}),
        (b'\x82\xa1a\x01\x05\x81\xa1b\x02', {'a': 1, 5: {'b': 2}}),
        (b'\xde\x00\x01\xa1a\x01', {'a': 1}),
        (b'\xdf\x00\x00\x00\x01\xa1a\x01', {'a': 1}),
        (b'\xd4\x05z', (5, b'z')),
        (b'\xd5\x05zz', (5, b'zz')),
        (b'\xd6\x05zzzz', (5, b'zzzz')),
        (b'\xd7\x05' + b'z' * 8, (5, b'z' * 8)),
        (b'\xd8\x05' + b'z' * 16, (5, b'z' * 16)),
        (b'\xc7\x03\x05zzz', (5, b'zzz')),
        (b'\xc8\x00\x03\x05zzz', (5, b'zzz')),
        (b'\xc9\x00\x00\x00\x03\x05zzz', (5, b'zzz')),
    ],
    ids=lambda part: repr(part)[:24],
)
def test_every_kind(data, value):
    found = _unpack(data)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (b'', 'cut off: 1 bytes wanted at byte 0 of 0'),
        (b'\xa3ab', 'cut off: 3 bytes wanted at byte 1 of 3'),
        (b'\xdd\xff\xff\xff\xff\x00', 'cut off: 1 bytes wanted at byte 6 of 6'),
        (b'\x01\x02', 'no msgpack: it ends at byte 1 of 2'),
        (b'\xc1', 'no msgpack: byte 0xc1 at 0'),
        (b'\x81\x90\x01', 'a list as a key'),
        (b'\x91' * 100 + b'\x00', 'values more than 64 deep'),
        (b'\xa1\xff', 'utf-8'),
    ],
    ids=lambda part: repr(part)[:24],
)
def test_what_it_refuses(data, message):
    with pytest.raises(ValueError, match=message):
        _unpack(data)
