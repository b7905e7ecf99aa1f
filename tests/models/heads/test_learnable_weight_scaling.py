from __future__ import annotations

import mmengine.runner.checkpoint
import pytest
import torch
from torch import nn

from mmlt.models.heads import LearnableWeightScaling
from mmlt.registry import MODELS

FEATURES = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))


def _linear(bias=True):
    torch.manual_seed(0)
    return nn.Linear(4, 3, bias=bias)


def test_by_hand():
    linear = nn.Linear(2, 2)
    linear.load_state_dict({'weight': torch.tensor([[1.0, 2], [3, 4]]), 'bias': torch.ones(2)})
    layer = LearnableWeightScaling(linear)
    assert layer(torch.tensor([[1.0, 1.0]])).tolist() == [[4, 8]]
    layer.scale.data = torch.tensor([2.0, 0.5])
    assert layer(torch.tensor([[1.0, 1.0]])).tolist() == [[8, 4]]


@pytest.mark.parametrize('bias', [True, False])
def test_merged_gives_the_same_logits(bias):
    layer = LearnableWeightScaling(_linear(bias))
    layer.scale.data = torch.tensor([0.5, 1.0, 3.0])
    plain = layer.merged()
    assert type(plain) is nn.Linear
    assert (plain.bias is not None) == bias
    torch.testing.assert_close(plain(FEATURES), layer(FEATURES))
    plain.weight.data.zero_()
    assert layer.linear.weight.abs().sum() > 0
    assert all(parameter.requires_grad for parameter in plain.parameters())


def test_only_the_scales_are_learned():
    layer = LearnableWeightScaling(_linear())
    layer(FEATURES).square().sum().backward()
    assert layer.linear.weight.grad is None and layer.linear.bias.grad is None
    assert layer.scale.grad.abs().min() > 0


def _classifier(**options):
    torch.manual_seed(0)
    return MODELS.build(
        {
            'type': 'mmlt.BoxFeatureClassifier',
            'in_channels': 4,
            'num_classes': 3,
            'zero_init': False,
            **options,
        }
    )


def test_takes_a_plain_checkpoint_and_gives_one_back():
    plain = _classifier()
    scaled = _classifier()
    scaled.bbox_head.fc_cls = LearnableWeightScaling(scaled.bbox_head.fc_cls)
    nn.init.zeros_(scaled.bbox_head.fc_cls.linear.weight)
    nn.init.zeros_(scaled.bbox_head.fc_cls.scale)
    checkpoint = plain.state_dict()
    mmengine.runner.checkpoint.load_state_dict(scaled, checkpoint, strict=True)
    assert torch.equal(scaled(FEATURES), plain(FEATURES))
    assert checkpoint.keys() == plain.state_dict().keys()  # the caller's dict is as it was
    scaled.bbox_head.fc_cls.scale.data = torch.tensor([1.0, 4.0, 0.5])
    again = _classifier()
    again.bbox_head.fc_cls = LearnableWeightScaling(again.bbox_head.fc_cls)
    again.load_state_dict(scaled.state_dict())  # its own kind of checkpoint
    assert torch.equal(again(FEATURES), scaled(FEATURES))
    scaled.bbox_head.fc_cls = scaled.bbox_head.fc_cls.merged()
    plain.load_state_dict(scaled.state_dict())
    torch.testing.assert_close(plain(FEATURES), again(FEATURES))


def test_trains_in_the_box_feature_classifier():
    model = _classifier(dropout_ratio=0.0)
    model.bbox_head.fc_cls = LearnableWeightScaling(model.bbox_head.fc_cls)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    labels = torch.tensor([[0, 1, 0], [0, 0, 1]]).repeat(3, 1)
    losses = []
    for _ in range(20):
        loss = model(FEATURES, labels, mode='loss')['loss_action_cls']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert model.bbox_head.fc_cls.scale[0] == 1  # the background


def test_only_of_a_linear_layer():
    with pytest.raises(ValueError, match='linear must be an nn.Linear, got Sequential'):
        LearnableWeightScaling(nn.Sequential(_linear()))
