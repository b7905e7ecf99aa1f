from __future__ import annotations

import pytest
from mmaction.structures import ActionDataSample

from mmlt.datasets.transforms import SetDatasetName


def test_the_sample_says_its_dataset():
    sample = ActionDataSample(metainfo={'img_key': 'v,0902'})
    results = SetDatasetName('ava')({'inputs': 0, 'data_samples': sample})
    assert results['data_samples'].metainfo == {'img_key': 'v,0902', 'dataset_name': 'ava'}
    assert results['data_samples'].dataset_name == 'ava'


def test_before_the_sample_is_there():
    with pytest.raises(ValueError, match=r"SetDatasetName\('ava'\) must stand behind .* imgs"):
        SetDatasetName('ava')({'imgs': 0})
