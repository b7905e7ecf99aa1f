from __future__ import annotations

import numpy as np
import pytest
import torch
from known_persons import (  # own_scope is a fixture
    CONFIG,
    GreenDetector,
    draw_frame,
    expected_box,
    own_scope,  # noqa: F401
)
from mmdet.datasets import CocoDataset
from mmdet.registry import MODELS

from mmlt.models.person_detector import (
    PersonDetector,
    build_detector,
    image_pipeline,
    person_index,
    read_config,
)


@pytest.fixture
def files(tmp_path):
    (tmp_path / 'green.py').write_text(CONFIG)
    torch.save({'state_dict': GreenDetector().state_dict()}, tmp_path / 'w.pth')
    return str(tmp_path / 'green.py'), str(tmp_path / 'w.pth')


def _samples(config, numbers):
    pipeline = image_pipeline(config)
    return [pipeline({'img': draw_frame(number), 'img_id': 0}) for number in numbers]


def test_persons_in_fractions_best_first(files):
    config = read_config(files[0], {})
    detect = PersonDetector(build_detector(config, files[1], 'cpu'), 1, 0.3 - 1e-6)
    found = detect(_samples(config, [3, 40]))
    for boxes, number in zip(found, (3, 40)):
        assert boxes.dtype == np.float64
        expected = [[*expected_box(number), 0.9], [0, 0, 1, 1, 0.3]]
        np.testing.assert_allclose(boxes, expected, atol=1e-6)
    (nobody,) = PersonDetector(detect.model, 7, 0.0)(_samples(config, [3]))
    assert nobody.shape == (0, 5)


def test_scores_that_are_not_finite(files, monkeypatch):
    config = read_config(files[0], {})
    model = build_detector(config, files[1], 'cpu')
    predict = model.predict

    def broken(*args, **kwargs):
        samples = predict(*args, **kwargs)
        samples[0].pred_instances.scores[3] = float('nan')
        return samples

    monkeypatch.setattr(model, 'predict', broken)
    with pytest.raises(ValueError, match='boxes or scores that are not finite'):
        PersonDetector(model, 1, 0.1)(_samples(config, [3]))


def _save(path, **meta):
    torch.save({'state_dict': GreenDetector().state_dict(), 'meta': meta}, path)


def test_the_class_by_what_knows_it_best(files, tmp_path):
    """The checkpoint, as mmdet 3 and 2 write it; the config; the type of its dataset."""
    config, weights = read_config(files[0], {}), str(tmp_path / 'named.pth')
    _save(weights, dataset_meta={'CLASSES': ('person', 'dog')})
    assert person_index(config, weights, 'person') == 0
    _save(weights, CLASSES=('cat', 'cow', 'person'))
    assert person_index(config, weights, 'person') == 2
    _save(weights, dataset_meta={'classes': 'person'})  # written without a comma
    assert person_index(config, weights, 'person') == 0
    _save(weights)
    assert person_index(config, weights, 'person') == 1
    del config.test_dataloader.dataset['metainfo']
    assert person_index(config, weights, 'dog') == CocoDataset.METAINFO['classes'].index('dog')
    inner = config.test_dataloader.dataset
    config.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[inner])
    assert person_index(config, weights, 'person') == 0
    assert person_index(config, weights, '79') == 79


def test_classes_that_are_not_there(files):
    config = read_config(files[0], {})
    for label in ('cow', '2'):
        with pytest.raises(
            ValueError, match=f'--person-label {label}: .* no such class; its 2 are dog, person'
        ):
            person_index(config, files[1], label)
    config.test_dataloader.dataset = dict(type='BaseDetDataset', pipeline=[])
    with pytest.raises(ValueError, match="neither .* names the classes: give the index of 'cow'"):
        person_index(config, files[1], 'cow')
    assert person_index(config, files[1], '2') == 2


def test_configs_that_are_refused(files, tmp_path):
    (tmp_path / 'no.py').write_text('model = dict(type="GreenDetector")\n')
    with pytest.raises(ValueError, match=r'no\.py: no test_dataloader; a config of mmdet 3'):
        read_config(str(tmp_path / 'no.py'), {})
    config = read_config(files[0], {'test_dataloader.dataset.pipeline.0.type': 'LoadPanorama'})
    with pytest.raises(ValueError, match='pipeline begins with LoadPanorama, not LoadImageFrom'):
        image_pipeline(config)


def test_batch_norms_of_several_ranks_run_on_one(files):
    """SyncBN, as mmdet's own inference has it, becomes BN."""
    norm = dict(type='SyncBN')
    config = read_config(files[0], {})
    backbone = dict(type='ResNet', depth=18, num_stages=1, strides=(1,), dilations=(1,))
    config.model = dict(
        type='RetinaNet',
        data_preprocessor=dict(type='DetDataPreprocessor'),
        backbone=dict(**backbone, out_indices=(0,), norm_cfg=norm),
        neck=dict(type='FPN', in_channels=[64], out_channels=8, num_outs=5),
        bbox_head=dict(type='RetinaHead', num_classes=1, in_channels=8, feat_channels=8),
    )
    weights = files[1].replace('w.pth', 'sync.pth')
    torch.save({'state_dict': MODELS.build(config.model).state_dict()}, weights)
    model = build_detector(config, weights, 'cpu')
    assert not any(isinstance(m, torch.nn.SyncBatchNorm) for m in model.modules())
    assert len(model.backbone(torch.zeros(1, 3, 32, 32))) == 1
