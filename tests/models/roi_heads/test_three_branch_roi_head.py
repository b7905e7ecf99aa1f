from __future__ import annotations

import pytest
import torch
from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
from three_branch_scene import (
    BANK,
    CHANNELS,
    COMBINATIONS,
    LABELS,
    PERSONS,
    SWITCHES,
    combination_name,
    losses_of,
    maps,
    predictions,
    roi_head,
    samples,
    window,
)

from mmlt.models.roi_heads import ThreeBranchRoIHead

ALL = COMBINATIONS[-1]
WIDTH = sum(CHANNELS)
every_combination = pytest.mark.parametrize('options', COMBINATIONS, ids=combination_name)


def test_eight_combinations():
    assert len({combination_name(each) for each in COMBINATIONS}) == 8


@every_combination
def test_gradients_reach_every_branch_that_is_on_and_none_that_is_off(options):
    head = roi_head(**options)
    of_branch = {
        'global_loss': ('global_classifier.weight', 'global_classifier.bias'),
        'long_term': tuple(n for n, _ in roi_head(**ALL).named_parameters() if 'long_term' in n),
    }
    expected = {'bbox_head.fc_cls.weight', 'bbox_head.fc_cls.bias'}
    expected.update(*(of_branch.get(name, ()) for name in options))
    of_maps = tuple(each.requires_grad_() for each in maps())
    losses = losses_of(head, of_maps)
    assert ('loss_global' in losses) == ('global_loss' in options)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    reached = {name for name, each in head.named_parameters() if each.grad is not None}
    assert reached == expected == {name for name, _ in head.named_parameters()}
    assert all(each.grad.abs().sum() > 0 for each in head.parameters())
    assert all(each.grad.abs().sum() > 0 for each in of_maps)


@every_combination
def test_width_of_the_classifier(options):
    head = roi_head(**options)
    width = WIDTH * (1 + ('global_feature' in options)) + 4 * ('long_term' in options)
    assert head.bbox_head.fc_cls.in_features == width
    assert roi_head(**options, fusion='sum').bbox_head.fc_cls.in_features == WIDTH


@pytest.mark.parametrize('fusion', ['concat', 'sum'])
@every_combination
def test_what_a_switched_off_branch_would_see_changes_nothing(options, fusion):
    head = roi_head(**options, fusion=fusion).eval()
    losses_of(head.train())  # remembers the bank
    head.eval()
    (sample,) = samples(batch=1)
    plain = predictions(head, maps(1), sample).scores
    (other,) = samples(batch=1)
    other.long_term.features = other.long_term.features.flip(1)
    assert torch.equal(predictions(head, maps(1), other).scores, plain) != ('long_term' in options)
    # the scene beside all persons: the last column of the maps is in no RoI
    changed = maps(1)
    changed[1][..., -1] += 5
    left = samples(batch=1, persons=PERSONS[:1])[0]
    before = predictions(head, maps(1), samples(batch=1, persons=PERSONS[:1])[0]).scores
    found = predictions(head, changed, left).scores
    assert torch.equal(found, before) != ('global_feature' in options)


def test_all_off_is_mmactions_head():
    """The reference: AVARoIHead with BBoxHeadAVA of the same weights."""
    ours = roi_head(bbox_head=dict(type='mmlt.LongTailBBoxHead', background_class=True,
                                   num_classes=5, topk=()))  # fmt: skip
    theirs = roi_head(
        type='AVARoIHead',
        bbox_head=dict(
            type='BBoxHeadAVA',
            background_class=True,
            num_classes=5,
            topk=(),
            in_channels=WIDTH,
        ),
        roi_channels=None,
        box_jitter=None,
    )
    assert isinstance(theirs.bbox_head, BBoxHeadAVA)
    theirs.load_state_dict(ours.state_dict())
    expected, found = losses_of(theirs), losses_of(ours)
    assert expected.keys() == found.keys()
    torch.testing.assert_close(found, expected)
    clip = samples(batch=1)[0]
    scores = [predictions(each.eval(), maps(1), clip) for each in (ours, theirs)]
    torch.testing.assert_close(scores[0].scores, scores[1].scores)


def test_concatenation_by_hand():
    head = roi_head(**ALL).eval()
    head.train()._check_bank(BANK)
    head.eval()
    clip = samples(batch=1)[0]
    held = clip.long_term
    caught = []
    head.bbox_head.fc_cls.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    predictions(head, maps(1), clip)
    slow, fast = maps(1)
    scene = torch.cat([slow.mean(dim=(2, 3, 4)), fast.mean(dim=(2, 3, 4))], dim=1)
    rois = torch.cat([torch.zeros(2, 1), PERSONS], dim=1)
    pooled = head.bbox_roi_extractor((slow, fast), rois)[0].mean(dim=2).amax(dim=(2, 3))
    index = torch.zeros(2, dtype=torch.long)
    found = head.long_term(pooled, index, held.features[None], held.mask[None])
    expected = torch.cat([pooled, found, scene.expand(2, -1)], dim=1)
    torch.testing.assert_close(caught[0], expected)
    summed = roi_head(**ALL, fusion='sum').train()
    summed._check_bank(BANK)
    summed.eval().long_term.load_state_dict(head.long_term.state_dict())
    summed.bbox_head.fc_cls.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    predictions(summed, maps(1), samples(batch=1)[0])
    torch.testing.assert_close(caught[1], pooled + summed.long_term_map(found) + scene)


def test_an_empty_window_leaves_the_persons_feature_as_it_is():
    head = roi_head(long_term=SWITCHES['long_term'], fusion='sum')
    head._check_bank(BANK)
    head.eval()
    caught = []
    head.bbox_head.fc_cls.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    predictions(head, maps(1), samples(batch=1, num_persons=0)[0])
    plain = roi_head()
    plain.bbox_head.fc_cls.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    predictions(plain.eval(), maps(1), samples(batch=1)[0])
    assert torch.equal(caught[0], caught[1])


def test_the_global_loss_is_of_the_union_of_labels():
    head = roi_head(global_loss=dict(type='mmlt.BCELoss', loss_weight=0.25))
    found = losses_of(head)['loss_global']
    metas = [sample.metainfo for sample in samples()]
    logits = head.global_classifier(head.clip_features(maps(), metas))
    union = torch.tensor([[1.0, 1, 1, 0]] * 2)  # of both persons, without column 0
    assert torch.equal(LABELS.amax(dim=0)[1:], union[0])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, union)
    assert found.item() == pytest.approx(0.25 * loss.item(), rel=1e-6)


def test_the_clip_feature_is_of_the_clip_and_not_of_what_pads_it():
    """A batch is as wide as its widest clip; a cell that the clip reaches into counts."""
    head = roi_head(global_feature=True)
    padded = tuple(torch.nn.functional.pad(each, (0, 3, 0, 1), value=9) for each in maps())
    metas = [sample.metainfo for sample in samples()]
    expected = torch.cat([each.mean(dim=(2, 3, 4)) for each in maps()], dim=1)
    torch.testing.assert_close(head.clip_features(padded, metas), expected)
    partly = [dict(img_shape=(40, 57)), dict(img_shape=(33, 64))]  # 8 pixels a cell
    torch.testing.assert_close(head.clip_features(padded, partly), expected)
    whole = torch.cat([each.mean(dim=(2, 3, 4)) for each in padded], dim=1)
    larger = [dict(img_shape=(640, 640))] * 2  # than the maps show
    torch.testing.assert_close(head.clip_features(padded, larger), whole)


@every_combination
def test_clips_without_a_person(options):
    """No proposal, no label: losses of zero that still reach the parameters, no detection."""
    head = roi_head(**options)
    nobody = samples(persons=PERSONS[:0])
    for sample in nobody:
        sample.gt_instances = sample.gt_instances[:0]
    losses = losses_of(head, data_samples=nobody)
    total = sum(value for name, value in losses.items() if 'loss' in name)
    total.backward()
    assert torch.isfinite(total)
    assert all(each.grad is not None for each in head.parameters())
    found = predictions(head.eval(), maps(1), samples(batch=1, persons=PERSONS[:0])[0])
    assert found.scores.shape == (0, 5)


@pytest.mark.parametrize('mode', ['loss', 'predict'])
@every_combination
def test_windows_do_not_stay_in_the_data_samples(options, mode):
    """DumpResults would write them: three megabytes a keyframe."""
    head, clips = roi_head(**options), samples(batch=1)
    if mode == 'loss':
        losses_of(head, maps(1), clips)
    else:
        losses_of(head)
        predictions(head.eval(), maps(1), clips[0])
    assert 'long_term' not in clips[0]


class TestBank:
    """A head knows the bank that it was trained with."""

    def _trained(self):
        head = roi_head(long_term=SWITCHES['long_term'])
        losses_of(head)
        return head

    def test_it_takes_the_same_again(self):
        head = roi_head(long_term=SWITCHES['long_term'])
        head.load_state_dict(self._trained().state_dict())
        predictions(head.eval(), maps(1), samples(batch=1)[0])
        losses_of(head.train())

    @pytest.mark.parametrize('mode', ['loss', 'predict'])
    def test_another_checkpoints_bank_is_refused(self, mode):
        head = self._trained()
        message = f'made by checkpoint {"cd" * 8} .* trained with one of checkpoint {"ab" * 8}'
        other = samples(batch=1, checkpoint='cd' * 32)
        with pytest.raises(ValueError, match=message):
            if mode == 'loss':
                losses_of(head, maps(1), other)
            else:
                predictions(head.eval(), maps(1), other[0])

    def test_after_loading_another_state_it_is_asked_again(self):
        head, other = self._trained(), roi_head(long_term=SWITCHES['long_term'])
        losses_of(other, data_samples=samples(checkpoint='cd' * 32))
        head.load_state_dict(other.state_dict())
        with pytest.raises(ValueError, match='trained with one of checkpoint cdcd'):
            predictions(head.eval(), maps(1), samples(batch=1)[0])

    def test_a_head_that_was_not_trained_is_refused(self):
        head = roi_head(long_term=SWITCHES['long_term']).eval()
        with pytest.raises(ValueError, match='trained with none yet'):
            predictions(head, maps(1), samples(batch=1)[0])

    def test_a_mixed_batch_is_refused(self):
        mixed = [*samples(batch=1), *samples(batch=1, checkpoint='cd' * 32)]
        with pytest.raises(ValueError, match='made by checkpoint cdcd'):
            losses_of(roi_head(long_term=SWITCHES['long_term']), data_samples=mixed)

    def test_it_survives_a_mean_over_ranks(self):
        """SyncBuffersHook's: a sum, then a division."""
        head = self._trained()
        for world_size in (2, 3, 7):
            total = sum(head.bank_checkpoint.clone() for _ in range(world_size))
            assert torch.equal(total / world_size, head.bank_checkpoint)

    def test_of_another_width(self):
        with pytest.raises(ValueError, match='features of 9 channels, bank_channels .* is 7'):
            losses_of(roi_head(long_term=SWITCHES['long_term']), data_samples=samples(channels=9))


@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_a_missing_window_is_told(mode):
    head, clips = roi_head(**ALL), samples(batch=1)
    del clips[0].long_term
    with pytest.raises(ValueError, match=r"v,0902: no window; put dict\(type='mmlt.LoadFeature"):
        if mode == 'loss':
            losses_of(head, maps(1), clips)
        else:
            predictions(head.eval(), maps(1), clips[0])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(shared_head=dict(type='FBOHead')), "shared_head={'type': 'FBOHead'}: this head has"),
        (dict(bbox_head=dict(in_channels=7)), 'bbox_head.in_channels=7: it follows'),
        (dict(fusion='add'), "fusion must be one of 'concat', 'sum', got 'add'"),
        (dict(roi_channels=0), 'roi_channels must be an integer of at least 1, got 0'),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        roi_head(**options)


def test_maps_of_other_channels_are_told():
    with pytest.raises(ValueError, match='roi_channels=8, the maps of the backbone have 7'):
        losses_of(roi_head(roi_channels=8))


def test_window_of_the_tests_is_as_the_transform_makes_it():
    made = window()
    assert made.features.shape == (6, WIDTH) and made.mask.tolist() == [True] * 4 + [False] * 2
    assert issubclass(ThreeBranchRoIHead, torch.nn.Module)
