"""Two-stage training of a detector (Zhang et al. 2019, Algorithm 1) as steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.experiments.commands import Later, last_checkpoint, tool
from mmlt.experiments.detector_steps import DetectorSteps
from mmlt.experiments.steps import Step

#: Training boxes that a tail class of AVA has at most.
TAIL_MAX = 999


class TwoStage(NamedTuple):
    """Baseline, AP on train and val, split, stage one, features, stage two, report.

    Attributes:
        config: The baseline's; ``CONFIG_stage_one.py`` and ``CONFIG_stage_two.py`` are beside it.
        num_ranks: Processes, one a GPU.
        split: 'ap', 'counts', or a split file.
        work_dir: Folder of all results.
        tail_max: Of the split by counts: boxes of a tail class at most. None: 999.
        head_min: Of the split by counts: a class of the head has more. None: than tail_max.
        seed: Of the trainings.
        options: KEY=VALUE wherever the detector is built: everywhere but in stage two.
    """

    config: Path
    num_ranks: int
    split: str
    work_dir: Path
    tail_max: int | None = None
    head_min: int | None = None
    seed: int = 0
    options: Sequence[str] = ()

    def configs(self) -> tuple[Path, Path, Path]:
        """Of the baseline, stage one and stage two."""
        stem = self.config.with_suffix('')
        return self.config, Path(f'{stem}_stage_one.py'), Path(f'{stem}_stage_two.py')

    def asked(self) -> str:
        """What binds the folder."""
        head_min = '' if self.head_min is None else f' --head-min {self.head_min}'
        tail_max = TAIL_MAX if self.tail_max is None else self.tail_max
        asked = f'{self.config} {self.num_ranks} --split {self.split} --tail-max {tail_max}'
        options = f' --cfg-options {" ".join(self.options)}' if self.options else ''
        return f'{asked}{head_min} --seed {self.seed}{options}'

    def check(self) -> None:
        """Refuse what cannot be run.

        Raises:
            ValueError: A number, a path or the split file is wrong.
            FileNotFoundError: A file is absent.
        """
        for path in self.configs():
            if not path.is_file():
                raise FileNotFoundError(f'no config {path}')
        if self.split != 'counts' and (self.tail_max, self.head_min) != (None, None):
            raise ValueError('--tail-max and --head-min need --split counts')
        if self.split not in ('ap', 'counts'):
            if not Path(self.split).is_file():
                raise FileNotFoundError(f'--split: no file {self.split}')
            self._check_split_file()

    def _check_split_file(self) -> None:
        """What stage one would say of it, hours later."""
        from mmengine.config import Config

        from mmlt.fileio.class_split import read_split

        head = Config.fromfile(self.configs()[1]).model.roi_head.bbox_head
        ids = head.get('class_ids') or range(1, head.num_classes)
        groups = read_split(self.split, ids, min_id=0).groups
        for name in head.get('trained_groups') or ():
            if not groups.get(name):
                raise ValueError(f'{self.split}: no class in {name}, which stage one trains')

    def class_counts(self) -> str:
        """The counts file, or the name of counts, that the baseline's config has.

        Raises:
            ValueError: It has none.
        """
        from mmengine.config import Config

        counts = Config.fromfile(self.config).test_evaluator.get('class_counts')
        if not counts:
            raise ValueError(
                f'{self.config}: test_evaluator has no class_counts, a counts.json of '
                'tools/data/count_classes.py'
            )
        return counts

    def steps(self) -> list[Step]:
        """All steps. A split that needs no training is the first."""
        baseline, stage_one, stage_two = self.configs()
        work_dir, features = self.work_dir, self.work_dir / 'features'
        split = work_dir / 'split.json'
        split_option = f'model.roi_head.bbox_head.split_file={split}'
        before = [] if self.split == 'ap' else [self._given_split(split)]
        after = self._split_by_ap(split) if self.split == 'ap' else []
        of_one = last_checkpoint(work_dir / 'stage_one')
        names = {'baseline_test': 'baseline', 'two_stage_test': 'two-stage'}
        return [
            *before,
            self._detector.train('baseline', baseline),
            *after,
            self._detector.train('stage_one', stage_one, split_option, inputs=[split]),
            self._extract(stage_one, of_one, split, split_option),
            self._train_classifier(stage_two, features / 'train'),
            self._write_back(of_one, features / 'train'),
            self._judge('baseline_test', last_checkpoint(work_dir / 'baseline'), 'test'),
            self._judge('two_stage_test', work_dir / 'two_stage.pth', 'test'),
            self._detector.report('report', names, 'Two-stage training'),
        ]

    @property
    def _detector(self) -> DetectorSteps:
        return DetectorSteps(self.work_dir, self.num_ranks, self.seed, self.options)

    def _given_split(self, path: Path) -> Step:
        if self.split != 'counts':
            return self._detector.step(
                'split', [Path(self.split)], [path], ['cp', self.split, path]
            )
        counts = self.class_counts()
        limits = ['--tail-max', TAIL_MAX if self.tail_max is None else self.tail_max]
        limits += [] if self.head_min is None else ['--head-min', self.head_min]
        command = tool('analysis/split_by_counts.py', counts, *limits, '--out', path, '--overwrite')
        inputs = [Path(counts)] if Path(counts).is_file() else []  # or the name of built-in ones
        return self._detector.step('split', inputs, [path], command, is_shown=True)

    def _split_by_ap(self, path: Path) -> list[Step]:
        checkpoint = last_checkpoint(self.work_dir / 'baseline')
        judged = [self._judge(f'baseline_{on}', checkpoint, on) for on in ('train', 'val')]
        folders = [self.work_dir / step.name for step in judged]
        command = tool('analysis/split_by_ap.py', *folders, '--out', path, '--overwrite')
        metrics = [folder / 'metrics.json' for folder in folders]
        return [*judged, self._detector.step('split', metrics, [path], command, is_shown=True)]

    def _judge(self, name: str, checkpoint: Path | Later, on: str) -> Step:
        split = self.work_dir / 'split.json'
        groups = [f'test_evaluator.split_file={split}'] if on == 'test' else []
        inputs = [split] if groups else []
        return self._detector.judge(name, self.config, checkpoint, *groups, on=on, inputs=inputs)

    def _extract(self, config: Path, checkpoint: Later, split: Path, split_option: str) -> Step:
        out = self.work_dir / 'features'
        ranks = ['--standalone', f'--nproc_per_node={self.num_ranks}']
        extract = tool('features/extract_box_features.py', config, checkpoint, '--out', out)
        how = ['--data-split', 'train', 'val', '--launcher', 'pytorch']
        options = ['--cfg-options', split_option, *self.options]
        command = tool('launch.py', *ranks, *extract[1:], *how, *options)
        outputs = [out / name / 'index.json' for name in ('train', 'val')]
        step = self._detector.step('features', [config, checkpoint, split], outputs, command)
        return step._replace(is_cache=True)

    def _train_classifier(self, config: Path, features: Path) -> Step:
        folder = self.work_dir / 'stage_two'
        how = ['--work-dir', folder, '--resume', '--no-validate', '--seed', self.seed]
        source = f'train_dataloader.dataset.feature_dir={features}'
        command = tool('train.py', config, *how, '--cfg-options', source)
        inputs, outputs = [config, features / 'meta.json'], [folder / 'last_checkpoint']
        return self._detector.step('stage_two', inputs, outputs, command)

    def _write_back(self, of_one: Later, features: Path) -> Step:
        of_two, out = last_checkpoint(self.work_dir / 'stage_two'), self.work_dir / 'two_stage.pth'
        where = ['--features', features, '--out', out, '--overwrite']
        command = tool('convert/write_classifier_back.py', of_one, of_two, *where)
        return self._detector.step('write_back', [of_one, of_two], [out], command)
