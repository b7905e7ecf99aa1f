from __future__ import annotations

import numpy as np
import pytest

from mmlt.fileio.frame_features import open_frame_features


@pytest.fixture
def save(tmp_path):
    def save(array):
        np.save(tmp_path / 'v.npy', array, allow_pickle=True)
        return tmp_path / 'v.npy'

    return save


@pytest.mark.parametrize('dtype', ['<f2', '<f4', '<f8', '>f4'])
def test_a_good_file_is_mapped(save, dtype):
    features = np.arange(6, dtype=dtype).reshape(3, 2)
    found = open_frame_features(save(features), 2)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, features)


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (np.zeros((0, 4), np.float32), r'an empty video: features of shape \(0, 4\)'),
        (np.zeros((4, 0), np.float32), r'features without channels: shape \(4, 0\)'),
        (np.zeros(4, np.float32), r'features must be \(frames, channels\), got \(4,\)'),
        (np.zeros((2, 3, 4), np.float32), r'must be \(frames, channels\), got \(2, 3, 4\)'),
        (np.zeros((2, 4), np.int64), 'must be of floating point, got dtype int64'),
        (np.zeros((2, 5), np.float32), 'features are 5 wide, not feature_dim=4'),
        (np.array([[1.0, None]], object), 'is truncated or no .npy file of plain numbers'),
    ],
)
def test_a_bad_array(save, array, message):
    with pytest.raises(ValueError, match=r'v\.npy.*' + message):
        open_frame_features(save(array), 4)


@pytest.mark.parametrize('length', [0, 4, 60, 135, 150])
def test_a_truncated_file(save, length):
    path = save(np.ones((3, 4), np.float32))
    content = path.read_bytes()
    assert len(content) == 176
    path.write_bytes(content[:length])
    with pytest.raises(
        ValueError, match=r'v\.npy is truncated( or no \.npy file|: \d+ bytes, not 176)'
    ):
        open_frame_features(path)


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'v\.npy does not exist: .*extract_video_features'):
        open_frame_features(tmp_path / 'v.npy')
    np.savez(tmp_path / 'v.npz', np.ones((3, 4)))
    with pytest.raises(ValueError, match=r'v\.npz is an archive'):
        open_frame_features(tmp_path / 'v.npz')
