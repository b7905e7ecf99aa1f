"""The runs of the toy tables as steps: one seed's, those that rows share once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmlt.experiments.commands import (
    ROOT,
    Later,
    Word,
    check_plain_path,
    last_checkpoint,
    tool,
)
from mmlt.experiments.steps import Step
from mmlt.experiments.two_stage_table import ROWS
from mmlt.experiments.videolt_bench import (
    TOY_START,
    config_of,
    environment_words,
    read_data,
    toy_environment,
    toy_options,
)

TAIL_MAX = 40  # training boxes: the toy world's own border of the tail


class ToyRuns:
    """What all tables share.

    Args:
        work_dir: Folder of all seeds.
        data: Folder of the toy world's part.
        seed: Of the trainings.
        on: 'val' or 'test': the split that the rows are judged on.
        options: KEY=VALUE of every training.

    Attributes:
        steps: Name -> step, of all rows that have been asked for.
        folder: Of this seed.
    """

    def __init__(
        self, work_dir: Path, data: Path, seed: int, on: str = 'test', options: Sequence[str] = ()
    ) -> None:
        check_plain_path('--work-dir', work_dir)
        self.data, self.seed, self.on, self.options = data, seed, on, list(options)
        self.folder = work_dir / f'seed{seed}'
        self.steps: dict[str, Step] = {}

    def _add(
        self,
        name: str,
        inputs: Sequence[Path | Later],
        outputs: Sequence[Path],
        command: Sequence[Word],
        remove: Path | None = None,
    ) -> None:
        stamp, log = self.folder / f'{name}.done', self.folder / 'logs' / f'{name}.log'
        told = f'seed {self.seed}: {name}'
        self.steps[name] = Step(told, inputs, outputs, command, stamp, log, remove)

    def _train_how(self, name: str) -> list[Word]:
        return ['--work-dir', self.folder / name, '--seed', self.seed, '--resume', '--no-validate']


class TwoStageRuns(ToyRuns):
    """The rows of "A Study on Action Detection in the Wild"."""

    def row(self, name: str) -> Path:
        """Add the steps of a row; the folder with its results."""
        row = ROWS[name]
        if row.trunk is None:
            return self.test(name, row.config, self.train(name, row.config), self.on)
        trunk = self.trunk(row.trunk)
        if name == 'whole_model':
            option = trunk.after(f'{_checkpoint_key(_config(row.config))}=')
            checkpoint = self.train(name, row.config, option, inputs=[trunk])
            return self.test(name, row.config, checkpoint, self.on)
        features = self.features(row.trunk, trunk)
        source = f'train_dataloader.dataset.feature_dir={features / "train"}'
        inputs = [features / 'train' / 'meta.json']
        checkpoint = self.train(name, row.config, source, inputs=inputs)
        judged = f'test_dataloader.dataset.feature_dir={features / self.on}'
        return self.test(name, row.config, checkpoint, self.on, judged)

    def train(
        self, name: str, suffix: str, *options: Word, inputs: Sequence[Path | Later] = ()
    ) -> Later:
        """Train a config of the toy's family; its checkpoint."""
        given = [*options, *self.options]
        if not suffix.startswith('_stage_two') or suffix == '_stage_two_whole_model':
            given.insert(0, 'train_dataloader.batch_size=16')  # 2 ranks x 8 in one process
        config, how = _config(suffix), self._train_how(name)
        command = tool('train.py', config, *how, *(['--cfg-options', *given] if given else []))
        self._add(name, [config, *inputs], [self.folder / name / 'last_checkpoint'], command)
        return last_checkpoint(self.folder / name)

    def test(self, name: str, suffix: str, checkpoint: Later, on: str, *options: Word) -> Path:
        """Test a checkpoint; the folder of its results."""
        out, config = self.folder / f'{name}_{on}', _config(suffix)
        given = [f'test_evaluator.out_dir={out}', 'test_evaluator.dump=detections.parquet']
        how = ['--work-dir', out / 'log', '--data-split', on, '--cfg-options', *given, *options]
        outputs = [out / 'metrics.json', out / 'detections.parquet']
        command = tool('test.py', config, checkpoint, *how)
        self._add(out.name, [config, checkpoint], outputs, command, remove=out)
        return out

    def split(self, how: str) -> Path:
        """The head/tail split by the baseline's AP on train and val, or by training counts."""
        path = self.folder / f'split_{how}.json'
        if how == 'counts':
            inputs = [self.data / 'train_counts.json']
            arguments = [*inputs, '--tail-max', TAIL_MAX]
        else:
            baseline = self.train('baseline', '')
            arguments = [self.test('baseline', '', baseline, on) for on in ('train', 'val')]
            inputs = [folder / 'metrics.json' for folder in arguments]
        command = tool(f'analysis/split_by_{how}.py', *arguments, '--out', path, '--overwrite')
        self._add(path.stem, inputs, [path], command)
        return path

    def trunk(self, name: str) -> Later:
        """The checkpoint of a trunk: the baseline's, or that of a stage one."""
        if name == 'baseline':
            return self.train(name, '')
        split = self.split(name.rpartition('_')[2])
        option = f'model.roi_head.bbox_head.split_file={split}'
        return self.train(name, '_stage_one', option, inputs=[split])

    def features(self, name: str, checkpoint: Later) -> Path:
        """Cached RoI features of a trunk on train and on the split that is judged."""
        out, config = self.folder / f'{name}_features', _config('')
        how = ['--out', out, '--data-split', 'train', self.on, '--num-workers', 0]
        command = tool('features/extract_box_features.py', config, checkpoint, *how)
        outputs = [out / split / 'index.json' for split in ('train', self.on)]
        self._add(out.name, [config, checkpoint], outputs, command)
        self.steps[out.name] = self.steps[out.name]._replace(is_cache=True)
        return out


class VideoLTRuns(ToyRuns):
    """The methods of VideoLT's bench, each one training on the toy's feature sequences."""

    def row(self, name: str) -> Path:
        """Add the steps of a method; the folder with its results."""
        data = read_data(self.data, self.data / 'features')
        config, counts = ROOT / 'configs' / 'videolt' / config_of(name), self._count()
        env = environment_words(toy_environment(data, counts))
        options = [f'{key}={value}' for key, value in toy_options(data, self.on).items()]
        options += self.options
        start = []
        if name in TOY_START:
            self.row(TOY_START[name])
            start = [last_checkpoint(self.folder / TOY_START[name])]
            options.append('model.init_cfg.type=Pretrained')  # load_from: --resume would resume it
            options.append(start[0].after('model.init_cfg.checkpoint='))
        given = ['--cfg-options', *options]
        lists = [self.data / f'{split}.lst' for split in ('train', self.on)]
        command = [*env, *tool('train.py', config, *self._train_how(name), *given)]
        outputs = [self.folder / name / 'last_checkpoint']
        self._add(name, [config, counts, lists[0], *start], outputs, command)
        checkpoint, out = last_checkpoint(self.folder / name), self.folder / f'{name}_{self.on}'
        given.append(f'test_evaluator.out_dir={out}')
        command = tool('test.py', config, checkpoint, '--work-dir', out / 'log', *given)
        inputs = [config, counts, checkpoint, lists[1]]
        self._add(out.name, inputs, [out / 'metrics.json'], [*env, *command], remove=out)
        return out

    def _count(self) -> Path:
        path = self.folder / 'train_counts.json'
        command = tool('analysis/videolt_bench.py', 'counts', self.data, '--out', path)
        lists = [self.data / 'count-labels-train.lst']
        self._add('counts', lists, [path], [*command, '--overwrite'])
        return path


def _config(suffix: str) -> Path:
    return ROOT / 'configs' / 'toy' / f'slowonly_toy_ava{suffix}.py'


def _checkpoint_key(config: Path) -> str:
    """Where a config names the checkpoint that its hook loads."""
    from mmengine.config import Config

    hooks = Config.fromfile(config).custom_hooks
    return next(f'custom_hooks.{i}.checkpoint' for i, h in enumerate(hooks) if 'checkpoint' in h)
