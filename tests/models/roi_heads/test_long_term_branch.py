from __future__ import annotations

import math

import pytest
import torch
from mmaction.models.roi_heads.shared_heads.fbo_head import FBONonLocal
from torch import nn

from mmlt.models.roi_heads.long_term_branch import LongTermBranch, masked_attention

C, D, LATENT, SLOTS = 6, 10, 8, 12
KINDS = [dict(), dict(block='transformer', num_heads=2), dict(num_blocks=1), dict(num_blocks=3)]


def _branch(**options):
    torch.manual_seed(0)
    branch = LongTermBranch(C, bank_channels=D, latent_channels=LATENT, **options)
    branch.init_weights()
    return branch.eval()


def _inputs(num_clips=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    clip_index = torch.tensor([0, 0, 0, 1, 2, 2][: 2 * num_clips])
    features = torch.randn(len(clip_index), C, generator=generator)
    bank = torch.randn(num_clips, SLOTS, D, generator=generator)
    mask = torch.rand(num_clips, SLOTS, generator=generator) < 0.6
    return features, clip_index, bank, mask


def test_attention_by_hand():
    # one query of 1 and keys 0 and 2 ln 3 of width 1: weights 1/10 and 9/10; the third is empty
    query, key = torch.ones(1, 1, 1, 1), torch.tensor([0, 2 * math.log(3), 50])
    value = torch.tensor([10.0, 20.0, 1000.0])
    mask = torch.tensor([[True, True, False]])
    found = masked_attention(query, key.reshape(1, 3, 1, 1), value.reshape(1, 3, 1, 1), mask)
    assert found.item() == pytest.approx(19)


def test_attention_is_scaled_by_the_width():
    # four channels of 1 and keys of ln 9 / 2 and 0: (4 ln 9 / 2) / 2 = ln 9
    query = torch.ones(1, 1, 1, 4)
    key = torch.stack([torch.full((4,), math.log(9) / 2), torch.zeros(4)]).reshape(1, 2, 1, 4)
    value = torch.tensor([1.0, 0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
    found = masked_attention(query, key, value, torch.ones(1, 2, dtype=torch.bool))
    assert found.flatten().tolist() == pytest.approx([0.9] * 4)


def test_products_beyond_half_precision():
    # 256 channels: products of 256 * 300 = 76800 and 0, scaled 4800 and 0
    query = torch.full((1, 1, 1, 256), 300, dtype=torch.float16)
    key = torch.stack([torch.ones(256), torch.zeros(256)]).reshape(1, 2, 1, 256).half()
    value = torch.tensor([3.0, 5]).reshape(1, 2, 1, 1).expand(1, 2, 1, 256).half()
    found = masked_attention(query, key, value, torch.ones(1, 2, dtype=torch.bool))
    assert found.flatten().unique().tolist() == [3]


@pytest.mark.parametrize('num_blocks', [1, 2, 3])
def test_of_full_windows_it_is_mmactions(num_blocks):
    """The reference: mmaction2's FBONonLocal, whose windows have no mask."""
    branch = _branch(num_blocks=num_blocks)
    torch.manual_seed(5)
    reference = FBONonLocal(C, D, LATENT, 1, SLOTS, num_non_local_layers=num_blocks).eval()
    reference.init_weights()
    pairs = [(reference.st_feat_conv, branch.reduce_short)]
    pairs.append((reference.lt_feat_conv, branch.reduce_bank))
    for number, block in enumerate(branch.blocks, start=1):
        layer = getattr(reference, f'non_local_layer_{number}')
        pairs.append((layer.st_feat_conv.conv, block.attention.query))
        pairs.append((layer.lt_feat_conv.conv, block.attention.key))
        pairs.append((layer.global_conv.conv, block.attention.value))
        pairs.append((layer.out_conv.conv, block.out))
        nn.init.normal_(layer.ln.weight)
        nn.init.normal_(layer.ln.bias)
        block.norm.load_state_dict({k: v.flatten() for k, v in layer.ln.state_dict().items()})
    for theirs, ours in pairs:
        nn.init.normal_(theirs.bias)
        ours.weight.data.copy_(theirs.weight.flatten(1))
        ours.bias.data.copy_(theirs.bias)
    features, clip_index, bank, mask = _inputs()
    found = branch(features, clip_index, bank, torch.ones_like(mask))
    windows = bank[clip_index].transpose(1, 2)[..., None, None]
    expected = reference(features[:, :, None, None, None], windows).flatten(1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('options', KINDS, ids=str)
def test_empty_slots_count_nothing(options):
    branch = _branch(**options)
    features, clip_index, bank, mask = _inputs()
    expected = branch(features, clip_index, bank, mask)
    filled = torch.where(mask[..., None], bank, 1e3 * torch.randn_like(bank))
    torch.testing.assert_close(branch(features, clip_index, filled, mask), expected)
    # nor their number: the slots alone that hold a person
    alone = branch(features[:3], clip_index[:3], bank[:1, mask[0]], mask[:1, mask[0]])
    torch.testing.assert_close(alone, expected[:3])


@pytest.mark.parametrize('options', KINDS, ids=str)
def test_the_order_of_slots_and_of_persons_changes_nothing(options):
    branch = _branch(**options)
    features, clip_index, bank, mask = _inputs()
    expected = branch(features, clip_index, bank, mask)
    slots, persons = torch.randperm(SLOTS), torch.randperm(len(features))
    found = branch(features, clip_index, bank[:, slots], mask[:, slots])
    torch.testing.assert_close(found, expected)
    found = branch(features[persons], clip_index[persons], bank, mask)
    torch.testing.assert_close(found, expected[persons])


@pytest.mark.parametrize('options', KINDS, ids=str)
def test_a_person_sees_the_window_of_its_own_clip(options):
    branch = _branch(**options)
    features, clip_index, bank, mask = _inputs()
    expected = branch(features, clip_index, bank, mask)
    bank[1] += 1
    found = branch(features, clip_index, bank, mask)
    changed = (found != expected).any(dim=1)
    assert changed.tolist() == (clip_index == 1).tolist()


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('options', KINDS, ids=str)
def test_an_empty_window_gives_zeros_and_gradients_that_are_numbers(options, dtype):
    branch = _branch(**options).train()
    features, clip_index, bank, mask = _inputs()
    mask[1] = False
    features.requires_grad_()
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found = branch(features, clip_index, bank, mask)
        found.float().square().sum().backward()
    assert torch.equal(found[3], torch.zeros_like(found[3]))
    assert (found[[0, 1, 2, 4, 5]] != 0).any(dim=1).all()
    assert torch.equal(features.grad[3], torch.zeros(C))
    assert all(torch.isfinite(each.grad).all() for each in branch.parameters())


@pytest.mark.parametrize('options', KINDS, ids=str)
@pytest.mark.parametrize('num_persons', [0, 6])
def test_every_parameter_has_a_gradient(options, num_persons):
    """Also without a person: the ranks of a distributed training wait for every parameter."""
    branch = _branch(**options)
    features, clip_index, bank, mask = _inputs()
    found = branch(features[:num_persons], clip_index[:num_persons], bank, mask)
    assert found.shape == (num_persons, LATENT)
    found.sum().backward()
    assert all(each.grad is not None for each in branch.parameters())


def test_one_head_is_several_of_the_whole_width():
    """With as many heads each attends by its own channels: another result."""
    features, clip_index, bank, mask = _inputs()
    one, two = _branch(), _branch(num_heads=2)
    two.load_state_dict(one.state_dict())
    found = [each(features, clip_index, bank, mask) for each in (one, two)]
    assert not torch.allclose(*found)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_blocks=0), 'num_blocks must be an integer of at least 1, got 0'),
        (dict(block='fbo'), "block must be one of 'non_local', 'transformer', got 'fbo'"),
        (dict(num_heads=3), 'latent_channels=8 is no multiple of num_heads=3'),
        (dict(dropout_ratio=2), 'dropout_ratio'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        _branch(**options)


def test_a_bank_of_another_width_is_refused():
    features, clip_index, bank, mask = _inputs()
    with pytest.raises(ValueError, match='features of 9 channels, bank_channels .* is 10'):
        _branch()(features, clip_index, bank[..., :9], mask)
