"""Proposal files: pickles of boxes, as numpy writes them, and as somebody with other plans does."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import binary_references as binary
import numpy as np
from kinds import ANY, Kind, alone

from mmlt.fileio.proposals import read_proposals

_PROPOSALS = {
    'one,0902': np.array([[0.1, 0.2, 0.5, 0.9, 0.95], [0, 0, 1, 1, 0.1]], np.float32),
    'one,903': np.array([[0.1, 0.2, 1.02, 0.9, 0.5]]),
    'another,01000': np.array([[0.25, 0.25, 0.5, 0.5]], '>f4'),
    'none,0902': np.zeros((0, 5)),
}


class Attack:
    """Unpickles into a call of the shell."""

    def __reduce__(self):
        return os.system, ('touch harm',)


_NESTED = b')' + b'\x85' * 100_000  # a tuple in a tuple in a tuple ...
_PAIRS = b')\x94' + b''.join(b'h%c\x86\x94' % i for i in range(26))  # of 2**26 values
#: No message may print these: names and arguments that have no end.
_ENDLESS = [
    b'\x80\x04' + _NESTED + b'\x8c\x01a\x93.',
    b'\x80\x04\x8c\x05numpy\x8c\x05dtype\x93' + _PAIRS + b'\x85R.',
]


_DATA = _PROPOSALS['one,0902'].astype('<f4').tobytes()
_ESCAPED = ''.join(f'\\x{byte:02x}' for byte in _DATA).encode()
#: As Python 2 and numpy 1 wrote them, as which AVA's proposals came: text is bytes, and so is data.
_PYTHON_2 = [
    b"(dp0\nS'one,0902'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\n"
    b"S'b'\np5\ntp6\nRp7\n(I1\n(I2\nL5L\ntp8\ncnumpy\ndtype\np9\n(S'f4'\np10\nI0\nI1\ntp11\nRp12\n"
    b"(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\nS'" + _ESCAPED + b"'\np15\ntp16\nbs.",
    b'\x80\x02}q\0(U\x08one,0902q\1cnumpy.core.multiarray\n_reconstruct\nq\2cnumpy\nndarray\nq\3'
    b'K\0\x85q\4U\1bq\5\x87q\6Rq\7(K\1K\2K\5\x86q\x08cnumpy\ndtype\nq\tU\2f4q\nK\0K\1\x87q\x0b'
    b'Rq\x0c(K\3U\1<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tq\x0eb\x89U%c'
    % len(_DATA)
    + _DATA
    + b'q\x0ftq\x10bu.',
]


def _proposals(path: Path) -> dict:
    return {key: (boxes.dtype.str, boxes.tolist()) for key, boxes in read_proposals(path).items()}


PROPOSALS = Kind(
    'proposals', 'proposals.pkl',
    [pickle.dumps(_PROPOSALS, protocol) for protocol in (0, 2, 4, 5)]
    + _PYTHON_2
    + [pickle.dumps({'one,0902': Attack()}), *_ENDLESS],
    _proposals, alone(binary.proposals), is_exact=True, place=ANY, is_binary=True,
)  # fmt: skip
