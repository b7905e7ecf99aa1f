"""Frame features of a video from an image backbone: T frames, D channels."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from mmaction.models import Recognizer2D
from torch import Tensor, nn

from mmlt.fileio.checkpoints import naming_checkpoint
from mmlt.registry import MODELS
from mmlt.weights_only import load_weights_only

IMAGENET = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}
RESNET_DEPTHS = (18, 34, 50, 101, 152)


class FrameFeatureExtractor:
    """Gives one feature vector a frame: the last map of a 2D backbone, averaged over its places.

    A backbone that mixes the frames of a clip (TSM: ``num_segments`` of them) sees the video as
    clips of so many consecutive frames; the last clip is filled up with its last frame.

    Args:
        model: A ``Recognizer2D`` in eval mode.
        batch_size: Frames a pass, at least one clip.

    Raises:
        ValueError: ``model`` is no ``Recognizer2D``: others do not keep single frames.
    """

    def __init__(self, model: nn.Module, batch_size: int = 64) -> None:
        if not isinstance(model, Recognizer2D):
            raise ValueError(
                f'{type(model).__name__} has no features of single frames: take a Recognizer2D '
                '(TSN, TSM)'
            )
        self.model = model
        self.clip_len = int(getattr(model.backbone, 'num_segments', 1))
        self.frames_per_pass = max(1, batch_size // self.clip_len) * self.clip_len

    @torch.no_grad()
    def __call__(self, frames: np.ndarray | Tensor) -> np.ndarray:
        """Features (T, D) float32 of frames (T, H, W, 3) uint8, RGB."""
        frames = torch.as_tensor(frames).permute(0, 3, 1, 2)  # (T, 3, H, W)
        parts = [self._one_pass(part) for part in frames.split(self.frames_per_pass)]
        return torch.cat(parts).numpy()

    def _one_pass(self, frames: Tensor) -> Tensor:
        num_frames = len(frames)
        lacking = -num_frames % self.clip_len
        frames = torch.cat([frames, frames[-1:].expand(lacking, -1, -1, -1)])
        data = {'inputs': [frames], 'data_samples': None}
        inputs = self.model.data_preprocessor(data, False)['inputs']  # (1, t, 3, H, W)
        maps, _ = self.model.extract_feat(inputs, stage='backbone')
        if not isinstance(maps, Tensor):
            raise ValueError(f'the backbone gives {len(maps)} maps: set one index in out_indices')
        return maps.flatten(2).mean(dim=2)[:num_frames].float().cpu()  # (t, D, h, w) -> (T, D)


def recognizer_backbone(model_config: Mapping, checkpoint: str) -> nn.Module:
    """A recognizer without neck and head, in eval mode, with all backbone weights loaded.

    Args:
        model_config: ``model`` of a config of mmaction2.
        checkpoint: Weights of the whole recognizer.

    Raises:
        ValueError: The checkpoint does not hold exactly the backbone's weights.
    """
    config = {key: value for key, value in model_config.items() if key not in ('neck', 'cls_head')}
    model = MODELS.build(config)
    state = _read_state(checkpoint)
    prefix = 'backbone.'
    state = {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}
    return _load(model, state, checkpoint)


def torchvision_resnet(name: str, weights: str) -> nn.Module:
    """A ResNet with weights in torchvision's layout, as a recognizer without head, in eval mode.

    torchvision itself is not needed: the network is mmaction2's.

    Args:
        name: 'resnet18', 'resnet34', 'resnet50', 'resnet101' or 'resnet152'.
        weights: File with torchvision's state dict.

    Raises:
        ValueError: Another name, or weights that do not fit.
    """
    found = re.fullmatch(r'resnet(\d+)', name)
    if not found or int(found[1]) not in RESNET_DEPTHS:
        known = ', '.join(f'resnet{depth}' for depth in RESNET_DEPTHS)
        raise ValueError(
            f'backbone {name!r} is none of {known}; for any other write a config with a '
            "Recognizer2D, e.g. backbone=dict(type='torchvision.densenet161')"
        )
    backbone = {'type': 'mmaction.ResNet', 'depth': int(found[1]), 'norm_eval': False}
    preprocessor = {'type': 'mmaction.ActionDataPreprocessor', **IMAGENET}
    model = MODELS.build(
        {
            'type': 'mmaction.Recognizer2D',
            'backbone': backbone,
            'data_preprocessor': preprocessor,
        }
    )
    state = _read_state(weights)
    state = {_mmaction_key(key): v for key, v in state.items() if not key.startswith('fc.')}
    return _load(model, state, weights)


def _mmaction_key(key: str) -> str:
    """Name in mmaction2's ResNet of an entry of torchvision's: conv1.weight is conv1.conv.weight.

    A norm layer lies in the module of its convolution: bn1.bias is conv1.bn.bias.
    """
    key = re.sub(r'\bdownsample\.0\.', 'downsample.conv.', key)
    key = re.sub(r'\bdownsample\.1\.', 'downsample.bn.', key)
    key = re.sub(r'\bconv(\d)\.', r'conv\1.conv.', key)
    return re.sub(r'\bbn(\d)\.', r'conv\1.bn.', key)


def _read_state(path: str) -> dict:
    with naming_checkpoint(path):
        content = load_weights_only(path)
    state = content.get('state_dict', content) if isinstance(content, dict) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f'{path} holds no state dict')
    return state


def _load(model: nn.Module, state: Mapping[str, Tensor], path: str) -> nn.Module:
    try:
        found = model.backbone.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise ValueError(f'{path} does not fit the backbone: {error}') from None
    # Weights from before torch counted batches lack the counters, which nothing reads here.
    missing = [key for key in found.missing_keys if not key.endswith('num_batches_tracked')]
    wrong = [f'lacks {key}' for key in missing] + [f'has {key}' for key in found.unexpected_keys]
    if wrong:
        more = f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''
        raise ValueError(f'{path} does not fit the backbone: it {wrong[0]}{more}')
    return model.eval()
