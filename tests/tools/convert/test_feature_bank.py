from __future__ import annotations

import collections
import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.models.roi_heads.shared_heads.lfb import LFB

from mmlt.fileio.feature_bank_reader import open_feature_bank

TOOL = Path(__file__).parents[3] / 'tools' / 'convert' / 'feature_bank.py'
WIDTH = 4


@pytest.fixture(scope='module')
def convert():
    spec = importlib.util.spec_from_file_location('convert_feature_bank', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *words: module.main([str(word) for word in words])


def _content(video, *, as_lists=False, dtype=torch.float32, seed=0):
    """Seconds 902 to 930 but every fifth, with 1 to 4 persons, as LFBInferHead writes them."""
    generator = torch.Generator().manual_seed(seed)
    seconds = {}
    for second in range(930, 901, -1):
        if second % 5:
            features = torch.randn(second % 5, WIDTH, generator=generator).to(dtype)
            seconds[second] = list(features) if as_lists else features
    return {video: seconds}


@pytest.fixture
def lfb_files(tmp_path):
    torch.save(_content('zwei', as_lists=True), tmp_path / 'lfb_train.pkl')
    torch.save(_content('eins', seed=1), tmp_path / 'lfb_val.pkl')
    return [tmp_path / 'lfb_train.pkl', tmp_path / 'lfb_val.pkl']


def test_windows_are_those_of_mmaction2(convert, lfb_files, tmp_path, capsys):
    """At most 5 persons a second: its draw takes them all, in another order."""
    out = tmp_path / 'bank'
    assert convert(*lfb_files, '--out', out, '--keyframes-per-shard', '7') == 0
    assert f'{out}: 118 persons of 46 keyframes' in capsys.readouterr().out
    theirs = LFB(str(tmp_path), window_size=11, lfb_channels=WIDTH, device='cpu')
    bank = open_feature_bank(out, WIDTH)
    for video in ('eins', 'zwei'):
        for second in range(895, 940):
            found, mask = bank.window(video, second, window_sec=11, max_persons=5)
            expected = theirs[f'{video},{second:04d}'].numpy().reshape(11, 5, WIDTH)
            for ours, others, is_there in zip(found, expected, mask):
                assert sorted(map(tuple, ours)) == sorted(map(tuple, others))
                assert is_there.sum() == others.any(axis=1).sum()


def test_order_is_kept_and_what_is_not_known_is_nan(convert, lfb_files, tmp_path):
    assert convert(*lfb_files, '--out', tmp_path / 'bank') == 0
    bank = open_feature_bank(tmp_path / 'bank')
    features, mask = bank.window('eins', 903, window_sec=1, max_persons=2)  # it has 3
    expected = torch.load(lfb_files[1])['eins'][903][:2].numpy()
    assert mask.all() and (features[0] == expected).all()
    assert np.isnan(bank.persons['score']).all() and np.isnan(bank.persons['box_xyxy_norm']).all()
    assert bank.meta['score_thr'] is None


def test_the_hash_of_the_files_stands_for_the_checkpoint(convert, lfb_files, tmp_path):
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in lfb_files]
    assert convert(lfb_files[0], '--out', tmp_path / 'one') == 0
    assert open_feature_bank(tmp_path / 'one').meta['checkpoint_sha256'] == hashes[0]
    assert convert(*lfb_files, '--out', tmp_path / 'two') == 0
    of_both = hashlib.sha256(''.join(hashes).encode()).hexdigest()
    assert open_feature_bank(tmp_path / 'two').meta['checkpoint_sha256'] == of_both


@pytest.mark.parametrize(
    ('dtype', 'stored'),
    [(torch.float16, np.float16), (torch.bfloat16, np.float32), (torch.float64, np.float32)],
)
def test_types(convert, tmp_path, dtype, stored):
    content = _content('eins', dtype=dtype)
    torch.save(content, tmp_path / 'lfb.pkl')
    assert convert(tmp_path / 'lfb.pkl', '--out', tmp_path / 'bank') == 0
    bank = open_feature_bank(tmp_path / 'bank')
    assert bank.shards[0].dtype == stored
    features, _ = bank.window('eins', 904, window_sec=1, max_persons=4)
    np.testing.assert_array_equal(features[0], content['eins'][904].float().numpy())


def test_another_file_into_the_same_folder(convert, lfb_files, tmp_path, capsys):
    assert convert(lfb_files[0], '--out', tmp_path / 'bank') == 0
    assert convert(lfb_files[0], '--out', tmp_path / 'bank') == 0  # the same again
    assert convert(lfb_files[1], '--out', tmp_path / 'bank') == 2
    assert 'another checkpoint_sha256' in capsys.readouterr().err
    assert convert(lfb_files[1], '--out', tmp_path / 'bank', '--overwrite') == 0
    assert list(open_feature_bank(tmp_path / 'bank').videos) == ['eins']


GOOD = torch.ones(2, WIDTH)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1], 'not an LFB file, a dict of videos, but list'),
        ({7: {902: GOOD}}, '7 is no video id'),
        ({'v': GOOD}, "'v': not a dict of seconds but Tensor"),
        ({'v': {'902': GOOD}}, "'v', second '902': it must be a whole number"),
        ({'v': {902: [1.0]}}, "'v', second 902: not a tensor of floating point but float"),
        ({'v': {902: GOOD.int()}}, "'v', second 902: not a tensor of floating point but Tensor"),
        ({'v': {902: GOOD[0]}}, "'v', second 902: shapes [(4,)], expected one of (n, D)"),
        ({'v': {902: [GOOD[0], GOOD[0, :2]]}}, "'v', second 902: shapes [(2,), (4,)]"),
        ({'v': {902: GOOD, 903: GOOD[:, :3]}}, "features of ('v', 902) are 4 wide, those of"),
        ({'v': {902: GOOD[:0], 903: []}}, 'nobody is in it'),
        ({'v': {902: GOOD * float('nan')}}, 'keyframe 0: a feature is not finite as float32'),
    ],
)
def test_what_is_no_lfb_file(convert, tmp_path, capsys, content, message):
    torch.save(content, tmp_path / 'lfb.pkl')
    assert convert(tmp_path / 'lfb.pkl', '--out', tmp_path / 'bank') == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'bank' / 'index.json').exists()


class Opens:
    """What a pickle may say: a call of any function."""

    def __reduce__(self):
        return collections.deque, ([1],)


def test_nothing_in_a_file_is_run(convert, tmp_path, capsys):
    torch.save({'v': {902: Opens()}}, tmp_path / 'lfb.pkl')
    assert convert(tmp_path / 'lfb.pkl', '--out', tmp_path / 'bank') == 2
    message = capsys.readouterr().err
    assert 'lfb.pkl: not a checkpoint that is safe to load' in message and 'deque' in message


def test_a_video_in_two_files(convert, lfb_files, tmp_path, capsys):
    assert convert(*lfb_files, lfb_files[0], '--out', tmp_path / 'bank') == 2
    assert "lfb_train.pkl: video 'zwei' is in" in capsys.readouterr().err
