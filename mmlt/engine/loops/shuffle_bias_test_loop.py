"""Testing a model on clips in order and on the same clips with their frames shuffled."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.registry import METRICS
from mmengine.runner import TestLoop
from mmengine.runner.amp import autocast
from torch.utils.data import Dataset

from mmlt.functional import shuffle_clips, shuffled_frame_order, video_name, window_shape
from mmlt.registry import LOOPS

# What the loop must know of a sample beside its frames.
_META_KEYS = ('img_key', 'filename', 'frame_dir', 'num_clips', 'clip_len')


@LOOPS.register_module()
class ShuffleBiasTestLoop(TestLoop):
    """Decode each sample once; test it as it is and ``num_shuffles`` times with shuffled frames.

    For every recognizer and AVA detector of mmaction2 that takes RGB frames:
    ``tools/test.py CONFIG CKPT --cfg-options test_cfg.type=mmlt.ShuffleBiasTestLoop``. The frames
    of each window are permuted as tensors, after the pipeline and before the model, by
    :func:`mmlt.functional.shuffled_frame_order`.

    The evaluators of the config judge every stream, each by a copy of its own, and
    ``mmlt.ShuffleBiasMetric`` compares them; it is added where the config does not name it.

    Args:
        runner: See mmengine's ``TestLoop``.
        dataloader: See mmengine's ``TestLoop``.
        evaluator: See mmengine's ``TestLoop``.
        fp16: See mmengine's ``TestLoop``.
        num_shuffles: Shuffled forwards of each sample; from 2 on there is a standard error.
        seed: Of the shuffles.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: Any,
        evaluator: Any,
        fp16: bool = False,
        *,
        num_shuffles: int = 3,
        seed: int = 0,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        if isinstance(num_shuffles, bool) or not isinstance(num_shuffles, int) or num_shuffles < 1:
            raise ValueError(f'num_shuffles must be an integer of at least 1, got {num_shuffles!r}')
        shuffled_frame_order('', 1, 1, seed=seed)  # checks the seed
        self.num_shuffles = num_shuffles
        self.seed = seed
        _carry_meta_keys(self.dataloader.dataset)
        self._compare_streams()

    def _compare_streams(self) -> None:
        """Leave one metric in the evaluator, which leads each stream to its own copy of others."""
        metrics = self.evaluator.metrics
        comparing = [metric for metric in metrics if hasattr(metric, 'compare_streams')]
        if len(comparing) > 1:
            raise ValueError(f'test_evaluator names {len(comparing)} metrics that compare streams')
        others = [metric for metric in metrics if metric not in comparing]
        for metric in others:  # each class is compared too
            if hasattr(metric, 'per_class_keys'):
                metric.per_class_keys = True
        metric = (comparing or [METRICS.build(dict(type='mmlt.ShuffleBiasMetric'))])[0]
        metric.dataset_meta = self.evaluator.dataset_meta
        metric.compare_streams(others, num_shuffles=self.num_shuffles, seed=self.seed)
        self.evaluator.metrics = [metric]

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Forward one batch in order, then shuffled; hooks see the first."""
        self.runner.call_hook('before_test_iter', batch_idx=idx, data_batch=data_batch)
        # Models write their predictions into the data samples: each forward gets a fresh copy.
        untouched = copy.deepcopy(data_batch['data_samples'])
        original = None
        for shuffle in range(self.num_shuffles + 1):
            batch = {**data_batch, 'data_samples': copy.deepcopy(untouched)}
            if shuffle:
                batch['inputs'] = self._shuffle(data_batch['inputs'], untouched, shuffle)
            with autocast(enabled=self.fp16):
                outputs = self.runner.model.test_step(batch)
            for sample in outputs:
                sample.set_metainfo({'shuffle': shuffle})
            self.evaluator.process(data_samples=outputs, data_batch=batch)
            original = outputs if original is None else original
        self.runner.call_hook(
            'after_test_iter', batch_idx=idx, data_batch=data_batch, outputs=original
        )

    def _shuffle(
        self, inputs: Sequence[torch.Tensor], samples: Sequence[Any], shuffle: int
    ) -> list[torch.Tensor]:
        """The clips of a batch with the frames of each window in another order."""
        if isinstance(inputs, dict):
            raise ValueError(f'inputs of {sorted(inputs)}: only models of RGB frames can be tested')
        shuffled = []
        for clips, sample in zip(inputs, samples):
            info = sample.metainfo
            missing = [key for key in ('num_clips', 'clip_len') if key not in info]
            if missing:
                raise ValueError(f'{video_name(info)}: the sample carries no {", ".join(missing)}')
            num_windows, clip_len = window_shape(info['num_clips'], info['clip_len'])
            order = shuffled_frame_order(
                video_name(info), num_windows, clip_len, seed=self.seed, shuffle=shuffle
            )
            shuffled.append(shuffle_clips(clips, order, layout=self._layout(clips)))
        return shuffled

    def _layout(self, clips: torch.Tensor) -> str:
        if clips.ndim == 5:
            return 'NCTHW'
        # Four axes: one collapsed clip of a detector, or the frames of a 2D recognizer.
        model = self.runner.model
        model = model.module if is_model_wrapper(model) else model
        collapsed = getattr(model.data_preprocessor, 'format_shape', 'NCHW') == 'NCTHW'
        return 'CTHW' if collapsed else 'NCHW'


def _carry_meta_keys(dataset: Dataset) -> None:
    """Have the pipeline pass on what the loop must know, through wrappers of datasets."""
    for inner in [*getattr(dataset, 'datasets', []), getattr(dataset, 'dataset', None)]:
        if inner is not None:
            _carry_meta_keys(inner)
    for transform in getattr(getattr(dataset, 'pipeline', None), 'transforms', []):
        if hasattr(transform, 'meta_keys'):
            transform.meta_keys = tuple(dict.fromkeys([*transform.meta_keys, *_META_KEYS]))
