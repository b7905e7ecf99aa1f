from __future__ import annotations

import numpy as np
import pytest
import torch
from mmaction.utils import register_all_modules
from mmcv.transforms import Compose
from mmengine.registry import MODELS, DefaultScope

import mmlt  # noqa: F401
from mmlt.models.padding_data_preprocessor import PaddingDataPreprocessor

# isort: split
from mmaction.models.roi_heads import AVARoIHead  # noqa: F401 (registers it in mmdet's scope)

GREY = {'mean': [127.5] * 3, 'std': [127.5] * 3}


@pytest.fixture(autouse=True, scope='module')
def _mmaction_scope():
    register_all_modules(init_default_scope=True)


def _clip(value, height, width, *lead):
    return torch.full((*lead, 3, 2, height, width), value, dtype=torch.uint8)


def _batch(*clips, size=(4, 6), **options):
    preprocessor = PaddingDataPreprocessor(size, **{**GREY, **options})
    return preprocessor({'inputs': list(clips), 'data_samples': None})['inputs']


def test_hand_computed():
    # 255 is 1 and 0 is -1 after normalisation, and what is padded is 0
    padded = _batch(_clip(255, 4, 3), _clip(0, 2, 6))
    assert padded.shape == (2, 3, 2, 4, 6) and padded.dtype == torch.float32
    first = torch.tensor([[1.0, 1, 1, 0, 0, 0]] * 4)
    second = torch.tensor([[-1.0] * 6] * 2 + [[0.0] * 6] * 2)
    for channel in range(3):
        for frame in range(2):
            assert torch.equal(padded[0, channel, frame], first)
            assert torch.equal(padded[1, channel, frame], second)


@pytest.mark.parametrize('lead', [(), (5,)], ids=['5-D', '6-D'])
@pytest.mark.parametrize('collated', [False, True])
def test_equal_to_mmaction2_inside_the_picture(lead, collated):
    generator = torch.Generator().manual_seed(0)
    shape = (*lead, 3, 2, 4, 6)
    clips = [torch.randint(256, shape, generator=generator).to(torch.uint8) for _ in range(2)]
    options = {'mean': [1.0, 20.0, 60.0], 'std': [2.0, 3.0, 4.0], 'to_rgb': True}
    stock = MODELS.build(
        dict(type='mmaction.ActionDataPreprocessor', format_shape='NCTHW', **options)
    )
    expected = stock({'inputs': clips, 'data_samples': None})['inputs']
    inputs = torch.stack(clips) if collated else clips
    ours = MODELS.build(dict(type='mmlt.PaddingDataPreprocessor', size=8, **options))
    padded = ours({'inputs': inputs, 'data_samples': None})['inputs']
    assert padded.shape == (2, *lead, 3, 2, 8, 8)
    assert torch.equal(padded[..., :4, :6], expected)
    assert not padded[..., 4:, :].any() and not padded[..., 6:].any()


def test_without_normalisation_and_state():
    assert _batch(_clip(7, 2, 2), mean=None, std=None)[0, 0, 0, :2, :2].tolist() == [[7, 7], [7, 7]]
    assert not PaddingDataPreprocessor(4, **GREY).state_dict()


def test_blending_mixes_padded_clips_in_training_alone():
    preprocessor = PaddingDataPreprocessor(4, **GREY)
    preprocessor.blending = lambda inputs, samples: (-inputs, samples)
    data = {'inputs': [_clip(255, 2, 4), _clip(255, 4, 2)], 'data_samples': [None, None]}
    plain = preprocessor(dict(data))['inputs']
    assert torch.equal(preprocessor(dict(data), training=True)['inputs'], -plain)


def test_larger_clips_are_refused():
    message = (
        r'a clip of shape \(3, 2, 4, 7\) is larger than size=\(4, 6\).*ScaleJitter.*size=\(4, 6\)'
    )
    with pytest.raises(ValueError, match=message):
        _batch(_clip(0, 4, 7))
    with pytest.raises(ValueError, match='a clip of shape'):
        _batch(_clip(0, 5, 6))


def test_clips_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match=r'\[\(1, 3, 2\), \(2, 3, 2\)\] before height and width'):
        _batch(_clip(0, 2, 2, 1), _clip(0, 2, 2, 2))


@pytest.mark.parametrize('size', [0, (4,), (4, 6, 8), (4, 1.5), True])
def test_bad_sizes(size):
    with pytest.raises(ValueError, match=r'size(\[\d\])? must be'):
        PaddingDataPreprocessor(size)


# ------------------------------------------------------------ boxes from a real pipeline to the end

SIDE = 64
BOX = np.array([[0.125, 0.25, 0.5, 0.75]])  # of a picture of 96 x 192: x 24 to 96, y 24 to 72


def _sample(flip_ratio):
    """One keyframe of two frames whose annotated box is white on black, through the pipeline."""
    frame = np.zeros((96, 192, 3), dtype=np.uint8)
    frame[24:72, 24:96] = 255
    pipeline = [
        dict(type='Resize', scale=(SIDE, SIDE)),
        dict(type='Flip', flip_ratio=flip_ratio),
        dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs', meta_keys=('img_shape', 'img_key', 'flip')),
    ]
    results = dict(
        imgs=[frame.copy(), frame.copy()],
        img_shape=(96, 192),
        img_key='v,0902',
        modality='RGB',
        num_clips=1,
        clip_len=2,
        gt_bboxes=BOX * [192, 96, 192, 96],
        gt_labels=np.array([[0.0, 1.0]], dtype=np.float32),
        proposals=BOX * [192, 96, 192, 96],
    )
    with DefaultScope.overwrite_default_scope('mmaction'):
        return Compose(pipeline)(results)


@pytest.mark.parametrize('flip_ratio', [0.0, 1.0], ids=['plain', 'flipped'])
def test_boxes_of_a_resized_flipped_frame_lie_on_their_pixels(flip_ratio):
    sample = _sample(flip_ratio)
    preprocessor = PaddingDataPreprocessor(SIDE, **GREY)
    batch = preprocessor({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]})
    clip = batch['inputs'][0]
    assert clip.shape == (3, 2, SIDE, SIDE)
    assert batch['data_samples'][0].img_shape == (32, 64)  # that of the picture, without padding
    assert not clip[:, :, 32:].any() and (clip[:, :, :32] == -1).any()
    # thirds: x 8 to 32 (flipped: 32 to 56), y 8 to 24
    left, right = (32, 56) if flip_ratio else (8, 32)
    for instances in (batch['data_samples'][0].gt_instances, batch['data_samples'][0].proposals):
        torch.testing.assert_close(
            instances.bboxes, torch.tensor([[left, 8, right, 24]], dtype=torch.float64)
        )
    white = (clip[0, 0] > 0).nonzero()
    assert white.min(0).values.tolist() == [8, left]
    assert (white.max(0).values + 1).tolist() == [24, right]


class _Centre(torch.nn.Module):
    """RoI features: what the middle pixel of each RoI shows, (n, 3, 1, 1, 1)."""

    def forward(self, feat, rois):
        x, y = (rois[:, [1, 2]] + rois[:, [3, 4]]).t().div(2).long()
        return feat[rois[:, 0].long(), :, :1, y, x][..., None, None], None


def test_predictions_are_fractions_of_the_picture_without_padding():
    head = dict(type='BBoxHeadAVA', in_channels=3, num_classes=2, background_class=True, topk=())
    with DefaultScope.overwrite_default_scope('mmdet'):
        roi_head = MODELS.build(
            dict(
                type='mmdet.AVARoIHead',
                bbox_roi_extractor=dict(type='SingleRoIExtractor3D'),
                bbox_head=head,
            )
        )
    roi_head.bbox_roi_extractor = _Centre()
    sample = _sample(0.0)
    preprocessor = PaddingDataPreprocessor(SIDE, **GREY)
    batch = preprocessor({'inputs': [sample['inputs']], 'data_samples': [sample['data_samples']]})
    sample = batch['data_samples'][0]
    sample.proposals.bboxes = sample.proposals.bboxes.float()
    roi_head.eval()
    predicted = roi_head.predict(batch['inputs'], [sample.proposals], [sample])[0]
    np.testing.assert_allclose(predicted.bboxes.numpy(), BOX, atol=1e-6)
