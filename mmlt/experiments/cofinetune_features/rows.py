"""The rows of the table: what is trained on what, one stage after the other."""

from __future__ import annotations

from typing import NamedTuple

import torch

from mmlt.experiments.cofinetune_features.data import Data
from mmlt.experiments.cofinetune_features.model import AVA, build_model
from mmlt.experiments.cofinetune_features.training import BATCH_SIZE, Best, Settings, train


class Stage(NamedTuple):
    """A training from the trunk of the stage before, with new heads and a new optimiser.

    Attributes:
        datasets: Names, in the order of a sequential training.
        strategy: See ``mmlt.functional.dataset_schedule``.
        trains_trunk: False: the trunk stays as it was drawn.
    """

    datasets: tuple[str, ...]
    strategy: str = 'weighted'
    trains_trunk: bool = True


#: Row -> its stages. Names as in configs/cofinetune/contrasts.json.
ROWS = {
    'untrained_trunk': (Stage((AVA,), trains_trunk=False),),
    'ava': (Stage((AVA,)),),
    'clips_a': (Stage(('A',)),),
    'a_then_ava': (Stage(('A',)), Stage((AVA,))),
    'a_with_ava': (Stage(('A', AVA)),),
    'a_with_ava_sequential': (Stage(('A', AVA), 'sequential'),),
    'ab_with_ava': (Stage(('A', 'B', AVA)),),
    'ab_with_ava_alternating': (Stage(('A', 'B', AVA), 'alternating'),),
    'a_then_b_then_ava': (Stage(('A',)), Stage(('B',)), Stage((AVA,))),
    'b_then_a_then_ava': (Stage(('B',)), Stage(('A',)), Stage((AVA,))),
}
#: The row that a stage of clips is, if it is the first of another row.
PRETRAINING = {'a_then_ava': 'pretraining_on_a'}


class RowSettings(NamedTuple):
    """Of a run of a row.

    Attributes:
        num_updates: Of all stages together.
        lr: Of the last stage.
        pretraining_lr: Of the stages before.
        weight_decay: Of all stages.
        seed: Of weights and orders.
    """

    num_updates: int
    lr: float
    pretraining_lr: float
    weight_decay: float
    seed: int


def stage_updates(data: Data, row: str, num_updates: int) -> list[int]:
    """Updates of each stage: each dataset gets as many as in one weighted training on all."""
    steps = [
        sum(-(-len(data.train(name)) // BATCH_SIZE) for name in stage.datasets)
        for stage in ROWS[row]
    ]
    return [round(num_updates * number / sum(steps)) for number in steps]


def run_row(data: Data, row: str, settings: RowSettings) -> dict[str, dict]:
    """Train and test a row.

    Returns:
        The row, and that of :data:`PRETRAINING`: 'means' and 'per_class' on test, and of the
        checkpoint 'val', 'step' and 'curve'.
    """
    found, state, before = {}, None, None
    updates = stage_updates(data, row, settings.num_updates)
    for number, stage in enumerate(ROWS[row]):
        is_last = number == len(updates) - 1
        torch.manual_seed(settings.seed)
        num_classes = {name: data.num_classes[name] for name in stage.datasets}
        model = build_model(data.num_channels, num_classes)
        if state is not None:
            model.backbone.load_state_dict(state)
        model.backbone.requires_grad_(stage.trains_trunk)
        lr = settings.lr if is_last else settings.pretraining_lr
        how = Settings(updates[number], lr, settings.weight_decay, settings.seed, stage.strategy)
        best = train(model, _samples(data, stage, updates[number]), how, data.validate)
        state = model.backbone.state_dict()
        if is_last:
            found[row] = _told(data, model, best)
        elif number == 0 and row in PRETRAINING:
            before = _told(data, model, best)
    return found if before is None else {**found, PRETRAINING[row]: before}


def _samples(data: Data, stage: Stage, num_updates: int) -> dict:
    """A sequential training is one epoch: all passes over one dataset, then over the next."""
    datasets = {name: data.train(name) for name in stage.datasets}
    if stage.strategy != 'sequential':
        return datasets
    steps = sum(-(-len(dataset) // BATCH_SIZE) for dataset in datasets.values())
    return {name: data.train(name, round(num_updates / steps)) for name in stage.datasets}


def _told(data: Data, model: torch.nn.Module, best: Best) -> dict:
    measured = data.test(model)
    chosen = {'val': best.score, 'step': best.step, 'curve': best.curve}
    return {**measured._asdict(), **chosen}
