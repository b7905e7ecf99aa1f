from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from feature_bank_world import CHECKPOINT, KEYFRAMES, WIDTH, make_bank
from mmaction.datasets.transforms import PackActionInputs
from torch.utils.data import DataLoader, Dataset

from mmlt.datasets.transforms import load_feature_bank
from mmlt.datasets.transforms.load_feature_bank import LoadFeatureBank
from mmlt.fileio.feature_bank_reader import open_feature_bank
from mmlt.registry import TRANSFORMS

ONE = [key for key in KEYFRAMES if key[0] == 'one']
TWO = [key for key in KEYFRAMES if key[0] == 'two']


@pytest.fixture
def banks(tmp_path):
    """The videos apart, as train and val are."""
    return [
        str(make_bank(tmp_path / name, keyframes=keys)) for name, keys in (('a', ONE), ('b', TWO))
    ]


def _load(transform, video_id, timestamp):
    return transform(dict(video_id=video_id, timestamp=timestamp))['long_term']


def test_the_window_of_a_keyframe(banks):
    transform = LoadFeatureBank(banks[0], window_sec=5, max_persons=3, test_mode=True)
    found = _load(transform, 'one', 3)
    expected = open_feature_bank(banks[0]).window('one', 3, window_sec=5, max_persons=3)
    assert found.features.dtype == torch.float32 and found.mask.dtype == torch.bool
    assert found.features.tolist() == expected[0].reshape(15, WIDTH).tolist()
    # seconds 1 to 5 have 2, 3, 4, 5 and 6 persons
    assert found.mask.reshape(5, 3).sum(dim=1).tolist() == [2, 3, 3, 3, 3]
    assert found.checkpoint == CHECKPOINT and found.metainfo_keys() == ['checkpoint']


def test_packed_into_the_data_sample_and_moved_with_it(banks):
    results = dict(video_id='one', timestamp=3, imgs=np.zeros((1, 3, 2, 4, 4), np.float32))
    results = LoadFeatureBank(banks[0], window_sec=3, max_persons=2)(results)
    sample = PackActionInputs(algorithm_keys=('long_term',))(results)['data_samples']
    assert sample.long_term.features.shape == (6, WIDTH)
    moved = sample.to('meta').long_term
    assert moved.mask.is_meta and moved.features.is_meta and moved.checkpoint == CHECKPOINT


def test_several_banks(banks):
    transform = LoadFeatureBank(banks, window_sec=3, max_persons=2, test_mode=True)
    for video, second in (('one', 10), ('two', 110), ('one', 12)):
        folder = banks[video == 'two']
        expected, _ = open_feature_bank(folder).window(video, second, window_sec=3, max_persons=2)
        found = _load(transform, video, second)
        assert found.features.tolist() == expected.reshape(6, WIDTH).tolist()
        assert found.mask.any()


def test_drawn_in_training_by_the_global_generator(banks):
    """Second 6 has 7 persons; each of them comes, and the seed decides which do."""
    transform = LoadFeatureBank(banks[0], window_sec=1, max_persons=5)

    def draw(seed, times):
        np.random.seed(seed)  # noqa: NPY002
        return [tuple(_load(transform, 'one', 6).features[:, 0].tolist()) for _ in range(times)]

    assert draw(0, 3) == draw(0, 3) != draw(1, 3)
    draws = draw(0, 40)
    assert all(len(set(persons)) == 5 for persons in draws)
    assert len({person for persons in draws for person in persons}) == 7


def test_an_absent_video_is_empty_and_the_first_one_is_told(banks, monkeypatch):
    told = []
    monkeypatch.setattr(load_feature_bank, 'print_log', lambda text, *_: told.append(text))
    transform = LoadFeatureBank(banks, window_sec=3, max_persons=2)
    for video in ('absent', 'one', 'other'):
        found = _load(transform, video, 3)
        assert found.mask.any().item() is found.features.any().item() is (video == 'one')
        assert found.features.shape == (6, WIDTH)
    (text,) = told
    assert "nobody of video 'absent' is in it" in text and banks[1] in text


def test_the_bank_of_another_split_is_refused(banks):
    transform = LoadFeatureBank(banks, window_sec=3, max_persons=2)
    for video in ('a', 'b', 'a', 'b'):
        assert not _load(transform, video, 3).mask.any()
    with pytest.raises(ValueError, match=r"none of the videos \['a', 'b', 'c'\], the first that"):
        _load(transform, 'c', 3)
    transform = LoadFeatureBank(banks, window_sec=3, max_persons=2)
    for video in ('a', 'b', 'one', 'c', 'd', 'e'):  # one was there
        assert _load(transform, video, 3).mask.any().item() is (video == 'one')


def test_opened_at_the_first_keyframe_and_once(banks, monkeypatch):
    opened = []
    monkeypatch.setattr(
        load_feature_bank,
        'open_feature_bank',
        lambda *args: opened.append(args) or open_feature_bank(*args),
    )
    LoadFeatureBank('no/such/folder')
    transform = LoadFeatureBank(banks, window_sec=3, feature_dim=WIDTH)
    assert not opened
    for second in (3, 4):
        _load(transform, 'one', second)
    assert opened == [(folder, WIDTH) for folder in banks]


@pytest.mark.parametrize('send', [copy.deepcopy, lambda sent: pickle.loads(pickle.dumps(sent))])
def test_no_bank_travels_with_a_copy(banks, send):
    transform = LoadFeatureBank(banks, window_sec=3, max_persons=2, test_mode=True)
    expected = _load(transform, 'one', 10)
    size = len(pickle.dumps(transform))
    assert size < 1000
    found = _load(send(transform), 'one', 10)
    assert torch.equal(found.features, expected.features)
    assert torch.equal(found.mask, expected.mask)


class _Windows(Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return len(ONE)

    def __getitem__(self, index):
        return _load(self.transform, *ONE[index])


def test_in_the_workers_of_a_loader(banks):
    dataset = _Windows(LoadFeatureBank(banks, window_sec=3, max_persons=2, test_mode=True))
    expected = [dataset[index].features for index in range(len(dataset))]  # opens them here too
    options = dict(num_workers=2, multiprocessing_context='fork', collate_fn=list, batch_size=4)
    found = [window for batch in DataLoader(dataset, **options) for window in batch]
    assert torch.equal(torch.stack([each.features for each in found]), torch.stack(expected))


def test_found_by_its_name():
    transform = TRANSFORMS.build(dict(type='mmlt.LoadFeatureBank', bank_dir='a'))
    assert repr(transform) == (
        "LoadFeatureBank(bank_dir=['a'], window_sec=61, max_persons=5, test_mode=False, "
        'feature_dim=None)'
    )


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(bank_dir=[]), 'bank_dir is empty'),
        (dict(window_sec=60), 'window_sec is 60: .* odd'),
        (dict(window_sec=0), 'window_sec'),
        (dict(max_persons=0), 'max_persons'),
    ],
)
def test_arguments_that_make_no_window(options, message):
    with pytest.raises(ValueError, match=message):
        LoadFeatureBank(**{'bank_dir': 'a', **options})


def test_banks_that_do_not_go_together(banks, tmp_path):
    other = make_bank(tmp_path / 'other', keyframes=TWO, checkpoint_sha256='d' * 64)
    with pytest.raises(ValueError, match=r'other: a bank of another checkpoint_sha256 than .*/a'):
        _load(LoadFeatureBank([banks[0], str(other)]), 'one', 3)
    both = make_bank(tmp_path / 'both')
    with pytest.raises(ValueError, match=r"both: video 'two' is in .*/b too"):
        _load(LoadFeatureBank([banks[1], str(both)]), 'one', 3)
    with pytest.raises(ValueError, match=r'meta\.json: features are 3 wide, not 4'):
        _load(LoadFeatureBank(banks, feature_dim=4), 'one', 3)
    with pytest.raises(FileNotFoundError, match=r'nowhere/meta\.json does not exist'):
        _load(LoadFeatureBank([banks[0], 'nowhere']), 'one', 3)
