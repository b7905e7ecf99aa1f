"""Several datasets are one validation, and each is judged as by the stock loop."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import pytest
import torch
from mmaction.visualization import ActionVisualizer
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.registry import VISUALIZERS
from mmengine.runner import Runner

STAGES = ('val', 'test')


def _run(runner, stage):
    return getattr(runner, stage)()


@pytest.mark.parametrize('stage', STAGES)
def test_by_hand(three, tmp_path, stage):
    metrics = _run(three.build_runner(tmp_path, stage), stage)
    assert metrics['ava/mSAP'] == pytest.approx(three.MSAP)
    assert metrics['k400/top1'] == pytest.approx(2 / 3)
    assert metrics['ssv2/top1'] == pytest.approx(1 / 4)
    assert {key.split('/')[0] for key in metrics} == {'ava', 'k400', 'ssv2'}
    doubled = ('ava/ava', 'k400/acc', 'ssv2/mine')  # the metrics' own prefixes
    assert [key for key in metrics if key.startswith(doubled)] == []


@pytest.mark.parametrize('stage', STAGES)
@pytest.mark.parametrize('name', ['ava', 'k400', 'ssv2'])
def test_each_dataset_as_by_the_stock_loop(three, tmp_path, stage, name):
    merged = _run(three.build_runner(tmp_path / 'all', stage), stage)
    alone = Runner(
        model=three.Recall(),
        work_dir=str(tmp_path / 'alone'),
        default_scope='mmaction',
        experiment_name=f'{stage} {name} alone',
        log_level='WARNING',
        **{
            f'{stage}_dataloader': three.loaders()[name],
            f'{stage}_evaluator': three.evaluators()[name],
            f'{stage}_cfg': {},
        },
    )
    stock = {f'{name}/{key.split("/", 1)[1]}': x for key, x in _run(alone, stage).items()}
    of_name = {key: x for key, x in merged.items() if key.startswith(f'{name}/')}
    assert of_name.keys() == stock.keys()
    assert of_name == pytest.approx(stock, nan_ok=True, rel=0, abs=0)


class Watch(Hook):
    """What the loop calls, and what a hook can ask it then."""

    def __init__(self, stage):
        self.calls, self.lengths, self.metas = [], set(), []
        for at in ('before', 'after'):
            for of in ('', '_epoch'):
                self._watch(f'{at}_{stage}{of}')
        setattr(self, f'after_{stage}_iter', self._iter)
        self._loader = f'{stage}_dataloader'

    def _watch(self, name):
        setattr(self, name, lambda runner, metrics=None: self.calls.append((name, metrics)))

    def _iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.calls.append((batch_idx, len(outputs)))
        self.lengths.add(len(getattr(runner, self._loader)))
        self.metas.append(runner.visualizer.dataset_meta)


@pytest.mark.parametrize('stage', STAGES)
def test_hooks_see_one_pass(three, tmp_path, stage):
    watch = Watch(stage)
    runner = three.build_runner(tmp_path, stage, custom_hooks=[watch])
    metrics = _run(runner, stage)
    first, second, *iterations, last, end = watch.calls
    assert (first, second) == ((f'before_{stage}', None), (f'before_{stage}_epoch', None))
    # 3 keyframes, 3 clips in twos, 4 clips in twos
    assert iterations == list(enumerate([1, 1, 1, 2, 1, 2, 2]))
    assert last[0] == f'after_{stage}_epoch' and last[1] is metrics
    assert end == (f'after_{stage}', None)
    assert watch.lengths == {7}
    k400, ssv2 = ({'classes': (f'{name} 0', f'{name} 1')} for name in ('k400', 'ssv2'))
    assert watch.metas == [{'dataset_type': 'ava'}] * 3 + [k400] * 2 + [ssv2] * 2
    dataset = getattr(runner, f'{stage}_dataloader').dataset
    assert len(dataset) == 10
    assert dataset.metainfo['datasets']['ssv2'] == ssv2


@VISUALIZERS.register_module()
class WatchedVisualizer(ActionVisualizer):
    """Notes what it is asked to draw, and what it knows of the dataset then."""

    drawn = ()

    def add_datasample(self, name, *args, **kwargs):
        self.drawn += ((name, self.dataset_meta),)


def test_samples_are_drawn_with_the_classes_of_their_dataset(three, tmp_path):
    """By mmaction2's hook, as ``tools/test.py --show-dir`` has it."""
    hook = {'type': 'VisualizationHook', 'enable': True, 'interval': 1}
    visualizer = {'type': 'WatchedVisualizer', 'save_dir': str(tmp_path)}
    hooks = {'visualization': hook}
    runner = three.build_runner(tmp_path, default_hooks=hooks, visualizer=visualizer)
    runner.test()
    clips = [
        (f'{name}_{i}.mp4', {'classes': (f'{name} 0', f'{name} 1')})
        for name, num_clips in (('k400', 3), ('ssv2', 4))
        for i in range(num_clips)
    ]
    keyframes = [(str(i), {'dataset_type': 'ava'}) for i in range(3)]
    assert list(runner.visualizer.drawn) == [*keyframes, *clips]


def test_every_metric_knows_its_dataset(three, tmp_path):
    runner = three.build_runner(tmp_path)
    of_dataset = runner.test_loop.evaluator.of_dataset
    known = {name: [each.dataset_meta for each in own] for name, own in of_dataset.items()}
    assert known['ava'] == [{'dataset_type': 'ava'}]
    assert known['ssv2'] == [{'classes': ('ssv2 0', 'ssv2 1')}]


def test_a_training_with_the_hooks_of_mmengine(three, tmp_path):
    """Checkpoints by the best metric, early stop, EMA, log and resume state see one validation."""
    model = three.Recall()
    runner = three.build_runner(
        tmp_path,
        'val',
        model=model,
        train_dataloader=three.loader(three.clips('ssv2')),
        train_cfg={'by_epoch': True, 'max_epochs': 5},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        default_hooks={
            'checkpoint': {
                'type': 'CheckpointHook',
                'save_best': ['ava/mSAP', 'k400/top1'],
                'rule': 'greater',
            },
            'logger': {'type': 'LoggerHook', 'interval': 1},
            'resume_state': {'type': 'mmlt.ResumeStateHook'},
        },
        custom_hooks=[
            {'type': 'EMAHook'},
            {
                'type': 'EarlyStoppingHook',
                'monitor': 'k400/top1',
                'rule': 'greater',
                'patience': 2,
            },
        ],
    )
    runner.train()
    assert runner.epoch == 3, 'no better than in the first epoch, twice'
    assert model.num_batches == 3 * 7
    assert len(list(tmp_path.glob('best_ava_mSAP_*.pth'))) == 1
    assert len(list(tmp_path.glob('best_k400_top1_*.pth'))) == 1
    rows = [json.loads(line) for line in next(tmp_path.rglob('scalars.json')).open()]
    logged = [row for row in rows if 'ssv2/top1' in row]
    assert [row['step'] for row in logged] == [1, 2, 3]
    assert [row['ava/mSAP'] for row in logged] == pytest.approx([three.MSAP] * 3)


def test_the_log_counts_all_batches(three, tmp_path, caplog):
    hooks = {'logger': {'type': 'LoggerHook', 'interval': 1}}
    runner = three.build_runner(tmp_path, default_hooks=hooks)
    runner.logger.addHandler(caplog.handler)
    runner.logger.setLevel(logging.INFO)
    runner.test()
    lines = [record.getMessage() for record in caplog.records if 'Epoch(test)' in record.msg]
    assert [line[:17] for line in lines[:7]] == [f'Epoch(test) [{i}/7]' for i in range(1, 8)]
    assert 'k400/top1: 0.6667' in lines[-1] and 'ava/mSAP: 0.7778' in lines[-1]


def test_a_validation_that_was_due_is_made_up(three, tmp_path):
    """A run killed amid its first validation makes it when it is resumed."""

    class Killed(Exception):
        pass

    class Kill(Hook):
        def after_val_iter(self, runner, **kwargs):
            raise Killed

    def train(**options):
        model = three.Recall()
        runner = three.build_runner(
            tmp_path,
            'val',
            model=model,
            train_dataloader=three.loader(three.clips('ssv2')),
            train_cfg={'by_epoch': True, 'max_epochs': 1},
            optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
            default_hooks={
                'checkpoint': {'type': 'CheckpointHook'},
                'resume_state': {'type': 'mmlt.ResumeStateHook'},
            },
            **options,
        )
        try:
            runner.train()
        except Killed:
            pass
        return model

    assert train(custom_hooks=[Kill()]).num_batches == 1
    assert train(resume=True).num_batches == 7


@pytest.mark.parametrize('stage', STAGES)
def test_losses_beside_the_predictions(three, tmp_path, stage):
    """Each dataset's mean over its batches, here of their sizes; a second pass starts anew."""
    runner = three.build_runner(tmp_path, stage, model=three.Recall(with_loss=True))
    metrics = _run(runner, stage)
    found = [metrics[f'{name}/loss_cls'] for name in ('ava', 'k400', 'ssv2')]
    assert found == [1, 1.5, 2]
    assert metrics[f'{stage}_loss'] == 4.5
    assert _run(runner, stage)[f'{stage}_loss'] == 4.5


@pytest.mark.parametrize(('fp16', 'dtype'), [(False, torch.float32), (True, torch.bfloat16)])
def test_autocast(three, tmp_path, fp16, dtype):
    model = three.Recall()
    three.build_runner(tmp_path, model=model, fp16=fp16).test()
    assert model.dtypes == {dtype}


def test_further_metrics_see_all_samples(three, tmp_path):
    """As ``tools/test.py --dump`` asks for."""
    dump = {'type': 'DumpResults', 'out_file_path': str(tmp_path / 'all.pkl')}
    plain = three.build_runner(tmp_path).test()
    metrics = three.build_runner(tmp_path, evaluator=[three.evaluators(), dump]).test()
    assert metrics == pytest.approx(plain, nan_ok=True, rel=0, abs=0)
    dumped = pickle.loads((tmp_path / 'all.pkl').read_bytes())
    names = [sample.get('filename') or sample['video_id'] for sample in dumped]
    expected = [f'{name}_{i}.mp4' for name, n in (('k400', 3), ('ssv2', 4)) for i in range(n)]
    assert names == ['v', 'v', 'w', *expected]


def test_files_of_a_run_lie_in_a_folder_a_dataset(three, tmp_path):
    evaluators = {
        **three.evaluators(),
        'ssv2': {'type': 'mmlt.LongTailMetric'},
        'k400': {'type': 'mmlt.LongTailMetric', 'out_dir': str(tmp_path / 'mine')},
    }
    runner = three.build_runner(tmp_path, evaluator=evaluators)
    metrics = runner.test()
    assert metrics['ssv2/acc/top1'] == pytest.approx(1 / 4)
    found = {path.parent for path in tmp_path.rglob('metrics.json')}
    folder = Path(runner.log_dir)
    assert found == {folder / 'ava', folder / 'ssv2', tmp_path / 'mine'}


@pytest.mark.dist
def test_two_ranks_equal_one(three, tmp_path, two_ranks):
    two_ranks.run(three.__file__, tmp_path / 'two', tmp_path / 'out')
    one = three.build_runner(tmp_path / 'one').test()
    for rank in range(2):
        found = json.loads((tmp_path / f'out.rank{rank}.json').read_text())
        assert found == pytest.approx(one, nan_ok=True, rel=0, abs=0)
    dumped = pickle.loads((tmp_path / 'out.pkl').read_bytes())
    names = sorted(sample.get('filename') or sample['video_id'] for sample in dumped)
    expected = [f'{name}_{i}.mp4' for name, n in (('k400', 3), ('ssv2', 4)) for i in range(n)]
    assert names == [*expected, 'v', 'v', 'w'], 'each once, though both ranks judged two of three'


# ------------------------------------------------------------------------------------- messages


class Doubled(BaseMetric):
    """Gives what AccMetric gives."""

    def process(self, data_batch, data_samples):
        self.results.extend(0 for _ in data_samples)

    def compute_metrics(self, results):
        return {'top1': 0.0}


def test_two_metrics_that_give_one_name(three, tmp_path):
    evaluators = three.evaluators()
    evaluators['k400'] = Evaluator([Doubled(prefix='other'), *three.evaluators()['ssv2']])
    message = 'test_evaluator of k400: Doubled and AccMetric both give k400/top1'
    with pytest.raises(ValueError, match=message):
        three.build_runner(tmp_path, evaluator=evaluators).test()


def test_one_metric_for_two_datasets(three, tmp_path):
    both = Evaluator(three.evaluators()['k400'])
    evaluators = {**three.evaluators(), 'k400': both, 'ssv2': both}
    with pytest.raises(ValueError, match='ssv2 and k400 share one AccMetric'):
        three.build_runner(tmp_path, evaluator=evaluators).test()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda x, y: x.pop('ava'), 'test_evaluator names ava, test_dataloader does not'),
        (lambda x, y: y.pop('k400'), 'test_dataloader names k400, test_evaluator does not'),
        (lambda x, y: x.clear(), 'test_dataloader is empty'),
        (lambda x, y: y.clear(), 'test_evaluator is empty'),
        (lambda x, y: y.update(type='AccMetric'), 'must be a dict of dataset names and their met'),
        (lambda x, y: x.update(dataset=1), 'must be a dict of dataset names and their loaders'),
        (
            lambda x, y: x['ssv2']['dataset'].samples.clear(),
            'test_dataloader of ssv2: no sample in its dataset',
        ),
    ],
)
def test_names_that_do_not_fit(three, tmp_path, change, message):
    dataloader, evaluator = three.loaders(), three.evaluators()
    change(dataloader, evaluator)
    runner = three.build_runner(tmp_path, dataloader=dataloader, evaluator=evaluator)
    with pytest.raises(ValueError, match=message):
        runner.test()


def test_errors_name_the_stage(three, tmp_path):
    with pytest.raises(ValueError, match='val_evaluator must be a dict of dataset names'):
        three.build_runner(tmp_path, 'val', evaluator=[[]]).val()
