from __future__ import annotations

import json
import math
import os
import subprocess
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import METRICS, DefaultScope
from mmengine.structures import InstanceData
from warm_python import PYTHON

from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.metrics import AVALongTailMetric, ava_long_tail_metric
from mmlt.fileio.class_counts import read_class_counts
from mmlt.fileio.detections import read_detections
from mmlt.fileio.label_map import read_label_map
from mmlt.functional import read_ava_csv

WORLD = Path(__file__).parents[2] / 'data' / 'hand_world'
ANNOTATIONS = {
    'ann_file': str(WORLD / 'ground_truth.csv'),
    'label_file': str(WORLD / 'label_map.pbtxt'),
}
FILES = {**ANNOTATIONS, 'per_class_keys': True}
# Score columns 0 to 7; 0 is unused, 3, 4 and 6 are no class of the label map.
CLASS_OF_COLUMN = {1: 0, 2: 1, 5: 2, 7: 3}
KEYFRAMES = [
    (
        'v',
        1,
        [[0, 0, 0.2, 0.4], [0.5, 0.5, 0.9, 0.9]],
        [[0.9, 0.7, 0.5, 0.9], [0.3, 0.4, 0.5, 0.2]],
    ),
    ('v', 2, [[0.1, 0.1, 0.5, 0.5]], [[0.6, 0.2, 0.5, 0.1]]),
    ('w', 1, [[0, 0, 1, 1]], [[0.8, 0.1, 0.5, 0.5]]),
]


def _dense(class_scores) -> np.ndarray:
    scores = np.full((len(class_scores), 8), 0.99, np.float32)  # what is not a class must not count
    for column, index in CLASS_OF_COLUMN.items():
        scores[:, column] = [row[index] for row in class_scores]
    return scores


def _sample(keyframe, dtype=torch.float32) -> dict:
    video_id, timestamp, boxes, class_scores = keyframe
    predicted = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32),
        scores=torch.from_numpy(_dense(class_scores)).to(dtype),
    )
    return {'video_id': video_id, 'timestamp': timestamp, 'pred_instances': predicted.to_dict()}


def _evaluate(metric, keyframes=KEYFRAMES, size=3) -> dict:
    for keyframe in keyframes:
        metric.process({}, [_sample(keyframe)])
    return metric.evaluate(size)


@pytest.fixture
def counts_file(tmp_path) -> str:
    path = tmp_path / 'counts.json'
    counts = {1: ('stand', 3), 2: ('sit', 1), 5: ('wave (a hand)', 0), 7: ('lie/sleep', 1)}
    classes = [{'id': key, 'name': name, 'count': n} for key, (name, n) in counts.items()]
    path.write_text(json.dumps({'source': 'by hand', 'unit': 'boxes', 'classes': classes}))
    return str(path)


@pytest.fixture
def running_job(tmp_path):
    """What a runner leaves for its metrics: a logger with a file in the run's folder."""
    folder = tmp_path / 'work_dir' / '20250101_000000'
    folder.mkdir(parents=True)
    name = uuid.uuid4().hex
    before = MMLogger._instance_dict.copy()
    logger = MMLogger.get_instance(name, log_file=str(folder / '20250101_000000.log'))
    yield folder
    for handler in logger.handlers:
        handler.close()
    MMLogger._instance_dict.clear()
    MMLogger._instance_dict.update(before)


def test_hand_made_world(counts_file):
    # The numbers are derived in tests/evaluation/test_ava.py.
    result = _evaluate(AVALongTailMetric(**FILES, class_counts=counts_file, head_min=2, tail_max=0))
    expected = {
        'ava/frame_mAP': 25 / 36,
        'ava/mSAP': 7 / 9,
        'ava/mAUC': 11 / 18,
        'ava/head/frame_mAP': 11 / 12,
        'ava/medium/mSAP': 17 / 24,
        'ava/tail/mSAP': math.nan,
        'ava/AP/stand': 11 / 12,
        'ava/SAP/sit': 7 / 12,
        'ava/SAP_std/stand': 0.0,
        'ava/AUC/lie/sleep': 2 / 3,
        'ava/SAP/lie/sleep': 5 / 6,
        'ava/AP/wave (a hand)': math.nan,
    }
    for key, value in expected.items():
        assert result[key] == pytest.approx(value, abs=1e-12, nan_ok=True), key


def test_keys_do_not_depend_on_the_detections(counts_file):
    metric = AVALongTailMetric(**FILES, class_counts=counts_file)
    keys = list(_evaluate(metric))
    assert keys[:4] == ['ava/frame_mAP', 'ava/mSAP', 'ava/mAUC', 'ava/mSAP_sampled']
    undetected = ['ava/frame_mAP_undetected_as_zero', 'ava/num_undetected_classes']
    means = [
        f'ava/{g}/{m}' for g in ('head', 'medium', 'tail') for m in ('frame_mAP', 'mSAP', 'mAUC')
    ]
    names = ('stand', 'sit', 'wave (a hand)', 'lie/sleep')
    scores = [f'ava/{key}/{name}' for key in ('AP', 'SAP', 'SAP_std', 'AUC') for name in names]
    assert keys[4:] == undetected + means + scores
    nobody = [(video, timestamp, np.zeros((0, 4)), []) for video, timestamp, _, _ in KEYFRAMES]
    for keyframes in (KEYFRAMES[:1], nobody, []):
        result = _evaluate(metric, keyframes)
        assert list(result) == keys
        assert all(isinstance(value, float) for value in result.values())


def test_same_as_the_library_on_the_same_rows(counts_file):
    result = _evaluate(AVALongTailMetric(**FILES, class_counts=counts_file, head_min=2, tail_max=0))
    label_map = read_label_map(FILES['label_file'])
    library = evaluate_ava(
        read_ava_csv(WORLD / 'detections.csv'),
        read_ava_csv(FILES['ann_file']),
        label_map,
        train_counts=read_class_counts(counts_file, label_map),
        head_min=2,
        tail_max=0,
    )
    assert result['ava/mSAP'] == library['mSAP']
    assert result['ava/mSAP_sampled'] == library['mSAP_sampled']
    assert result['ava/medium/mAUC'] == library['groups']['medium']['mAUC']
    assert result['ava/SAP_std/lie/sleep'] == library['per_class']['lie/sleep']['SAP_std']


def _mmaction_samples() -> list:
    """The keyframes as mmaction2's own box head gives them out, from boxes in pixels and logits."""
    from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
    from mmaction.structures import ActionDataSample

    head = BBoxHeadAVA(background_class=True, in_channels=1, num_classes=8, topk=None)
    samples = []
    for video_id, timestamp, boxes, class_scores in KEYFRAMES:
        height, width = 100, 200
        pixels = torch.tensor(boxes, dtype=torch.float32)
        pixels *= torch.tensor([width, height, width, height])
        rois = torch.cat([torch.zeros(len(boxes), 1), pixels], dim=1)
        logits = torch.from_numpy(_dense(class_scores)).logit()
        sample = ActionDataSample()
        sample.set_metainfo({'video_id': video_id, 'timestamp': timestamp})
        sample.pred_instances = head._predict_by_feat_single(
            rois, logits, {'img_shape': (height, width)}
        )
        samples.append(sample)
    return samples


def _reference_mmaction_ava_metric(monkeypatch, folder) -> float:
    from mmaction.evaluation import AVAMetric

    monkeypatch.chdir(folder)  # it writes a CSV to where it runs
    evaluator = Evaluator(
        AVAMetric(**ANNOTATIONS, exclude_file=None, action_thr=0.0, num_classes=8)
    )
    evaluator.process(_mmaction_samples())
    return evaluator.evaluate(3)['mAP/overall']


def test_takes_the_data_samples_of_mmaction2(tmp_path, monkeypatch):
    evaluator = Evaluator(AVALongTailMetric(**FILES, num_classes=8))
    evaluator.process(_mmaction_samples())
    result = evaluator.evaluate(3)
    assert result['ava/mSAP'] == pytest.approx(7 / 9, abs=1e-12)
    reference = _reference_mmaction_ava_metric(monkeypatch, tmp_path)
    assert result['ava/frame_mAP'] == pytest.approx(reference, abs=1e-12)


def test_excluded_and_official_reach_the_library():
    metric = AVALongTailMetric(
        **FILES, exclude_file=str(WORLD / 'excluded.csv'), protocol='official', capacity=None
    )
    result = _evaluate(metric)
    assert result['ava/SAP/stand'] == pytest.approx(5 / 6, abs=1e-12)
    assert math.isnan(result['ava/SAP/lie/sleep'])
    # Official rules count after the exclusion: the class is gone, not 0.
    assert math.isnan(result['ava/AP/lie/sleep'])


def test_custom_classes_name_the_columns():
    metric = AVALongTailMetric(**FILES, custom_classes=[7, 1], num_classes=3)
    for video_id, timestamp, boxes, class_scores in KEYFRAMES:
        scores = torch.tensor([[0.99, row[3], row[0]] for row in class_scores])
        predicted = {'bboxes': torch.tensor(boxes), 'scores': scores}
        sample = {'video_id': video_id, 'timestamp': timestamp, 'pred_instances': predicted}
        metric.process({}, [sample])
    result = metric.evaluate(3)
    assert result['ava/SAP/stand'] == pytest.approx(11 / 12, abs=1e-12)
    assert result['ava/SAP/lie/sleep'] == pytest.approx(5 / 6, abs=1e-12)
    assert 'ava/SAP/sit' not in result


def test_scores_below_any_threshold_still_rank():
    tiny = [
        (video, timestamp, boxes, np.asarray(scores) * 1e-6)
        for video, timestamp, boxes, scores in KEYFRAMES
    ]
    metric = AVALongTailMetric(**FILES)
    assert _evaluate(metric, tiny)['ava/mSAP'] == pytest.approx(7 / 9, abs=1e-12)


def test_half_precision_samples():
    metric = AVALongTailMetric(**FILES)
    metric.process({}, [_sample(keyframe, torch.bfloat16) for keyframe in KEYFRAMES])
    assert metric.evaluate(3)['ava/mSAP'] == pytest.approx(7 / 9, abs=1e-12)


def test_a_keyframe_delivered_twice_counts_once():
    metric = AVALongTailMetric(**FILES, pool='detections')
    once = _evaluate(metric)
    twice = _evaluate(metric, [KEYFRAMES[0], *KEYFRAMES])
    assert once == pytest.approx(twice, rel=0, abs=0, nan_ok=True)


def test_missing_keyframes_are_reported(running_job):
    _evaluate(AVALongTailMetric(**FILES), KEYFRAMES[:2])
    log = next(running_job.glob('*.log')).read_text()
    assert '2 distinct keyframes from a dataset of 3 samples' in log


def test_a_detector_that_finds_few_keyframes_is_told(running_job):
    _evaluate(AVALongTailMetric(**FILES))
    log = next(running_job.glob('*.log'))
    assert 'the detections cover' not in log.read_text()
    _evaluate(AVALongTailMetric(**FILES), KEYFRAMES[:1])
    told = 'the detections cover 1 of 3 annotated keyframes, 1 of 2 videos'
    assert f'WARNING - AVALongTailMetric: {told}' in log.read_text()


def test_keys_of_single_classes_are_left_out_unless_asked_for(counts_file):
    every = _evaluate(AVALongTailMetric(**FILES, class_counts=counts_file))
    few = _evaluate(AVALongTailMetric(**ANNOTATIONS, class_counts=counts_file))
    gone = {key for key in every if key.split('/')[1] in ('AP', 'SAP', 'SAP_std', 'AUC')}
    assert len(gone) == 4 * 4
    assert {key: float(few[key]).hex() for key in few} == {
        key: float(every[key]).hex() for key in every.keys() - gone
    }


def test_files_of_a_running_job(running_job, counts_file):
    metric = AVALongTailMetric(**FILES, class_counts=counts_file, dump='detections.parquet')
    first = _evaluate(metric)
    assert json.loads((running_job / 'metrics.json').read_text())['mSAP'] == first['ava/mSAP']
    lower = [(v, t, boxes, np.asarray(scores) ** 2) for v, t, boxes, scores in KEYFRAMES[:2]]
    second = _evaluate(metric, lower)
    assert second['ava/mSAP'] != first['ava/mSAP']
    assert json.loads((running_job / 'metrics.json').read_text())['mSAP'] == second['ava/mSAP']
    found = sorted(path.name for path in running_job.iterdir() if path.suffix != '.log')
    assert found == ['detections.parquet', 'metrics.json', 'per_class.csv']
    log = next(running_job.glob('*.log')).read_text()
    assert 'frame-mAP' in log
    assert str(running_job / 'metrics.json') in log


def test_dump_holds_every_detection_at_full_precision(tmp_path):
    metric = AVALongTailMetric(**FILES, dump='detections.parquet', out_dir=str(tmp_path / 'run'))
    third = [(v, t, boxes, np.asarray(s) / 3) for v, t, boxes, s in KEYFRAMES]
    result = _evaluate(metric, third)
    dumped = read_detections(tmp_path / 'run' / 'detections.parquet')
    assert len(dumped.scores) == 4 * 7
    first = dumped.scores[(dumped.labels == 2) & (dumped.timestamps == 2)]
    assert first.tolist() == [float(np.float32(np.float64(0.2) / 3))]
    again = evaluate_ava(
        dumped, read_ava_csv(FILES['ann_file']), read_label_map(FILES['label_file'])
    )
    assert again['mSAP'] == result['ava/mSAP']
    assert again['frame_mAP'] == result['ava/frame_mAP']


def test_results_of_another_run_stay(tmp_path, running_job):
    out_dir = tmp_path / 'run'
    out_dir.mkdir()
    (out_dir / 'metrics.json').write_text('not ours')
    metric = AVALongTailMetric(**FILES, out_dir=str(out_dir))
    for _ in range(2):
        result = _evaluate(metric)
    assert (out_dir / 'metrics.json').read_text() == 'not ours'
    assert os.listdir(out_dir) == ['metrics.json']
    ours = json.loads((tmp_path / 'run-2' / 'metrics.json').read_text())
    assert ours['mSAP'] == result['ava/mSAP']
    log = next(running_job.glob('*.log')).read_text()
    assert 'holds the results of another evaluation; they stay' in log
    _evaluate(AVALongTailMetric(**FILES, out_dir=str(out_dir), pool='detections'))
    assert json.loads((tmp_path / 'run-3' / 'metrics.json').read_text())['pool'] == 'detections'
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith('run')) == [
        'run',
        'run-2',
        'run-3',
    ]


def test_an_older_dump_stays(tmp_path):
    out_dir = tmp_path / 'run'
    out_dir.mkdir()
    (out_dir / 'd.parquet').write_bytes(b'not ours')
    _evaluate(AVALongTailMetric(**FILES, out_dir=str(out_dir), dump='d.parquet'))
    assert (out_dir / 'd.parquet').read_bytes() == b'not ours'
    assert (tmp_path / 'run-2' / 'd.parquet').is_file()


def test_exclusions_of_other_videos_are_told(tmp_path, running_job):
    exclude = tmp_path / 'exclude.csv'
    exclude.write_text('x,1\n')
    AVALongTailMetric(**FILES, exclude_file=str(exclude))
    log = next(running_job.glob('*.log')).read_text()
    assert 'exclude.csv: excludes nothing; none of its 1 videos is annotated' in log


def test_without_a_runner_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(MMLogger.get_current_instance(), '_log_file', None)
    _evaluate(AVALongTailMetric(**FILES))
    assert os.listdir(tmp_path) == []


def test_built_by_name_in_the_scope_of_mmaction():
    config = Config({'val_evaluator': {'type': 'mmlt.AVALongTailMetric', **FILES}})
    with DefaultScope.overwrite_default_scope('mmaction'):
        metric = METRICS.build(config.val_evaluator)
    assert isinstance(metric, AVALongTailMetric)


def _case(folder, name, shards, **metric) -> dict:
    return {
        'metric': {**FILES, 'out_dir': str(folder / 'run'), 'dump': 'd.parquet', **metric},
        'shards': [
            [(v, t, boxes, _dense(s).astype(float).tolist()) for v, t, boxes, s in shard]
            for shard in shards
        ],
        'size': 3,
        'out': str(folder / name),
    }


def _start(folder, name, world_size, cases) -> list[subprocess.Popen]:
    job_file = folder / f'{name}.json'
    job_file.write_text(json.dumps({'rendezvous': f'{job_file}.rendezvous', 'cases': cases}))
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, 'PYTHONPATH': root, 'OMP_NUM_THREADS': '1'}
    worker = Path(__file__).with_name('two_rank_worker.py')
    return [
        subprocess.Popen(
            [PYTHON, worker, str(rank), str(world_size), job_file],
            cwd=folder,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world_size)
    ]


def _finish(ranks) -> None:
    errors = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0] * len(ranks), errors


SHARDS = [
    [[0, 2], [1, 0]],  # DefaultSampler on three keyframes: the first one pads the last shard
    [[0, 1, 2], []],
    [[2], [1, 0]],
    [[0, 0, 1], [2]],  # cutting at the size of the dataset would lose the last one
]


@pytest.mark.dist
def test_two_ranks_equal_one(tmp_path, counts_file):
    options = {'class_counts': counts_file, 'dump': 'd.parquet'}
    one = _evaluate(AVALongTailMetric(**FILES, **options, out_dir=str(tmp_path / 'one')))
    cases = []
    for number, shards in enumerate(SHARDS):
        folder = tmp_path / f'two{number}'
        folder.mkdir()
        keyframes = [[KEYFRAMES[i] for i in shard] for shard in shards]
        cases.append(_case(folder, 'result', keyframes, **options))
    _finish(_start(tmp_path, 'job', 2, cases))
    for number, shards in enumerate(SHARDS):
        folder = tmp_path / f'two{number}'
        for rank in range(2):
            result = json.loads((folder / f'result.rank{rank}').read_text())
            # To the last bit, and on both ranks.
            assert result == {key: value.hex() for key, value in one.items()}, shards
        for name in ('metrics.json', 'per_class.csv', 'd.parquet'):
            ours, theirs = folder / 'run' / name, tmp_path / 'one' / name
            assert ours.read_bytes() == theirs.read_bytes(), shards
        assert len(os.listdir(folder / 'run')) == 3
    assert not (tmp_path / '.dist_test').exists()


@pytest.mark.dist
def test_two_jobs_in_one_folder_at_once(tmp_path):
    """Both want the same folder; each must end with a folder of its own, files whole."""
    jobs = [
        *_start(tmp_path, 'a', 1, [_case(tmp_path, 'a', [KEYFRAMES], pool='boxes')]),
        *_start(tmp_path, 'b', 1, [_case(tmp_path, 'b', [KEYFRAMES], pool='detections')]),
    ]
    _finish(jobs)
    pools = set()
    for name in ('run', 'run-2'):
        pools.add(json.loads((tmp_path / name / 'metrics.json').read_text())['pool'])
        assert sorted(os.listdir(tmp_path / name)) == ['d.parquet', 'metrics.json', 'per_class.csv']
    assert pools == {'boxes', 'detections'}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'dump': 'a/b.parquet'}, r"dump: 'a/b\.parquet' is not the bare name of a \.parquet file"),
        ({'dump': 'detections.csv'}, r"dump: 'detections\.csv' is not the bare name"),
        ({'custom_classes': [1, 99]}, r'custom_classes: class 99 is not in .*label_map\.pbtxt'),
        ({'custom_classes': [1, 1]}, r'custom_classes: empty, or a class repeated: \[1, 1\]'),
        ({'custom_classes': []}, r'custom_classes: empty'),
        ({'protocol': 'coco'}, r'protocol.*coco'),
        ({'pool': 'all'}, r'pool.*all'),
        ({'class_counts': str(WORLD / 'train.csv')}, r'train\.csv, line 1: not JSON'),
        ({'class_counts': 'ava_v2.2'}, r'ava_v2\.2_train_counts\.json: no count for class 2'),
        ({'split_file': str(WORLD / 'train.csv')}, r'train\.csv, line 1: not JSON'),
    ],
)
def test_bad_arguments_stop_the_job_before_it_starts(arguments, message):
    with pytest.raises(ValueError, match=message):
        AVALongTailMetric(**{**FILES, **arguments})


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'num_classes': 81}, r'scores has 8 columns, num_classes is 81'),
        ({'custom_classes': [1, 2]}, r'8 columns, not one unused column and one for each of the 2'),
    ],
)
def test_models_with_other_classes(arguments, message):
    with pytest.raises(ValueError, match=message):
        _evaluate(AVALongTailMetric(**FILES, **arguments))


def test_model_with_too_few_columns():
    predicted = {'bboxes': torch.zeros(1, 4), 'scores': torch.zeros(1, 7)}
    sample = {'video_id': 'v', 'timestamp': 1, 'pred_instances': predicted}
    with pytest.raises(ValueError, match=r'7 columns \(classes 1 to 6\).* class 7 \(lie/sleep\)'):
        AVALongTailMetric(**FILES).process({}, [sample])


def test_nan_scores_name_the_keyframe():
    keyframe = ('v', 2, [[0, 0, 1, 1]], [[0.1, np.nan, 0.2, 0.3]])
    with pytest.raises(ValueError, match='keyframe v,0002: scores of box 0 hold NaN'):
        AVALongTailMetric(**FILES).process({}, [_sample(keyframe)])


def test_unknown_classes_of_the_annotations_are_warned_of(tmp_path, running_job):
    small = tmp_path / 'small.pbtxt'
    small.write_text('item { name: "stand" id: 1 }')
    AVALongTailMetric(FILES['ann_file'], str(small))
    log = next(running_job.glob('*.log')).read_text()
    assert '3 of 6 rows carry a class id outside the label map and are skipped (ids 2, 7)' in log


def test_num_classes_is_checked_before_the_training(monkeypatch):
    said = []
    monkeypatch.setattr(ava_long_tail_metric, 'print_log', lambda text, *_: said.append(text))
    with pytest.raises(ValueError, match=r'has 7 columns .* but the label map holds class 7'):
        AVALongTailMetric(**FILES, num_classes=7)
    AVALongTailMetric(**FILES, num_classes=8)
    assert said == []
    AVALongTailMetric(**FILES, num_classes=81)
    assert 'the highest class id is 7, so num_classes=81 leaves 73' in said[0]
