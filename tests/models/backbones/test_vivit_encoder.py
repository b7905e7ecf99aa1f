"""Positions of checkpoints of other grids, lengths and class tokens."""

from __future__ import annotations

import logging

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.runner.checkpoint import load_state_dict

from mmlt.functional import resize_pos_embed
from mmlt.models.backbones.vivit_encoder import TransformerEncoder


def _encoder(grid, has_class_token=False, **options):
    torch.manual_seed(sum(grid))
    encoder = TransformerEncoder(4, 1, 2, 8, grid, has_class_token=has_class_token, **options)
    encoder.init_weights()
    if has_class_token:
        torch.nn.init.normal_(encoder.class_token)
    return encoder


def test_initial_tokens_and_positions_are_scenics():
    encoder = _encoder((40, 50), has_class_token=True)
    encoder.init_weights()
    assert encoder.pos_embed.shape == (1, 2001, 4)
    assert encoder.pos_embed.std().item() == pytest.approx(0.02, rel=0.05)
    assert not encoder.class_token.any()


@pytest.mark.parametrize('has_class_token', [False, True])
@pytest.mark.parametrize(
    ('saved_grid', 'grid'), [((3, 3), (4, 4)), ((2, 2), (3, 5)), ((4,), (7,)), ((6,), (2,))]
)
def test_another_grid_is_resized(saved_grid, grid, has_class_token):
    saved, encoder = (_encoder(each, has_class_token) for each in (saved_grid, grid))
    encoder.load_state_dict(saved.state_dict())
    expected = resize_pos_embed(
        saved.pos_embed,
        (1, *grid)[-2:],
        old_hw=(1, *saved_grid)[-2:],
        num_prefix_tokens=int(has_class_token),
    )
    assert torch.equal(encoder.pos_embed, expected)


def test_the_same_grid_is_loaded_as_it_is():
    saved, encoder = _encoder((2, 3), True), _encoder((2, 3), True)
    encoder.load_state_dict({key: value + 1 for key, value in saved.state_dict().items()})
    assert torch.equal(encoder.pos_embed, saved.pos_embed + 1)
    assert torch.equal(encoder.class_token, saved.class_token + 1)


def test_a_grid_that_is_no_square_must_be_told():
    saved = _encoder((2, 6))
    with pytest.raises(ValueError, match=r'pos_embed: 12 saved positions are neither 3 x 5 nor'):
        _encoder((3, 5)).load_state_dict(saved.state_dict())
    told = _encoder((3, 5), saved_grid=(2, 6))
    told.load_state_dict(saved.state_dict())
    assert torch.equal(told.pos_embed, resize_pos_embed(saved.pos_embed, (3, 5), old_hw=(2, 6)))
    turned = _encoder((6, 2), saved_grid=(2, 6))  # as many places, elsewhere
    turned.load_state_dict(saved.state_dict())
    assert torch.equal(turned.pos_embed, resize_pos_embed(saved.pos_embed, (6, 2), old_hw=(2, 6)))


@pytest.mark.parametrize('grid', [(3, 3), (4, 4), (3, 5)])
def test_a_class_token_that_only_the_checkpoint_has_is_left_out(grid):
    saved, encoder = _encoder((3, 3), has_class_token=True), _encoder(grid)
    encoder.load_state_dict(saved.state_dict())
    assert torch.equal(encoder.pos_embed, resize_pos_embed(saved.pos_embed[:, 1:], grid))


def test_a_class_token_that_only_the_encoder_has_stays_its_own():
    saved, encoder = _encoder((3, 3)), _encoder((4, 4), has_class_token=True)
    own_token, own_row = encoder.class_token.clone(), encoder.pos_embed[:, :1].clone()
    result = encoder.load_state_dict(saved.state_dict(), strict=False)
    assert result.missing_keys == ['class_token'] and not result.unexpected_keys
    assert torch.equal(encoder.class_token, own_token)
    expected = torch.cat([own_row, resize_pos_embed(saved.pos_embed, (4, 4))], dim=1)
    assert torch.equal(encoder.pos_embed, expected)


def test_an_image_models_row_without_its_token():
    """The row of the class token is loaded, the token is not in the state."""
    state = _encoder((3, 3), has_class_token=True).state_dict()
    del state['class_token']
    with_token, without = _encoder((4, 4), has_class_token=True), _encoder((4, 4))
    with_token.load_state_dict(state, strict=False)
    without.load_state_dict(state)
    expected = resize_pos_embed(state['pos_embed'], (4, 4), num_prefix_tokens=1)
    assert torch.equal(with_token.pos_embed, expected)
    assert torch.equal(without.pos_embed, expected[:, 1:])


@pytest.mark.parametrize('has_class_token', [False, True])
def test_a_sequence_with_another_class_token(has_class_token):
    saved, encoder = _encoder((4,), not has_class_token), _encoder((4,), has_class_token)
    encoder.load_state_dict(saved.state_dict(), strict=False)
    rows = slice(int(has_class_token), None), slice(int(not has_class_token), None)
    assert torch.equal(encoder.pos_embed[:, rows[0]], saved.pos_embed[:, rows[1]])


def test_a_resize_is_logged_and_the_caller_keeps_its_state():
    logger, records = MMLogger.get_instance('test_vivit_encoder'), []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger.addHandler(handler)
    state = _encoder((3, 3), has_class_token=True).state_dict()
    model = torch.nn.ModuleDict({'spatial': _encoder((4, 4))})
    saved = {f'spatial.{key}': value for key, value in state.items()}
    load_state_dict(model, saved, logger=logger)  # mmengine's, which checkpoints go through
    logger.removeHandler(handler)
    told = 'spatial.pos_embed: positions of 3 x 3 tokens with 1 class tokens fitted to 4 x 4 with 0'
    assert records == [told]
    assert saved.keys() == {f'spatial.{key}' for key in state}
    assert saved['spatial.pos_embed'].shape == (1, 10, 4)


def test_another_width_is_torchs_error():
    state = _encoder((3, 3)).state_dict()
    state['pos_embed'] = torch.zeros(1, 4, 6)
    with pytest.raises(RuntimeError, match='size mismatch for pos_embed'):
        _encoder((3, 3)).load_state_dict(state)
