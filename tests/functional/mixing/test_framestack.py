from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmlt.functional import framestack
from mmlt.functional.mixing.framestack import partner_share

DATA = Path(__file__).parents[2] / 'data'


def _batch(num_rows=6, num_frames=7, shape=(3,), num_classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(num_rows, num_frames, *shape, generator=generator)
    targets = (torch.rand(num_rows, num_classes, generator=generator) < 0.4).float()
    class_ap = torch.rand(num_classes, generator=generator)
    partner = torch.randperm(num_rows, generator=generator)
    return features, targets, class_ap, partner


def test_by_hand():
    # one class each; AP .6 and .2: beta = .75 for video 0, .25 for video 1; L = 4
    features = torch.tensor([[0.0, 1, 2, 3, 4], [10, 11, 12, 13, 14]])[..., None]
    clips, soft = framestack(
        features,
        torch.eye(2),
        torch.tensor([0.6, 0.2]),
        clip_len=4,
        partner=torch.tensor([1, 0]),
    )
    assert clips[0].flatten().tolist() == [10, 12, 14, 0]  # int(.75 * 4) of the partner first
    assert clips[1].flatten().tolist() == [0, 10, 12, 14]
    torch.testing.assert_close(soft, torch.tensor([[0.25, 0.75], [0.25, 0.75]]))


@pytest.mark.parametrize('name', ['basic', 'T150_L60'])
def test_equals_the_recorded_arrays(name):
    arrays = np.load(DATA / f'videolt_framestack_{name}.npz')
    features, targets, class_ap, partner = (
        torch.from_numpy(arrays[key]) for key in ('input', 'target', 'ap', 'perm')
    )
    clip_len = int(arrays['clip_length'])
    clips, soft = framestack(features, targets, class_ap, clip_len=clip_len, partner=partner)
    assert torch.equal(clips, torch.from_numpy(arrays['out_input']))
    assert torch.equal(soft, torch.from_numpy(arrays['out_target']))
    beta = partner_share(targets, class_ap, partner)
    assert torch.equal(beta, torch.from_numpy(arrays['beta']))
    assert (beta * clip_len).long().tolist() == arrays['n_from_perm'].tolist()


def _reference_algorithm_1(features, targets, class_ap, clip_len, partner):
    """Algorithm 1 row by row, with the code's order of the two videos and count of frames."""
    values = (targets * class_ap).mean(1)
    clips, soft = [], []
    for row, other in enumerate(partner.tolist()):
        both = values[row] + values[other]
        beta = 0.5 if both < 1e-5 else values[row] / both
        count = int(beta * clip_len)
        parts = [
            video[np.linspace(0, len(video) - 1, number).astype(int)]
            for video, number in ((features[other], count), (features[row], clip_len - count))
        ]
        clips.append(torch.cat(parts))
        soft.append(targets[row] * (1 - beta) + targets[other] * beta)
    return torch.stack(clips), torch.stack(soft)


@pytest.mark.parametrize('num_frames', [1, 2, 10, 60, 150])
@pytest.mark.parametrize('clip_len', [1, 5, 16, 60, 112])
def test_equals_the_loop(num_frames, clip_len):
    features, targets, class_ap, partner = _batch(12, num_frames, seed=num_frames * clip_len)
    class_ap[:2] = torch.tensor([0.0, 1.0])
    expected = _reference_algorithm_1(features, targets, class_ap, clip_len, partner)
    result = framestack(features, targets, class_ap, clip_len=clip_len, partner=partner)
    assert all(map(torch.equal, result, expected))


def test_round_shares_count_frames_as_the_reference_does():
    # .3 / (.3 + .2) in float32 is a little above .6: times 60 it is 36 in float32
    targets, partner = torch.eye(2), torch.tensor([1, 0])
    features = torch.arange(2.0)[:, None, None].expand(2, 60, 1)
    for own in np.arange(0, 1.01, 0.05):
        class_ap = torch.tensor([own, 1 - own], dtype=torch.float32)
        result = framestack(features, targets, class_ap, clip_len=60, partner=partner)
        expected = _reference_algorithm_1(features, targets, class_ap, 60, partner)
        assert all(map(torch.equal, result, expected)), own


def test_no_ap_yet_shares_evenly():
    features, targets, _, partner = _batch()
    _, soft = framestack(features, targets, torch.zeros(5), clip_len=6, partner=partner)
    assert torch.equal(soft, (targets + targets[partner]) / 2)


def test_one_video_may_fill_the_whole_clip():
    features, targets = torch.arange(4.0).view(2, 2, 1), torch.tensor([[0.0], [1.0]])
    clips, soft = framestack(
        features, targets, torch.ones(1), clip_len=2, partner=torch.tensor([1, 0])
    )
    assert clips.flatten().tolist() == [0, 1, 0, 1]
    assert soft.flatten().tolist() == [0, 0]


@pytest.mark.parametrize('shape', [(), (3,), (2, 4, 5)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.uint8])
def test_any_trailing_dimensions_and_dtype(shape, dtype):
    features, targets, class_ap, partner = _batch(shape=shape)
    features = (features * 10).abs().to(dtype)
    expected, _ = _reference_algorithm_1(features, targets, class_ap, 6, partner)
    clips, _ = framestack(features, targets, class_ap, clip_len=6, partner=partner)
    assert clips.dtype == dtype and torch.equal(clips, expected)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
def test_clips_of_many_megabytes_are_tensors_like_any_other(dtype):
    features, targets, class_ap, partner = _batch(shape=(3, 1 << 16))
    features = (features * 10).abs().to(dtype)
    expected, _ = _reference_algorithm_1(features, targets, class_ap, 6, partner)
    with torch.inference_mode(dtype == torch.float16):
        clips, _ = framestack(features, targets, class_ap, clip_len=6, partner=partner)
        again, _ = framestack(features, targets, class_ap, clip_len=6, partner=partner)
        again.zero_()
    assert clips.numel() * clips.element_size() > 1 << 22
    assert clips.dtype == dtype and torch.equal(clips, expected)
    assert clips.is_inference() == (dtype == torch.float16)
    if dtype == torch.float32:
        clips.requires_grad_().sum().backward()
        assert torch.equal(clips.grad, torch.ones_like(clips))


def test_a_permutation_of_the_batch_permutes_the_result():
    features, targets, class_ap, partner = _batch()
    clips, soft = framestack(features, targets, class_ap, clip_len=6, partner=partner)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    moved = framestack(
        features[order],
        targets[order],
        class_ap,
        clip_len=6,
        partner=order.argsort()[partner[order]],
    )
    assert torch.equal(moved[0], clips[order])
    torch.testing.assert_close(moved[1], soft[order])


def test_not_contiguous_features():
    features, targets, class_ap, partner = _batch()
    turned = features.transpose(1, 2).contiguous().transpose(1, 2)
    results = [
        framestack(each, targets, class_ap, clip_len=6, partner=partner)[0]
        for each in (features, turned)
    ]
    assert torch.equal(*results)


def test_results_of_many_calls_live_side_by_side():
    features, targets, class_ap, partner = _batch()
    options = {'clip_len': 6, 'partner': partner}
    clips = [framestack(features + n, targets, class_ap, **options)[0] for n in range(5)]
    for number, each in enumerate(clips):
        torch.testing.assert_close(each, clips[0] + number)


def test_gradients_reach_both_videos():
    features, targets, class_ap, partner = _batch(num_rows=4, num_frames=3, shape=(2,))
    features = features.double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: framestack(x, targets, class_ap, clip_len=5, partner=partner)[0], features
    )


def test_an_empty_batch():
    clips, soft = framestack(
        torch.zeros(0, 4, 2),
        torch.zeros(0, 3),
        torch.zeros(3),
        clip_len=5,
        partner=torch.zeros(0, dtype=torch.long),
    )
    assert clips.shape == (0, 5, 2) and soft.shape == (0, 3)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'clip_len': 0}, 'clip_len must be an integer of at least 1, got 0'),
        ({'features': torch.zeros(6, 0, 3)}, r'features must be \(B, T, ...\), got shape'),
        ({'features': torch.zeros(6)}, r'features must be \(B, T, ...\), got shape \(6,\)'),
        ({'targets': torch.zeros(5, 5)}, r'targets must be \(B, C\) with B = 6, got shape'),
        ({'class_ap': torch.zeros(4)}, r'class_ap must have shape \(5,\), .* got \(4,\)'),
        ({'class_ap': torch.tensor([0, 0, 0, float('nan'), 0])}, r'class_ap\[3\] is nan'),
        ({'class_ap': torch.tensor([0, -0.1, 0, 0, 0])}, r'class_ap\[1\] is -0.1.*must be >= 0'),
        ({'partner': torch.zeros(5, dtype=torch.long)}, r'partner must be \(6,\) integers'),
        ({'partner': torch.zeros(6)}, r'partner must be \(6,\) integers, .* dtype torch.float32'),
        ({'partner': torch.arange(1, 7)}, 'partner holds 6: rows run from 0 to 5'),
        ({'partner': torch.arange(-1, 5)}, 'partner holds -1: rows run from 0 to 5'),
    ],
)
def test_errors_name_the_argument(change, message):
    features, targets, class_ap, partner = _batch()
    arguments = dict(features=features, targets=targets, class_ap=class_ap, partner=partner)
    with pytest.raises(ValueError, match=message):
        framestack(**{**arguments, 'clip_len': 6, **change})
