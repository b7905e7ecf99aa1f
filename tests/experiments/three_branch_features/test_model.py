"""The branches on cached features are those of the detector's RoI head."""

import pytest
import torch
from torch import nn

from mmlt.experiments.commands import ROOT
from mmlt.experiments.three_branch_features.model import LATENT_CHANNELS, ROWS, FeatureBranches
from mmlt.fileio.json_files import read_json_object
from mmlt.models.roi_heads.three_branch_roi_head import ThreeBranchRoIHead
from mmlt.registry import MODELS

KEYFRAMES = torch.tensor([3, 0, 7, 12])


@MODELS.register_module()
class CachedRoIs(nn.Module):
    """In the place of RoIAlign: each RoI's second number is its row of the features."""

    features: torch.Tensor
    featmap_stride = 1

    def forward(self, maps, rois):
        return self.features[rois[:, 1].long()][:, :, None, None, None], None


@pytest.fixture(scope='module', autouse=True)
def of_tests_alone():
    yield
    MODELS.module_dict.pop('CachedRoIs')


def _model(data, row):
    torch.manual_seed(0)
    model = FeatureBranches(data.num_channels, data.num_classes, row)
    model.init_weights()
    return model.eval()


def _of_detector(model, batch):
    """Logits of a ThreeBranchRoIHead with the model's weights."""
    row, channels = model.row, batch['boxes'].shape[1]
    head = ThreeBranchRoIHead(
        bbox_roi_extractor=dict(type='mmlt.CachedRoIs'),
        bbox_head=dict(
            type='mmlt.PoseBBoxHead',
            background_class=True,
            num_classes=31,
            pose_ids=tuple(range(1, 21)) if row.pose_softmax else (),
        ),
        roi_channels=channels,
        global_loss=dict(type='mmlt.FocalLoss', gamma=2.0) if row.global_loss else None,
        global_feature=row.global_feature,
        long_term=dict(
            latent_channels=LATENT_CHANNELS,
            num_blocks=row.num_blocks,
            block=row.block,
            num_heads=row.num_heads,
        )
        if row.num_blocks
        else None,
        fusion=row.fusion,
    ).eval()
    state = {key: value for key, value in model.state_dict().items() if 'shared' not in key}
    if row.num_blocks:
        state['bank_checkpoint'] = head.bank_checkpoint
    head.load_state_dict(state)
    head.bbox_roi_extractor.features = batch['boxes']
    head._windows = (batch['bank'], batch['mask'])
    number = len(batch['boxes'])
    rois = torch.stack([batch['clip_index'], torch.arange(number)], dim=1)
    rois = torch.cat([rois, torch.zeros(number, 3)], dim=1)
    maps = batch['clips'][:, :, None, None, None]
    with torch.no_grad():
        metas = [{'img_shape': (1, 1)}] * len(maps)
        logits = head._bbox_forward(maps, rois, metas)['cls_score'][:, 1:]
        return head.bbox_head.sigmoid_logits(logits)


@pytest.mark.parametrize('name', ROWS)
def test_it_is_the_detectors_roi_head(data, name):
    batch = data.splits['val'].batch(KEYFRAMES)
    model = _model(data, ROWS[name])
    with torch.no_grad():
        torch.testing.assert_close(model(**batch), _of_detector(model, batch))


def test_rows_are_those_of_the_contrasts():
    explained = read_json_object(ROOT / 'configs' / 'three_branch' / 'contrasts.json')['rows']
    assert [name for name in explained if name != 'all_tta'] == list(ROWS)
    branches = {
        (row.global_loss, row.global_feature, row.num_blocks > 0) for row in list(ROWS.values())[:8]
    }
    assert len(branches) == 8
    for row in list(ROWS.values())[8:]:  # each differs from all branches in one thing
        changed = [key for key in row._fields if getattr(row, key) != getattr(ROWS['all'], key)]
        assert changed in (
            ['pose_softmax'],
            ['gamma'],
            ['fusion'],
            ['num_blocks'],
            ['block', 'num_heads'],
        )


def test_training_starts_from_the_trunks_features(data):
    model = _model(data, ROWS['roi'])
    batch = data.splits['val'].batch(KEYFRAMES)
    assert (model.shared(batch['boxes']) == 0).all()
    model(**batch, mode='loss')['loss_action_cls'].backward()
    assert model.shared[2].weight.grad.abs().sum() > 0


@pytest.mark.parametrize('name', ROWS)
def test_every_parameter_is_trained(data, name):
    model = _model(data, ROWS[name]).train()
    nn.init.normal_(model.shared[2].weight)  # else nothing reaches the layer before
    losses = model(**data.splits['train'].batch(KEYFRAMES), mode='loss')
    sum(losses.values()).backward()
    assert ('loss_global' in losses) == ROWS[name].global_loss
    for key, parameter in model.named_parameters():
        if 'key.bias' not in key:  # a shift of all keys changes no softmax
            assert parameter.grad.abs().sum() > 0, key


def test_the_scene_is_the_union_of_its_boxes(data):
    model = _model(data, ROWS['global_loss'])
    batch = data.splits['train'].batch(KEYFRAMES)
    scenes = torch.stack(
        [batch['targets'][batch['clip_index'] == clip].amax(dim=0) for clip in range(4)]
    )
    logits = model.global_classifier(batch['clips'])
    expected = model.loss_global(logits, scenes)
    assert model(**batch, mode='loss')['loss_global'].item() == pytest.approx(expected.item())


def test_scores_are_of_all_boxes_in_their_order(data):
    model, split = _model(data, ROWS['all']), data.splits['test']
    scores = model.score(split)
    assert scores.shape == (len(split.boxes), 30) and model.training
    model.eval()
    with torch.no_grad():
        torch.testing.assert_close(
            scores[split.starts[4] : split.starts[5]], model(**split.batch(torch.tensor([4])))
        )


def test_a_diverged_model_has_scores_all_the_same(data):
    model = _model(data, ROWS['roi'])
    nn.init.constant_(model.bbox_head.fc_cls.weight, float('nan'))
    assert (model.score(data.splits['test']) == -torch.inf).all()
