from __future__ import annotations

import numpy as np
import pytest

from mmlt.datasets.transforms import LoadFeatureFrames


@pytest.fixture
def load(tmp_path):
    """Frame t of T has features t, -t."""

    def load(total, dtype=np.float32, feature_dim=None, **options):
        features = np.arange(total, dtype=dtype)[:, None] * np.array([1, -1], dtype)
        np.save(tmp_path / 'v.npy', features)
        info = {'filename': str(tmp_path / 'v.npy')}
        if feature_dim is not None:
            info['feature_dim'] = feature_dim
        return LoadFeatureFrames(**options)(info)

    return load


@pytest.mark.parametrize(
    ('total', 'num_frames', 'expected'),
    [
        (5, 3, [0, 2, 4]),
        (6, 3, [0, 2, 5]),  # 2.5 is truncated
        (3, 5, [0, 0, 1, 1, 2]),
        (4, 4, [0, 1, 2, 3]),
        (1, 3, [0, 0, 0]),
        (7, 1, [0]),
    ],
)
def test_even_frames_by_hand(load, total, num_frames, expected):
    results = load(total, num_frames=num_frames, mode='even')
    assert results['frame_inds'].tolist() == expected
    assert results['imgs'].tolist() == [[t, -t] for t in expected]
    assert results['total_frames'] == total


def _reference_even_indices(total, num_frames):
    """VideoLT's code: evenly from the first to the last, cut to whole numbers."""
    return [int(i) for i in np.linspace(0, total - 1, num_frames)]


@pytest.mark.parametrize('total', [1, 2, 59, 150, 151, 1000])
def test_even_frames_as_in_the_reference(load, total):
    results = load(total, num_frames=150, mode='even')
    assert results['frame_inds'].tolist() == _reference_even_indices(total, 150)


def test_random_frames_are_sorted_and_all_different(load):
    np.random.seed(0)  # noqa: NPY002
    drawn = [load(9, num_frames=6)['frame_inds'] for _ in range(200)]
    assert all((np.diff(indices) > 0).all() for indices in drawn)
    assert len({tuple(indices) for indices in drawn}) > 50
    # each of 9 frames is in 6 / 9 of the draws: 133 of 200, standard deviation 6.7
    assert np.abs(np.bincount(np.concatenate(drawn), minlength=9) - 400 / 3).max() < 27


@pytest.mark.parametrize(('total', 'replace'), [(4, False), (9, True)])
def test_frames_repeat_in_short_videos_or_when_asked_for(load, total, replace):
    np.random.seed(0)  # noqa: NPY002
    drawn = [load(total, num_frames=6, replace=replace)['frame_inds'] for _ in range(50)]
    assert all((np.diff(indices) >= 0).all() for indices in drawn)
    assert any(len(set(indices)) < min(total, 6) for indices in drawn)
    assert set(np.concatenate(drawn)) == set(range(total))


def test_the_global_generator_decides(load):
    runs = []
    for _ in range(2):
        np.random.seed(3)  # noqa: NPY002
        runs.append(load(50, num_frames=5)['frame_inds'].tolist())
    assert runs[0] == runs[1] != load(50, num_frames=5)['frame_inds'].tolist()


@pytest.mark.parametrize('dtype', [np.float16, np.float64, '>f4'])
def test_any_precision_becomes_single(load, dtype):
    imgs = load(5, dtype=dtype, num_frames=2, mode='even')['imgs']
    assert imgs.dtype == np.float32
    assert imgs.tolist() == [[0, 0], [4, -4]]


def test_the_width_is_checked_where_it_is_given(load):
    assert load(5, feature_dim=2, num_frames=2)['imgs'].shape == (2, 2)
    with pytest.raises(ValueError, match=r'v\.npy: features are 2 wide, not feature_dim=3'):
        load(5, feature_dim=3, num_frames=2)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_feature_that_is_no_number(tmp_path, value):
    features = np.ones((4, 3), np.float32)
    features[2, 1] = value
    np.save(tmp_path / 'v.npy', features)
    with pytest.raises(ValueError, match=r'v\.npy: frame 2 holds a feature that is nan or inf'):
        LoadFeatureFrames(4, 'even')({'filename': str(tmp_path / 'v.npy')})


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'num_frames': 0}, 'num_frames must be an integer of at least 1, got 0'),
        ({'mode': 'first'}, "mode must be one of 'random', 'even', got 'first'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        LoadFeatureFrames(**options)


def test_repr():
    assert repr(LoadFeatureFrames()) == (
        "LoadFeatureFrames(num_frames=60, mode='random', replace=False)"
    )
