"""The toy worlds of the table, each with a trunk and its features: as commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mmlt.datasets.toy_world.config import SPLITS, ToyWorldConfig
from mmlt.experiments.commands import ROOT, Word, check_plain_path, last_checkpoint, tool
from mmlt.experiments.steps import Step

TRUNK_CONFIG = ROOT / 'configs' / 'toy' / 'slowonly_toy_ava.py'
#: Of all worlds. A window of 21 seconds is half a video. Objects and partners are less rare than
#: by default, by which the kind of an object all but tells its side, and objects are larger, or the
#: trunk would not tell their kinds apart (on val).
SETTINGS = dict(
    keyframes_per_video=40, rarest_object=100, rarest_interaction=300, object_radius=4.5
)


class World(NamedTuple):
    """A world of the design.

    Attributes:
        share: Of the object labels that depend on context.
        seed: Of the world and of its trunk.
        scale: Of the toy world; see ``ToyWorldConfig``.
        has_trained_trunk: False: the trunk stays as it was drawn, a check of the world.
    """

    share: float
    seed: int
    scale: float = 1.0
    has_trained_trunk: bool = True

    @property
    def cell(self) -> str:
        """As results and tables call the worlds of this share."""
        share = {0.0: 'no object label depends', 1 / 3: 'a third of the object labels depend'}
        return f'{share.get(self.share, f"{self.share:g} of the object labels depend")} on context'

    @property
    def name(self) -> str:
        """Of its folder."""
        return f'share{self.share:.3g}_world{self.seed}'

    @property
    def features_file(self) -> str:
        """Name of the file of its features, in its folder."""
        return 'features.npz' if self.has_trained_trunk else 'untrained_features.npz'

    def config(self) -> ToyWorldConfig:
        """What is drawn."""
        return ToyWorldConfig(
            seed=self.seed, scale=self.scale, context_share=self.share, **SETTINGS
        )


def dataset_overrides(ava: Path, config: ToyWorldConfig) -> dict[str, Any]:
    """Options KEY -> VALUE by which the toy detector's config reads another world.

    Args:
        ava: Folder of the world's AVA part.
        config: What was drawn there.
    """
    annotations, options = ava / 'annotations', {}
    for split in SPLITS:
        files = {
            'ann_file': f'{split}.csv',
            'exclude_file': f'{split}_excluded_timestamps.csv',
            'label_file': 'label_map.pbtxt',
        }
        dataset = f'{split}_dataloader.dataset'
        for key, name in {**files, 'proposal_file': f'{split}_proposals.pkl'}.items():
            options[f'{dataset}.{key}'] = str(annotations / name)
        options[f'{dataset}.data_prefix.img'] = str(ava / 'rawframes')
        options[f'{dataset}.timestamp_start'] = config.timestamp_start
        options[f'{dataset}.timestamp_end'] = config.timestamp_end
        if split != 'train':
            files.update(class_counts='train_counts.json', split_file='split.json')
            for key, name in files.items():
                options[f'{split}_evaluator.{key}'] = str(annotations / name)
    return options


def world_steps(work_dir: Path, world: World) -> list[Step]:
    """Draw a world, train its trunk, and write the features of every box, clip and person.

    Args:
        work_dir: Folder of all worlds.
        world: One with a trained trunk, or else the features of one that is drawn already.
    """
    check_plain_path('--work-dir', work_dir)
    folder = work_dir / 'worlds' / world.name
    drawn, trunk = folder / 'ava' / 'world.json', folder / 'trunk'
    options = dataset_overrides(folder / 'ava', world.config())
    given = [f'{key}={value}' for key, value in options.items() if key.startswith('train')]
    given.append('train_dataloader.batch_size=16')  # 2 ranks x 8 in one process
    how = ['--work-dir', trunk, '--seed', world.seed, '--resume', '--no-validate']
    settings = [f'{key}={value}' for key, value in SETTINGS.items()]
    draw = ['--out', folder, '--parts', 'ava', '--seed', world.seed, '--scale', world.scale]
    features = folder / world.features_file
    words: list[Word] = ['extract', '--world', folder / 'ava', '--out', features]
    words += ['--checkpoint', last_checkpoint(trunk)] if world.has_trained_trunk else []
    commands = {
        'world': (
            [],
            [drawn],
            tool(
                'data/make_toy_world.py',
                *(*draw, '--set', *settings, f'context_share={world.share!r}'),
            ),
        ),
        'trunk': (
            [drawn, TRUNK_CONFIG],
            [trunk / 'last_checkpoint'],
            tool('train.py', TRUNK_CONFIG, *how, '--cfg-options', *given),
        ),
        features.stem: (
            [drawn, *([last_checkpoint(trunk)] if world.has_trained_trunk else [])],
            [features],
            tool('analysis/three_branch_features.py', *words),
        ),
    }
    if not world.has_trained_trunk:
        del commands['trunk']
    return [
        Step(
            f'{world.name}: {name}',
            inputs,
            outputs,
            command,
            folder / f'{name}.done',
            folder / 'logs' / f'{name}.log',
        )
        for name, (inputs, outputs, command) in commands.items()
    ]
