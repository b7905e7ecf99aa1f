"""A small feature bank with known content, for the tests of whoever reads one.

Video 'one' has seconds 0 to 29 without every seventh, 'two' seconds 100 to 119; second s has
1 + s % 7 persons. The person of row r has features r, r + 1/4, r + 1/2.
"""

from __future__ import annotations

import numpy as np

from mmlt.fileio.feature_bank import (
    finish_bank,
    make_tables,
    plan_bank,
    start_bank,
    write_shard,
)

WIDTH = 3
KEYFRAMES = [('one', s) for s in range(30) if s % 7] + [('two', s) for s in range(100, 120)]
COUNTS = [1 + second % 7 for _, second in KEYFRAMES]
NUM_PERSONS = sum(COUNTS)
CHECKPOINT = 'c' * 64


def features_of(rows):
    """(n, WIDTH) features of the persons of these rows."""
    return (np.asarray(rows)[:, None] + np.arange(WIDTH) / 4).astype(np.float32)


def persons_by_second():
    """(video, second) -> the rows of its persons, the best-scored first."""
    rows, start = {}, 0
    for key, count in zip(KEYFRAMES, COUNTS):
        rows[key] = list(range(start, start + count))
        start += count
    return rows


def make_bank(folder, *, size=7, keyframes=None, **sources):
    """Write the bank, or one of some of its keyframes; returns its folder."""
    taken = KEYFRAMES if keyframes is None else keyframes
    rows = persons_by_second()
    scores = [1 - np.arange(len(rows[key])) / 10 for key in taken]
    boxes = [np.tile([0.1, 0.2, 0.5, 0.9], (len(rows[key]), 1)) for key in taken]
    tables = make_tables(taken, scores, boxes)
    names = ('checkpoint_sha256', 'config_sha256', 'proposals_sha256')
    known = dict.fromkeys(names, CHECKPOINT)
    known |= dict(score_thr=0.5, dtype='float32', feature_dim=WIDTH, keyframes_per_shard=size)
    meta = plan_bank({**known, **sources}, tables)
    start_bank(folder, meta, tables)
    for number in range(meta['num_shards']):
        of_shard = [row for key in taken[number * size : (number + 1) * size] for row in rows[key]]
        write_shard(folder, number, features_of(of_shard).astype(meta['dtype']))
    finish_bank(folder, meta, tables)
    return folder
