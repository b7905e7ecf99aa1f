"""Proposal files: pickles of boxes, as numpy writes them, and as somebody with other plans does."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import binary_references as binary
import numpy as np
from kinds import ANY, Kind, alone

from mmlt.datasets.proposals import read_proposals

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


def _proposals(path: Path) -> dict:
    return {key: (boxes.dtype.str, boxes.tolist()) for key, boxes in read_proposals(path).items()}


PROPOSALS = Kind(
    'proposals', 'proposals.pkl',
    [pickle.dumps(_PROPOSALS, protocol) for protocol in (0, 2, 4, 5)]
    + [pickle.dumps({'one,0902': Attack()}), *_ENDLESS],
    _proposals, alone(binary.proposals), is_exact=False, place=ANY, is_binary=True,
)  # fmt: skip
