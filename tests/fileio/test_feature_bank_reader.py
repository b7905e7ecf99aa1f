from __future__ import annotations

import numpy as np
import psutil
import pytest
from feature_bank_world import (
    KEYFRAMES,
    NUM_PERSONS,
    WIDTH,
    features_of,
    make_bank,
    persons_by_second,
)

from mmlt.fileio.feature_bank_reader import open_feature_bank

SIZES = dict(window_sec=9, max_persons=3)


def _slow_window(video_id, timestamp, window_sec, max_persons):
    """The rows of a window, second by second and slot by slot; None where nobody is."""
    rows = persons_by_second()
    return [
        [
            persons[slot] if slot < len(persons) else None
            for persons in [rows.get((video_id, second), [])]
            for slot in range(max_persons)
        ]
        for second in range(timestamp - window_sec // 2, timestamp + window_sec // 2 + 1)
    ]


@pytest.mark.parametrize('size', [1, 3, 7, 100])
@pytest.mark.parametrize(('window_sec', 'max_persons'), [(1, 1), (9, 3), (9, 7), (61, 5), (1, 9)])
def test_windows_are_those_of_a_slow_loop(tmp_path, size, window_sec, max_persons):
    """In the middle of a video, at its ends and beyond; in one shard, and across many."""
    bank = open_feature_bank(make_bank(tmp_path / 'bank', size=size))
    for video_id, seconds in (('one', range(-6, 40)), ('two', range(96, 125)), ('three', [3])):
        for timestamp in seconds:
            sizes = dict(window_sec=window_sec, max_persons=max_persons)
            features, mask = bank.window(video_id, timestamp, **sizes)
            assert (features.dtype, mask.dtype) == (np.float32, bool)
            expected = np.zeros((window_sec, max_persons, WIDTH), np.float32)
            is_there = np.zeros((window_sec, max_persons), bool)
            for place, row in np.ndenumerate(_slow_window(video_id, timestamp, **sizes)):
                if row is not None:
                    expected[place], is_there[place] = features_of([row])[0], True
            np.testing.assert_array_equal(features, expected)
            np.testing.assert_array_equal(mask, is_there)


def test_the_best_scored_are_taken(tmp_path):
    bank = open_feature_bank(make_bank(tmp_path / 'bank'))
    features, mask = bank.window('one', 6, window_sec=1, max_persons=5)  # seven persons
    assert mask.all()
    rows = features[0, :, 0].astype(int)
    of_second = persons_by_second()['one', 6]
    scores = bank.persons['score'][of_second]
    assert sorted(bank.persons['score'][rows]) == sorted(scores)[2:]


def test_drawn_without_replacement_and_all_of_them_over_time(tmp_path):
    """5 of 7 persons: each is in 5 / 7 of the windows."""
    bank, rng = open_feature_bank(make_bank(tmp_path / 'bank')), np.random.default_rng(0)
    counts = np.zeros(NUM_PERSONS, int)
    for _ in range(700):
        features, mask = bank.window('one', 6, window_sec=3, max_persons=5, rng=rng)
        rows = features[..., 0].astype(int)
        # seconds 5, 6 and 8 - without 7 - have 6, 7 and no persons
        assert mask.tolist() == [[True] * 5, [True] * 5, [False] * 5]
        assert len(set(rows[1])) == 5 and (features[0] == features_of(rows[0])).all()
        np.add.at(counts, rows[1], 1)
    drawn = counts[persons_by_second()['one', 6]]
    assert drawn.sum() == 5 * 700 == counts.sum()
    # the standard deviation of each count is sqrt(700 * 5/7 * 2/7) = 12
    assert (abs(drawn - 500) < 60).all()


def test_seconds_with_few_persons_are_drawn_whole(tmp_path):
    bank = open_feature_bank(make_bank(tmp_path / 'bank', size=3))
    for timestamp in range(30):
        taken = bank.window('one', timestamp, **SIZES)[0]
        drawn, mask = bank.window('one', timestamp, **SIZES, rng=np.random.default_rng(timestamp))
        for second, (best, others) in enumerate(zip(taken, drawn)):
            if mask[second].sum() < SIZES['max_persons']:
                assert sorted(best.tolist()) == sorted(others.tolist())


def test_as_many_as_there_are_slots_draws_nothing(tmp_path):
    bank, rng = open_feature_bank(make_bank(tmp_path / 'bank')), np.random.default_rng(0)
    before = rng.bit_generator.state
    bank.window('one', 10, window_sec=9, max_persons=7, rng=rng)
    assert rng.bit_generator.state == before


def test_half_precision_is_read_as_single(tmp_path):
    half = open_feature_bank(make_bank(tmp_path / 'half', dtype='float16'))
    single = open_feature_bank(make_bank(tmp_path / 'single'))
    assert {shard.dtype for shard in half.shards} == {np.dtype(np.float16)}
    found, _ = half.window('one', 10, **SIZES)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, single.window('one', 10, **SIZES)[0])


def test_a_window_is_its_callers(tmp_path):
    bank = open_feature_bank(make_bank(tmp_path / 'bank'))
    before = bank.window('one', 10, **SIZES)[0].copy()
    bank.window('one', 10, **SIZES)[0][:] = -1
    np.testing.assert_array_equal(bank.window('one', 10, **SIZES)[0], before)


def test_its_videos(tmp_path):
    bank = open_feature_bank(make_bank(tmp_path / 'bank'))
    assert bank.videos == {'one': (0, 25), 'two': (25, 45)}
    assert [row[:2] for row in bank.keyframes.tolist()] == KEYFRAMES


def test_no_file_stays_open(tmp_path):
    bank = open_feature_bank(make_bank(tmp_path / 'bank', size=1))
    opened = [file.path for file in psutil.Process().open_files()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]
    assert bank.window('one', 1, **SIZES)[1].any()


@pytest.mark.parametrize(
    ('sizes', 'message'),
    [
        (dict(window_sec=60, max_persons=5), 'window_sec is 60: a window .* is odd'),
        (dict(window_sec=0, max_persons=5), 'window_sec'),
        (dict(window_sec=3, max_persons=0), 'max_persons'),
    ],
)
def test_sizes_that_make_no_window(tmp_path, sizes, message):
    bank = open_feature_bank(make_bank(tmp_path / 'bank'))
    with pytest.raises(ValueError, match=message):
        bank.window('one', 3, **sizes)
