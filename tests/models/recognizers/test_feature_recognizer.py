from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import ExponentialMovingAverage
from mmengine.runner import Runner
from torch.nn.functional import binary_cross_entropy_with_logits

import mmlt  # noqa: F401
from mmlt.registry import DATASETS, MODELS

# isort: split
from mmaction.structures import ActionDataSample

DATA = Path(__file__).parents[2] / 'data'
TARGETS = torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0]])


class _Drawn(int):
    """What mmlt.ClassBalancedSampler yields: an index that names the class it was drawn under."""

    class_id = None


def _drawn(class_id):
    index = _Drawn(0)
    index.class_id = class_id
    return index


@MODELS.register_module(name='_TestLogitsOfFrames')
class _LogitsOfFrames(torch.nn.Module):
    """A head whose logits are the mean of the features."""

    def __init__(self, loss_weight=1.0):
        super().__init__()
        self.loss_cls = MODELS.build(dict(type='mmlt.BCELoss', loss_weight=loss_weight))

    def forward(self, features):
        return features.mean(1)


def _samples(targets, **metainfo):
    return [
        ActionDataSample(
            metainfo={key: values[row] for key, values in metainfo.items()}
        ).set_gt_label(target)
        for row, target in enumerate(targets)
    ]


def _build(head=None, **options):
    torch.manual_seed(0)
    head = head or dict(type='mmlt.NonlinearHead', in_channels=4, num_classes=3)
    return MODELS.build(dict(type='mmlt.FeatureRecognizer', head=head, **options))


def test_loss_is_that_of_the_head_and_gives_gradients():
    model = _build(dict(type='mmlt.NetVLADHead', in_channels=4, num_classes=3))
    features = torch.randn(3, 5, 4)
    losses = copy.deepcopy(model)(features, _samples(TARGETS), mode='loss')
    expected = binary_cross_entropy_with_logits(copy.deepcopy(model)(features), TARGETS)
    assert list(losses) == ['loss_cls']
    torch.testing.assert_close(losses['loss_cls'], expected)
    model(features, _samples(TARGETS), mode='loss')['loss_cls'].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_soft_targets():
    model = _build(dict(type='mmlt._TestLogitsOfFrames'))
    features, soft = torch.randn(3, 5, 3), torch.rand(3, 3)
    loss = model(features, _samples(soft), mode='loss')['loss_cls']
    torch.testing.assert_close(loss, binary_cross_entropy_with_logits(features.mean(1), soft))


def test_scores_are_sigmoids_and_reach_the_metric():
    from mmlt.evaluation.gather.blocks import merge_blocks
    from mmlt.evaluation.gather.samples import NO_SAMPLES, sample_block

    model = _build().eval()
    features = torch.randn(3, 5, 4)
    found = model(features, _samples(TARGETS), mode='predict')
    block = merge_blocks([sample_block(sample.to_dict()) for sample in found], NO_SAMPLES)
    np.testing.assert_array_equal(block['scores'], model(features).sigmoid().detach())
    assert block['labels'].tolist() == [0, 2, 1] and block['num_labels'].tolist() == [2, 1, 0]


def test_masked_loss_by_hand():
    # drawn under class 2: class 0, the other positive, is left out; all logits 0
    model = _build(dict(type='mmlt._TestLogitsOfFrames'), mask_undrawn=True)
    samples = _samples(TARGETS[:1], sample_idx=[_drawn(2)])
    loss = model(torch.zeros(1, 1, 3), samples, mode='loss')['loss_cls']
    assert loss.item() == pytest.approx(np.log(2) * 2 / 3)


def test_masked_loss_is_that_of_videolt():
    recorded = {
        key: torch.as_tensor(value)
        for key, value in np.load(DATA / 'videolt_resample_masked_loss.npz').items()
    }
    # the reference sums over classes
    model = _build(dict(type='mmlt._TestLogitsOfFrames', loss_weight=1004.0), mask_undrawn=True)
    samples = _samples(
        recorded['target'].float(), sample_idx=[_drawn(c) for c in recorded['selected'].tolist()]
    )
    loss = model(recorded['logits'][:, None], samples, mode='loss')['loss_cls']
    torch.testing.assert_close(loss, recorded['loss'], rtol=1e-5, atol=0)


def test_feature_mixing_stands_before_the_classifier_in_training_alone():
    mixing = dict(type='mmlt.LongTailMixedReconstruction', class_counts=[5, 50, 500])
    head = dict(type='mmlt.NonlinearHead', in_channels=4, num_classes=3, dropout_ratio=0.0)
    model = _build(head, feature_mixing=mixing)
    features = torch.randn(3, 5, 4)
    torch.manual_seed(1)
    loss = model(features, _samples(TARGETS), mode='loss')['loss_cls']
    torch.manual_seed(1)
    mixed, targets = model.feature_mixing(model.head.video_features(features), TARGETS)
    expected = binary_cross_entropy_with_logits(model.head.classify(mixed), targets)
    torch.testing.assert_close(loss, expected)
    plain = _build(head)
    assert loss.item() != plain(features, _samples(TARGETS), mode='loss')['loss_cls'].item()
    model.eval(), plain.eval()
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert torch.equal(model(features), plain(features))
    evaluated = model(features, _samples(TARGETS), mode='loss')['loss_cls']
    assert torch.equal(evaluated, plain(features, _samples(TARGETS), mode='loss')['loss_cls'])


def test_a_moving_average_of_it():
    model = _build(dict(type='mmlt.NetVLADHead', in_channels=4, num_classes=3))
    average = ExponentialMovingAverage(model, momentum=0.25)
    before = model.head.fc_cls.weight.detach().clone()
    average.update_parameters(model)  # the first call copies
    with torch.no_grad():
        model.head.fc_cls.weight.add_(4)
    average.update_parameters(model)
    torch.testing.assert_close(average.module.head.fc_cls.weight, before + 1)


@pytest.mark.parametrize(
    ('options', 'samples', 'message'),
    [
        (dict(mode='train'), None, "mode must be 'tensor', 'loss' or 'predict', got 'train'"),
        (dict(mode='loss'), None, "mode 'loss' needs data_samples"),
        (dict(mode='predict'), None, "mode 'predict' needs data_samples"),
        (
            dict(mode='loss'),
            _samples(TARGETS, sample_idx=[_drawn(0), 7, 8]),
            'sample_idx is 7, which names no drawn class; it needs sampler=',
        ),
        (dict(mode='loss'), _samples(TARGETS), 'sample_idx is None, which names no drawn class'),
        (
            dict(mode='loss'),
            _samples(TARGETS / 2, sample_idx=[_drawn(0)] * 3),
            'the targets are mixed; take the blending out',
        ),
        (
            dict(mode='loss'),
            _samples(TARGETS, sample_idx=[_drawn(0)] * 3),
            r'drawn_classes\[1\] is 0: no positive there',
        ),
    ],
)
def test_errors(options, samples, message):
    model = _build(dict(type='mmlt._TestLogitsOfFrames'), mask_undrawn=True)
    with pytest.raises(ValueError, match=message):
        model(torch.zeros(3, 1, 3), samples, **options)


def test_masking_and_mixing_exclude_each_other():
    mixing = dict(type='mmlt.LongTailMixedReconstruction', class_counts=[5, 50, 500])
    with pytest.raises(ValueError, match='mask_undrawn and feature_mixing do not go together'):
        _build(mask_undrawn=True, feature_mixing=mixing)
    blending = dict(type='mmlt.FeatureMixupBlending', num_classes=3)
    preprocessor = dict(type='mmlt.FeatureDataPreprocessor', num_classes=3, blending=blending)
    with pytest.raises(ValueError, match='mask_undrawn and the blending of data_preprocessor do n'):
        _build(mask_undrawn=True, data_preprocessor=preprocessor)


@DATASETS.register_module(name='_TestRandomFeatures')
class _RandomFeatures(BaseDataset):
    """Videos of noise in which class c, one or two a video, raises channel c."""

    METAINFO = {'classes': ('often', 'rare', 'rarer')}

    def load_data_list(self):
        generator = np.random.default_rng(int(self.ann_file))
        labels = [[0], [0], [0, 1], [0], [1], [0], [2], [0, 2]] * 4
        items = []
        for number, label in enumerate(labels):
            imgs = generator.normal(size=(6, 4)).astype(np.float32)
            imgs[:, label] += 2
            items.append(dict(imgs=imgs, label=label, filename=f'{self.ann_file}_{number}.npy'))
        return items

    def _join_prefix(self):
        pass  # its annotation "file" is a seed


def _config(work_dir, model, sampler):
    def loader(seed, sampler, meta_keys):
        pack = dict(type='mmaction.PackActionInputs', meta_keys=meta_keys)
        dataset = dict(type='mmlt._TestRandomFeatures', ann_file=str(seed), pipeline=[pack])
        collate = dict(type='pseudo_collate')
        return dict(dataset=dataset, sampler=sampler, collate_fn=collate, batch_size=8)

    validation = loader(1, dict(type='DefaultSampler', shuffle=False), ('filename',))
    metric = dict(type='mmlt.LongTailMetric', out_dir=str(work_dir / 'metrics'))
    return dict(
        model={
            'type': 'mmlt.FeatureRecognizer',
            'data_preprocessor': dict(type='mmlt.FeatureDataPreprocessor', num_classes=3),
            **model,
        },
        work_dir=str(work_dir),
        train_dataloader=loader(0, sampler, ('sample_idx', 'filename')),
        train_cfg=dict(by_epoch=True, max_epochs=6, val_interval=6),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.02), clip_grad=dict(max_norm=20)),
        val_dataloader=validation,
        val_cfg=dict(),
        val_evaluator=metric,
        custom_hooks=[dict(type='EMAHook', momentum=0.5)],
        default_scope='mmaction',
        default_hooks=dict(checkpoint=None, logger=None),
        log_level='ERROR',
        randomness=dict(seed=0),
    )


@pytest.mark.parametrize('head', ['NonlinearHead', 'NetVLADHead'])
@pytest.mark.parametrize('recipe', ['plain', 'masked', 'reconstructed'])
def test_trains_and_validates_with_a_runner(head, recipe, tmp_path):
    head = dict(type=f'mmlt.{head}', in_channels=4, num_classes=3)
    model, sampler = dict(head=head), dict(type='DefaultSampler', shuffle=True)
    if recipe == 'masked':
        model.update(mask_undrawn=True)
        sampler = dict(type='mmlt.ClassBalancedSampler', mode='uniform')
    if recipe == 'reconstructed':
        mixing = dict(type='mmlt.LongTailMixedReconstruction', class_counts=[24, 8, 8])
        model.update(feature_mixing={**mixing, 'few_shot_max': 8})
    runner = Runner(experiment_name=tmp_path.name, **_config(tmp_path, model, sampler))
    runner.train()
    metrics = runner.message_hub.log_scalars['val/longtail/mAP'].current()
    assert metrics > 0.8
    files = list((tmp_path / 'metrics').rglob('metrics.json'))
    per_class = json.loads(files[0].read_text())['per_class']
    assert list(per_class) == ['often', 'rare', 'rarer']
