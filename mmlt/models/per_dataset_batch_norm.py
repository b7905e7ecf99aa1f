"""Batch normalisation with statistics a dataset, for models that see one dataset a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from mmlt.models._replace_batch_norms import replace_batch_norms
from mmlt.registry import MODELS

_STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')
_AFFINE = ('weight', 'bias')
# module -> its layers: a step must not walk through all of a backbone
_layers_of: WeakKeyDictionary[nn.Module, list[PerDatasetBatchNorm]] = WeakKeyDictionary()


@MODELS.register_module()
class PerDatasetBatchNorm(_BatchNorm):
    """Plain batch normalisation for the current dataset, whose running statistics are its own.

    A batch of co-finetuning is of one dataset: a plain layer trains on that dataset's statistics
    and is tested on a mixture. Here each of D datasets has a row of ``running_mean`` (D, C),
    ``running_var`` (D, C) and ``num_batches_tracked`` (D,); weight and bias (C,) are shared.
    :func:`set_dataset` says which row is used and updated.

    The keys of the state dict are those of a plain layer, whose state loads too: every dataset
    starts with its statistics. As it is a ``_BatchNorm``, ``norm_eval``, frozen stages and
    ``norm_decay_mult`` reach it. (So would mmengine's ``sync_bn``, which cannot replace it: its
    forward then fails.)

    Args:
        num_features: C.
        dataset_names: D names, in the order of the rows.
        eps: See torch's.
        momentum: See torch's; None is the cumulative mean over the dataset's own batches.
        affine: See torch's.
        track_running_stats: See torch's.
        own_affine: Whether each dataset has a weight and bias of its own (``weight_<name>``,
            ``bias_<name>``). A step moves those of its dataset alone. Convert a backbone after it
            has been initialized: mmaction2's inflation and ``zero_init_residual`` look for
            ``weight``.
        input_ndims: Numbers of axes that an input may have.

    Raises:
        ValueError: No dataset name, or one twice.

    Reference:
        Chang et al., "Domain-Specific Batch Normalization for Unsupervised Domain Adaptation",
        CVPR 2019, section 3. (Arnab et al., whose co-finetuning this serves, train transformers
        without batch normalisation.)

    Differs from reference: weight and bias are shared by default.
    """

    def __init__(
        self,
        num_features: int,
        dataset_names: Sequence[str],
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        own_affine: bool = False,
        input_ndims: Sequence[int] = (2, 3, 4, 5),
    ) -> None:
        names = _checked_names(dataset_names)
        super().__init__(num_features, eps, momentum, affine and not own_affine, False)
        self.dataset_names = names
        self.own_affine = affine and own_affine
        self.input_ndims = tuple(input_ndims)
        self.dataset: str | None = None
        self.track_running_stats = track_running_stats
        if track_running_stats:
            self.running_mean = torch.zeros(len(names), num_features)
            self.running_var = torch.ones(len(names), num_features)
            self.num_batches_tracked = torch.zeros(len(names), dtype=torch.long)
        if self.own_affine:
            for name in names:
                self.register_parameter(f'weight_{name}', nn.Parameter(torch.ones(num_features)))
                self.register_parameter(f'bias_{name}', nn.Parameter(torch.zeros(num_features)))

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, ...) of the current dataset.

        Raises:
            RuntimeError: No dataset has been chosen.
        """
        self._check_input_dim(input)
        if self.dataset is None:
            raise RuntimeError(
                'no dataset is chosen: call mmlt.models.per_dataset_batch_norm.set_dataset(model, '
                f'name) before each pass; the names are {", ".join(self.dataset_names)}'
            )
        row = self.dataset_names.index(self.dataset)
        mean = var = None
        momentum = self.momentum or 0.0
        if self.track_running_stats:
            # views: what batch_norm writes into them, it writes into the buffers
            mean, var = self.running_mean[row], self.running_var[row]
            if self.training:
                self.num_batches_tracked[row].add_(1)
                if self.momentum is None:
                    momentum = 1.0 / float(self.num_batches_tracked[row])
        suffix = f'_{self.dataset}' if self.own_affine else ''
        weight, bias = (getattr(self, f'{key}{suffix}') for key in _AFFINE)
        by_batch = self.training or not self.track_running_stats
        return F.batch_norm(input, mean, var, weight, bias, by_batch, momentum, self.eps)

    def extra_repr(self) -> str:
        """As torch's, with the names."""
        own = ', own_affine=True' if self.own_affine else ''
        return f'{super().extra_repr()}, dataset_names={self.dataset_names}{own}'

    @classmethod
    def convert(
        cls, module: nn.Module, dataset_names: Sequence[str], *, own_affine: bool = False
    ) -> nn.Module:
        """Replace every ``BatchNorm1d``, ``2d`` and ``3d`` in a module, under the names they have.

        In the manner of ``SyncBatchNorm.convert_sync_batchnorm``: parameters stay the same objects,
        statistics are copied to every dataset. A layer that is used in two places stays one.

        Args:
            module: Any model, or a layer.
            dataset_names: D names.
            own_affine: See the class.

        Returns:
            The module, changed, or the layer that takes its place.

        Raises:
            ValueError: A ``SyncBatchNorm`` (its statistics are over ranks, not of one), or another
                kind with a forward of its own; names it.
        """
        _layers_of.clear()
        arguments = {'dataset_names': _checked_names(dataset_names), 'own_affine': own_affine}
        return replace_batch_norms(module, cls, arguments)

    @classmethod
    def plain_state(
        cls, state_dict: Mapping[str, Tensor], name: str, dataset_names: Sequence[str]
    ) -> dict[str, Tensor]:
        """State dict of the same model with plain layers that have one dataset's statistics.

        Args:
            state_dict: Of a converted model. What is of other layers is passed on.
            name: The dataset.
            dataset_names: All D of them, as they were given to the layers.

        Raises:
            ValueError: Not one of the names, or another number of datasets in the state dict.
        """
        names = _checked_names(dataset_names)
        if name not in names:
            raise ValueError(f'dataset {name!r} is not one of {", ".join(names)}')
        plain = dict(state_dict)
        for key in [k for k in state_dict if k.rpartition('.')[2] == 'running_mean']:
            prefix = key[: -len('running_mean')]
            if state_dict[key].ndim != 2:
                continue  # a plain layer
            if len(state_dict[key]) != len(names):
                raise ValueError(
                    f'{key} has statistics of {len(state_dict[key])} datasets, not of the '
                    f'{len(names)}: {", ".join(names)}'
                )
            for part in _STATISTICS:
                if prefix + part in plain:
                    plain[prefix + part] = plain[prefix + part][names.index(name)].clone()
            for part in _AFFINE:
                own = {each: plain.pop(f'{prefix}{part}_{each}', None) for each in names}
                if own[name] is not None:
                    plain[prefix + part] = own[name]
        return plain

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.input_ndims:
            raise ValueError(f'expected an input of {self.input_ndims} axes, got {input.ndim}')

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Let the state of a plain layer load: all datasets get it.

        Rows of other datasets are an error even where a caller asks for no strictness: left at
        their initial values they would spoil each prediction.
        """
        size = len(self.dataset_names)
        for key, ndim in zip(_STATISTICS, (1, 1, 0)):
            value = state_dict.get(prefix + key)
            if value is not None and value.ndim == ndim:
                state_dict[prefix + key] = value.expand(size, *value.shape)
            elif value is not None and len(value) != size:
                raise ValueError(
                    f'{prefix}{key} has statistics of {len(value)} datasets, the layer is for '
                    f'{size} ({", ".join(self.dataset_names)}): build it for the same, or give '
                    'it those of one (PerDatasetBatchNorm.plain_state)'
                )
        for key in _AFFINE if self.own_affine else ():
            if prefix + key in state_dict:
                value = state_dict.pop(prefix + key)
                state_dict.update({f'{prefix}{key}_{name}': value for name in self.dataset_names})
        super()._load_from_state_dict(state_dict, prefix, *args)


def set_dataset(module: nn.Module, name: str | None) -> None:
    """Choose the dataset of the next pass for every :class:`PerDatasetBatchNorm` in a module.

    The layers are looked up once a module: replace none after the first call, but by
    :meth:`PerDatasetBatchNorm.convert`. Does nothing where there are none.

    Args:
        module: A model, or a part of one.
        name: One of the layers' dataset names; None: of no dataset, the next pass is an error.

    Raises:
        ValueError: The layers do not know the name.
    """
    if module not in _layers_of:
        layers = [each for each in module.modules() if isinstance(each, PerDatasetBatchNorm)]
        if module in layers:  # would keep itself alive
            return _choose([module], name)
        _layers_of[module] = layers
    return _choose(_layers_of[module], name)


def _choose(layers: Sequence[PerDatasetBatchNorm], name: str | None) -> None:
    for layer in layers:
        if name is not None and name not in layer.dataset_names:
            raise ValueError(
                f'dataset {name!r} has no batch norm statistics: {", ".join(layer.dataset_names)}'
            )
        layer.dataset = name


def _checked_names(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not names or len(set(names)) < len(names):
        raise ValueError(f'dataset_names must be different names, at least one, got {names!r}')
    return tuple(names)
