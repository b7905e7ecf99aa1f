from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from torch.nn import functional as F

from mmlt.models.frame_feature_extractor import (
    IMAGENET,
    FrameFeatureExtractor,
    recognizer_backbone,
    torchvision_resnet,
)

TINY = {
    'depth': 18,
    'num_stages': 1,
    'out_indices': (0,),
    'strides': (1,),
    'dilations': (1,),
    'norm_eval': False,
}
TSN = {
    'type': 'Recognizer2D',
    'backbone': {'type': 'ResNet', **TINY},
    'cls_head': {'type': 'TSNHead', 'num_classes': 5, 'in_channels': 64},
    'data_preprocessor': {'type': 'ActionDataPreprocessor', **IMAGENET},
}


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (5, 24, 24, 3), dtype=np.uint8)


@pytest.fixture
def checkpoint(tmp_path):
    """A recognizer with its head, as a training leaves it, norm statistics moved."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(TSN)
    for name, buffer in model.named_buffers():
        if 'running' in name:
            buffer.uniform_(0.5, 1.5)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'tsn.pth')
    return str(tmp_path / 'tsn.pth'), model.eval()


def _reference_features(model, frames):
    """One frame after the other through the layers themselves."""
    mean, std = torch.tensor(IMAGENET['mean']), torch.tensor(IMAGENET['std'])
    features = []
    with torch.no_grad():
        for frame in torch.from_numpy(frames):
            normed = ((frame.float() - mean) / std).permute(2, 0, 1)[None]
            features.append(model.backbone(normed)[0].mean((1, 2)))
    return torch.stack(features).numpy()


@pytest.mark.parametrize('batch_size', [1, 2, 64])
def test_features_of_a_recognizer(frames, checkpoint, batch_size):
    path, reference = checkpoint
    model = recognizer_backbone(TSN, path)
    assert not model.training and not model.with_cls_head
    found = FrameFeatureExtractor(model, batch_size)(frames)
    assert (found.shape, found.dtype) == ((5, 64), np.float32)
    np.testing.assert_allclose(found, _reference_features(reference, frames), atol=1e-5)


def test_tsm_sees_clips_and_its_last_clip_is_filled_up(frames):
    init_default_scope('mmaction')
    backbone = {'type': 'ResNetTSM', 'depth': 18, 'norm_eval': False, 'num_segments': 4}
    torch.manual_seed(0)
    model = MODELS.build({**TSN, 'backbone': backbone, 'cls_head': None}).eval()
    extract = FrameFeatureExtractor(model, batch_size=5)
    assert extract.frames_per_pass == 4
    found = extract(frames)
    np.testing.assert_allclose(found[:4], extract(frames[:4]), atol=1e-6)
    np.testing.assert_allclose(found[4], extract(np.repeat(frames[4:], 4, axis=0))[0], atol=1e-6)
    changed = frames.copy()
    changed[1] = 255 - changed[1]
    moved = np.abs(extract(changed) - found).max(axis=1)
    assert (moved[:4] > 1e-4).all(), 'no frame was shifted into its neighbours'
    assert moved[4] == 0


class _ReferenceBlock(nn.Module):
    """torchvision's BasicBlock, by He et al. 2016, figure 2."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        if stride > 1:
            conv = nn.Conv2d(inside, outside, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outside))

    def forward(self, x):
        kept = self.downsample(x) if hasattr(self, 'downsample') else x
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + kept)


class _ReferenceTorchvisionResNet18(nn.Module):
    """The network whose state dict torchvision distributes as resnet18."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = (64, 64, 128, 256, 512)
        for stage in range(1, 5):
            stride = 1 if stage == 1 else 2
            first = _ReferenceBlock(widths[stage - 1], widths[stage], stride)
            second = _ReferenceBlock(widths[stage], widths[stage], 1)
            setattr(self, f'layer{stage}', nn.Sequential(first, second))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f'layer{stage}')(x)
        return x.mean((2, 3))


@pytest.fixture
def torchvision_weights(tmp_path):
    torch.manual_seed(0)
    network = _ReferenceTorchvisionResNet18().eval()
    for name, buffer in network.named_buffers():
        if 'running' in name:
            buffer.uniform_(0.5, 1.5)
    torch.save(network.state_dict(), tmp_path / 'resnet18.pth')
    return str(tmp_path / 'resnet18.pth'), network


def test_torchvision_weights_give_torchvisions_features(frames, torchvision_weights):
    path, network = torchvision_weights
    found = FrameFeatureExtractor(torchvision_resnet('resnet18', path))(frames)
    normed = torch.from_numpy(frames).float() - torch.tensor(IMAGENET['mean'])
    normed = (normed / torch.tensor(IMAGENET['std'])).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = network(normed).numpy()
    assert found.shape == (5, 512)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_that_do_not_fit(checkpoint, torchvision_weights, tmp_path):
    tsn, _ = checkpoint
    resnet18, network = torchvision_weights
    with pytest.raises(ValueError, match=r'tsn\.pth does not fit the backbone: it lacks conv1'):
        torchvision_resnet('resnet18', tsn)
    with pytest.raises(ValueError, match=r'resnet18\.pth does not fit the backbone: it lacks conv'):
        recognizer_backbone(TSN, resnet18)
    state = network.state_dict()
    state['layer1.0.bn3.bias'] = torch.zeros(64)
    torch.save(state, tmp_path / 'more.pth')
    message = r'more\.pth does not fit the backbone: it has layer1\.0\.conv3\.bn\.bias$'
    with pytest.raises(ValueError, match=message):
        torchvision_resnet('resnet18', str(tmp_path / 'more.pth'))
    with pytest.raises(ValueError, match=r'it lacks layer1\.2\.conv1\.conv\.weight and 79 mo'):
        torchvision_resnet('resnet34', resnet18)


def test_batch_counters_may_be_absent(torchvision_weights, frames, tmp_path):
    path, network = torchvision_weights
    state = {k: v for k, v in network.state_dict().items() if 'num_batches' not in k}
    torch.save(state, tmp_path / 'old.pth')
    found = FrameFeatureExtractor(torchvision_resnet('resnet18', str(tmp_path / 'old.pth')))
    expected = FrameFeatureExtractor(torchvision_resnet('resnet18', path))
    np.testing.assert_array_equal(found(frames), expected(frames))


class _Evil:
    def __reduce__(self):
        return print, ('ran',)


def test_a_checkpoint_of_a_training(checkpoint, tmp_path, frames):
    """mmengine keeps the history of the losses beside the weights."""
    path, reference = checkpoint
    hub = MessageHub('test_frame_feature_extractor')
    hub.update_scalar('train/loss', 0.5)
    whole = {'state_dict': reference.state_dict(), 'message_hub': hub.state_dict()}
    torch.save(whole, tmp_path / 'epoch_1.pth')
    found = FrameFeatureExtractor(recognizer_backbone(TSN, str(tmp_path / 'epoch_1.pth')))(frames)
    expected = FrameFeatureExtractor(recognizer_backbone(TSN, path))(frames)
    np.testing.assert_array_equal(found, expected)


def test_a_file_that_would_run_code(tmp_path, capsys):
    (tmp_path / 'evil.pth').write_bytes(pickle.dumps({'conv1.weight': _Evil()}, protocol=2))
    with pytest.raises(ValueError, match=r'evil\.pth: not a checkpoint that is safe to load'):
        torchvision_resnet('resnet18', str(tmp_path / 'evil.pth'))
    torch.save([1], tmp_path / 'list.pth')
    with pytest.raises(ValueError, match=r'list\.pth holds no state dict'):
        torchvision_resnet('resnet18', str(tmp_path / 'list.pth'))
    assert 'ran' not in capsys.readouterr().out


def test_other_networks():
    with pytest.raises(ValueError, match=r"'vgg16' is none of resnet18, .*write a config"):
        torchvision_resnet('vgg16', 'any.pth')
    with pytest.raises(ValueError, match='Linear has no features of single frames'):
        FrameFeatureExtractor(nn.Linear(1, 1))
    init_default_scope('mmaction')
    backbone = {'type': 'ResNet', **TINY, 'num_stages': 2, 'out_indices': (0, 1)}
    backbone = {**backbone, 'strides': (1, 2), 'dilations': (1, 1)}
    model = MODELS.build({**TSN, 'backbone': backbone, 'cls_head': None}).eval()
    with pytest.raises(ValueError, match='the backbone gives 2 maps: set one index in out_indi'):
        FrameFeatureExtractor(model)(np.zeros((1, 24, 24, 3), np.uint8))
