"""The tasks whose runs are read, shown and compared."""

from __future__ import annotations

from collections.abc import Mapping

from mmlt.evaluation.runs.schema import Measure, Name, ResultSchema


def _protocol(metrics: Mapping) -> str:
    name = {'mmaction2': 'mmaction2’s', 'official': 'the official (ActivityNet)'}
    text = f'frame-AP by {name.get(metrics["protocol"], metrics["protocol"])} protocol'
    if metrics['capacity'] is not None:
        text += f', the {metrics["capacity"]} best-scored rows of a keyframe'
    return text


def _test_boxes(metrics: Mapping) -> str:
    return (
        f'{metrics["num_boxes"]:,} annotated boxes on {metrics["num_keyframes"]:,} keyframes, '
        f'{len(metrics["per_class"]):,} classes'
    )


def _sampling(metrics: Mapping) -> str:
    pool = {
        'boxes': 'the annotated boxes',
        'detections': 'the annotated boxes and the unmatched detections',
    }
    return (
        f'exact expectation over draws from {pool.get(metrics["pool"], metrics["pool"])}; ± from '
        f'{metrics["num_trials"]} draws, seed {metrics["seed"]}'
    )


def _test_samples(metrics: Mapping) -> str:
    return f'{metrics["num_samples"]:,} samples, {len(metrics["per_class"]):,} classes'


def _measure(mean: Name, score: Name, **more) -> Measure:
    """One whose mean is called the same overall and in a group."""
    return Measure(overall=mean, group=mean, of_class=score, **more)


_AS_ZERO = 'frame_mAP_undetected_as_zero'
DETECTION = ResultSchema(
    task=None,
    name='detector',
    noun='boxes',
    measures=(
        _measure(
            Name('frame_mAP', 'frame-mAP', log='frame_mAP'),
            Name('AP', 'frame-AP', log='AP'),
            as_zero=_AS_ZERO,
        ),
        _measure(
            Name('mSAP', 'mSAP', log='mSAP'),
            Name('SAP', 'SAP', log='SAP'),
            chance=0.5,
            deviation='SAP_std',
        ),
        Measure(of_class=Name('SAP_std', log='SAP_std'), higher_is_better=False),
        Measure(of_class=Name('SAP_sampled')),
        _measure(Name('mAUC', 'mAUC', log='mAUC'), Name('AUC', 'ROC-AUC', log='AUC')),
        Measure(overall=Name('mSAP_sampled', log='mSAP_sampled')),
        Measure(overall=Name(_AS_ZERO, log=_AS_ZERO), group=Name(_AS_ZERO), is_later=True),
    ),
    gains=('SAP', 'AP'),
    keys={
        'protocol': 'text',
        'capacity': 'count or null',
        'num_keyframes': 'count',
        'num_boxes': 'count',
        'pool': 'text',
        'num_trials': 'count',
        'seed': 'integer',
    },
    later={
        'num_keyframes_detected': 'count',
        'num_videos': 'count',
        'num_videos_detected': 'count',
        'num_classes_with_boxes': 'count',
        'num_classes_averaged': 'count',  # those that frame_mAP is the mean of
        'undetected_classes': 'texts',
        'subsets': 'object',  # where the metric was given any
        'warnings': 'texts',
        'no_score_ratio': 'fraction',
        'missing_score_ratio': 'fraction',
        'tied_score_ratio': 'fraction',
    },
    conditions=('protocol', 'capacity', 'pool', 'num_keyframes', 'num_boxes'),
    title='{protocol} protocol',
    facts={'Protocol': _protocol, 'Test set': _test_boxes, 'SAP': _sampling},
    explanation=(
        '<b>Frame-AP</b> ranks every detected box by the model’s score for a class and is high '
        'when those of that class come first; frame-mAP is its mean over the classes. It depends '
        'on prevalence: where a class is rare in the test set, even a good model has a frame-AP '
        'near zero. <b>SAP</b> (sampled AP, mean mSAP) is AP when a class’s annotated boxes meet '
        'as many others, drawn at random, so that rare and frequent classes can be compared. '
        'Random scores give about 50 only where every box has a score; where boxes are missed it '
        'is less, about 40 where a fifth of them is{missed}; in a class of few boxes it is more, '
        '57 with ten and 75 with one. <b>ROC-AUC</b> (mean mAUC) is the '
        'area under the ROC curve of the same boxes.'
    ),
    logged_lengths={'num_undetected_classes': 'undetected_classes'},
    has_intervals=True,
)
CLASSIFICATION = ResultSchema(
    task='classification',
    name='classifier',
    noun='samples',
    measures=(
        _measure(Name('mAP', 'mAP', log='mAP'), Name('AP', 'AP', log='AP')),
        Measure(overall=Name('acc@1', 'Acc@1', log='acc/top1')),
        Measure(overall=Name('acc@5', 'Acc@5', log='acc/top5')),
        Measure(
            overall=Name('mean_recall@1', 'recall@1', log='acc/mean1'),
            group=Name('mean_recall@1', 'recall@1', log='mean1'),
            of_class=Name('recall@1', 'recall@1', log='recall1'),
        ),
        _measure(Name('mean_recall@5', 'recall@5'), Name('recall@5', 'recall@5')),
    ),
    gains=('AP',),
    keys={'num_samples': 'count'},
    conditions=('num_samples',),
    title='{num_samples:,} samples',
    facts={'Test set': _test_samples},
    explanation=(
        '<b>AP</b> ranks every sample by the model’s score for a class and is high when the '
        'samples of that class come first; mAP is its mean over the classes. It depends on '
        'prevalence: where a class is rare in the test set, even a good model has an AP near zero.'
    ),
    hint=(
        'Acc@k: the share of the samples that have a true class among their k best-scored ones. '
        'recall@k: the share of a class’s samples that have that very class there, mean over '
        'classes.'
    ),
    is_of_clips=True,
)
#: Of every task; a file that names none is of the first.
SCHEMAS = (DETECTION, CLASSIFICATION)


def get_task(metrics: Mapping) -> ResultSchema:
    """The task of a ``metrics.json``; a file of AVA detectors names none.

    Raises:
        ValueError: It names one that is not known.
    """
    if 'task' not in metrics:
        return DETECTION
    named = [schema for schema in SCHEMAS if schema.task is not None]
    for schema in named:
        if metrics['task'] == schema.task:
            return schema
    raise ValueError(
        f"key 'task' must be {' or '.join(repr(schema.task) for schema in named)}, or absent from "
        f'the results of AVA detectors, got {metrics["task"]!r:.80}'
    )
