from __future__ import annotations

import math

import pytest
import torch
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement, InstanceData
from torch.nn.functional import binary_cross_entropy_with_logits

FEATURES = torch.tensor([[1.0, 0, 2], [0, 1, 0], [3, 0, 1]])
LABELS = torch.tensor([[0.0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]])  # the second box has none


def _build(**options):
    config = dict(type='mmlt.BoxFeatureClassifier', in_channels=3, num_classes=4, dropout_ratio=0)
    return MODELS.build({**config, **options})


def _with_weights(model):
    torch.manual_seed(0)
    torch.nn.init.normal_(model.bbox_head.fc_cls.weight)
    torch.nn.init.normal_(model.bbox_head.fc_cls.bias)
    return model


def test_starts_at_zero_so_the_loss_is_ln_2():
    model = _build()
    model.init_weights()  # the runner calls it
    assert all(not parameter.any() for parameter in model.parameters())
    loss = model(FEATURES, LABELS, mode='loss')
    assert loss['loss_action_cls'].item() == pytest.approx(math.log(2))


def test_zero_init_can_be_switched_off():
    model = _build(zero_init=False)
    model.init_weights()
    assert model.bbox_head.fc_cls.weight.any()


def test_loss_is_the_mean_over_labelled_boxes_and_real_classes():
    model = _with_weights(_build())
    logits = model(FEATURES)
    torch.testing.assert_close(logits, model.bbox_head.fc_cls(FEATURES))
    expected = binary_cross_entropy_with_logits(logits[[0, 2], 1:], LABELS[[0, 2], 1:])
    torch.testing.assert_close(model(FEATURES, LABELS, mode='loss')['loss_action_cls'], expected)


def test_without_a_background_column():
    model = _with_weights(_build(background_class=False))
    logits = model(FEATURES)
    expected = binary_cross_entropy_with_logits(logits[[0, 2]], LABELS[[0, 2]])
    torch.testing.assert_close(model(FEATURES, LABELS, mode='loss')['loss_action_cls'], expected)


def test_any_collation_gives_the_same_loss():
    model = _with_weights(_build())
    forms = [
        (FEATURES, LABELS),
        (list(FEATURES), list(LABELS)),  # box by box
        ([FEATURES], [LABELS]),  # a whole batch in one piece
        ([FEATURES[:1], FEATURES[1:]], [LABELS[:1], LABELS[1:]]),
        (FEATURES[None], LABELS[None]),  # the same, by default_collate
    ]
    losses = [model(*form, mode='loss')['loss_action_cls'].item() for form in forms]
    assert len(set(losses)) == 1


def test_a_batch_without_a_label_gives_zero_with_a_graph():
    model = _with_weights(_build())
    loss = model(FEATURES, torch.zeros(3, 4), mode='loss')['loss_action_cls']
    loss.backward()
    assert loss.item() == 0 and not model.bbox_head.fc_cls.weight.grad.any()


def test_takes_a_loss_of_ones_choice():
    model = _with_weights(_build(loss_cls=dict(type='mmlt.FocalLoss', gamma=2.0)))
    logits, targets = model(FEATURES)[[0, 2], 1:], LABELS[[0, 2], 1:]
    bce = binary_cross_entropy_with_logits(logits, targets, reduction='none')
    expected = ((1 - (-bce).exp()) ** 2 * bce).mean()
    torch.testing.assert_close(model(FEATURES, LABELS, mode='loss')['loss_action_cls'], expected)


def test_dropout_acts_in_training_alone():
    model = _with_weights(_build(dropout_ratio=0.5))
    features, labels = torch.rand(100, 3), torch.ones(100, 4)
    twice = [model(features, labels, mode='loss')['loss_action_cls'].item() for _ in range(2)]
    assert twice[0] != twice[1]
    model.eval()
    once = model(features, labels, mode='loss')['loss_action_cls'].item()
    assert once == model(features, labels, mode='loss')['loss_action_cls'].item()


def test_predicts_the_boxes_of_each_keyframe():
    model = _with_weights(_build())
    samples = []
    for number in (2, 0, 1):
        sample = BaseDataElement(metainfo={'video_id': 'v', 'timestamp': number})
        sample.proposals = InstanceData(bboxes=torch.rand(number, 4))
        samples.append(sample)
    inputs = [FEATURES[:2], FEATURES[:0], FEATURES[2:]]
    found = model(inputs, data_samples=samples, mode='predict')
    assert [sample.timestamp for sample in found] == [2, 0, 1]
    scores = torch.cat([sample.pred_instances.scores for sample in found])
    torch.testing.assert_close(scores, model(FEATURES).sigmoid())
    assert [len(sample.pred_instances) for sample in found] == [2, 0, 1]
    assert torch.equal(found[0].pred_instances.bboxes, samples[0].proposals.bboxes)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(mode='predict'), r"no data_samples: test on BoxFeatureDataset\(per='keyframe'\)"),
        (dict(mode='train'), "mode must be 'tensor', 'loss' or 'predict', got 'train'"),
        (dict(mode='loss'), 'no gt_labels'),
    ],
)
def test_wrong_calls(arguments, message):
    with pytest.raises(ValueError, match=message):
        _build()([FEATURES], **arguments)


def test_features_of_another_width():
    with pytest.raises(ValueError, match='features are 5 wide, in_channels is 3'):
        _build()(torch.zeros(2, 5))


def _detector_file(path, num_classes=4):
    generator = torch.Generator().manual_seed(1)
    state = {
        'backbone.weight': torch.zeros(2),
        'roi_head.bbox_head.fc_cls.weight': torch.randn(num_classes, 3, generator=generator),
        'roi_head.bbox_head.fc_cls.bias': torch.randn(num_classes, generator=generator),
    }
    torch.save({'state_dict': state}, path)
    return state


def test_scales_the_classifier_of_a_detector(tmp_path):
    path = tmp_path / 'detector.pth'
    state = _detector_file(path)
    model = _build(classifier='lws', classifier_checkpoint=str(path))
    model.init_weights()
    plain = _build()
    plain.load_state_dict({k[9:]: v for k, v in state.items() if k.startswith('roi_head.')})
    assert torch.equal(model(FEATURES), plain(FEATURES))
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == ['bbox_head.fc_cls.scale']
    model(FEATURES, LABELS, mode='loss')['loss_action_cls'].backward()
    assert model.bbox_head.fc_cls.scale.grad[1:].all()
    path.unlink()  # testing takes the classifier's own checkpoint
    again = _build(classifier='lws', classifier_checkpoint=str(path))
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(FEATURES), model(FEATURES))


def test_no_classifier_of_this_size_to_scale(tmp_path):
    path = tmp_path / 'detector.pth'
    _detector_file(path, num_classes=5)
    model = _build(classifier='lws', classifier_checkpoint=str(path))
    message = r'detector\.pth: roi_head\.bbox_head\.fc_cls\.weight has shape \(5, 3\), .* \(4, 3\)'
    with pytest.raises(ValueError, match=message):
        model.init_weights()
    torch.save({'state_dict': {}}, path)
    with pytest.raises(ValueError, match=r'fc_cls\.weight has shape None'):
        model.init_weights()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(classifier='lws'), r"classifier='lws', classifier_checkpoint=None: 'lws' scales"),
        (dict(classifier_checkpoint='a.pth'), r"classifier='linear', classifier_checkpoint='a.pth"),
        (dict(classifier='mlp'), r"classifier must be .*'mlp'"),
    ],
)
def test_bad_choice_of_classifier(options, message):
    with pytest.raises(ValueError, match=message):
        _build(**options)
