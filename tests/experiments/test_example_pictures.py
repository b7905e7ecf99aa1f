from __future__ import annotations

import base64
import math

import cv2
import numpy as np
import pytest

from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.examples import HIT, NOBODY, UNDETECTED, ClassExamples, Example
from mmlt.evaluation.runs.folder import write_results
from mmlt.experiments.example_pictures import (
    absent_pictures,
    count_examples,
    picture_examples,
    read_examples,
)
from mmlt.fileio.detections import write_detections
from mmlt.fileio.evaluation_files import AnnotationFiles
from mmlt.functional import ava_boxes_from_arrays
from mmlt.visualization.boxes import DETECTION_COLOR, GROUND_TRUTH_COLOR

LEFT, RIGHT = np.array([0.1, 0.2, 0.3, 0.8]), np.array([0.7, 0.2, 0.9, 0.8])


def _example(verdict, video, second, annotated, detected):
    return Example(verdict, video, second, 0.5, detected, annotated, (1,), ())


def _decode(uri):
    start, _, content = uri.partition(',')
    assert start == 'data:image/jpeg;base64'
    return cv2.imdecode(np.frombuffer(base64.b64decode(content), np.uint8), cv2.IMREAD_COLOR)


def _holds(image, color):
    return bool((np.abs(image.astype(int) - color).max(axis=-1) < 60).sum() > 50)


@pytest.fixture
def examples():
    hits = [
        _example(HIT, 'b', 903, RIGHT, RIGHT + 0.05),
        _example(NOBODY, 'a', 902, None, RIGHT),
    ]
    misses = [_example(UNDETECTED, 'b', 903, LEFT, None), _example(HIT, 'b', 901, LEFT, LEFT)]
    return {'sit': ClassExamples(hits, misses, []), 'fly': ClassExamples([], [], hits[:1])}


def test_each_example_has_the_picture_of_its_keyframe_and_boxes(examples):
    asked, made = [], []

    def read(video, second):
        asked.append((video, second))
        image = np.full((100, 200, 3), 255, np.uint8)
        image[:, :100] = 128  # the left half is gray
        return image

    shown = picture_examples(examples, read, lambda: made.append(None))
    assert asked == [('a', 902), ('b', 901), ('b', 903)]  # each once, in order
    assert len(made) == count_examples(examples) == 5
    for name, kinds in examples.items():
        for kind, pairs in zip(kinds, shown[name]):
            assert [example for example, _ in pairs] == kind
    (hit, nobody), (undetected, _), _ = ([p for _, p in kind] for kind in shown['sit'])
    images = [_decode(picture.uris[0]) for picture in (hit, nobody, undetected)]
    for image, picture in zip(images, (hit, nobody, undetected)):
        assert image.shape == (picture.height, picture.width, 3) == (160, 160, 3)
    assert [_holds(image, GROUND_TRUTH_COLOR) for image in images] == [True, False, True]
    assert [_holds(image, DETECTION_COLOR) for image in images] == [True, True, False]
    ground = [np.median(image) for image in images]  # who is on the right stands on white
    assert ground[0] > 240 and ground[1] > 240 and abs(ground[2] - 128) < 10
    sizes = [len(uri) for uri in hit.uris]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3
    assert absent_pictures(shown) == []


@pytest.mark.parametrize('error', [ValueError, RuntimeError, FileNotFoundError])
def test_a_keyframe_that_cannot_be_read_is_told(examples, error):
    def read(video, second):
        if video == 'b':
            raise error(f'{video}/{second} is lost')
        return np.zeros((100, 200, 3), np.uint8)

    shown = picture_examples(examples, read)
    lost = shown['sit'].hits[0][1]
    assert lost.uris == () and lost.reason == 'b/903 is lost'
    assert shown['sit'].hits[1][1].uris
    assert sorted(absent_pictures(shown)) == ['b/901 is lost', *['b/903 is lost'] * 3]


@pytest.fixture
def run(tmp_path):
    """A run that found one of the two who sit; and its annotations."""
    rows = [('a', 902, LEFT, 1, 0), ('a', 903, LEFT, 1, 0), ('b', 902, RIGHT, 1, 1)]
    file = tmp_path / 'truth.csv'
    file.write_text(''.join(f'{v},{t},{",".join(map(str, b))},{c},{p}\n' for v, t, b, c, p in rows))
    (tmp_path / 'exclude.csv').write_text('a,903\n')
    annotations = AnnotationFiles(file, tmp_path / 'exclude.csv')
    truth, excluded = annotations.read()
    found = ava_boxes_from_arrays(['a'], [902], [LEFT], [1], [0.75])
    metrics = evaluate_ava(found, truth, {1: 'sit', 2: 'fly'}, excluded=excluded, num_trials=1)
    write_results(metrics, tmp_path / 'run')
    write_detections(tmp_path / 'run' / 'detections.parquet', found)
    return tmp_path / 'run', annotations


@pytest.mark.parametrize('part', ['', 'metrics.json'])
def test_examples_of_a_run_folder(run, part):
    folder, annotations = run
    examples = read_examples(folder / part, annotations, ['fly'])
    assert list(examples) == ['sit', 'fly']
    assert [(e.video_id, e.score) for e in examples['sit'].hits] == [('a', 0.75)]
    (miss,) = examples['sit'].misses
    assert miss.verdict == UNDETECTED and miss.video_id == 'b' and math.isnan(miss.score)
    assert examples['fly'] == ClassExamples([], [], [])


def test_what_is_lacking_is_named(run, tmp_path):
    folder, annotations = run
    with pytest.raises(FileNotFoundError, match='names no annotations that are: give --ground-tr'):
        read_examples(folder, None)
    with pytest.raises(
        ValueError, match=r'run, .*truth\.csv: sit has 3 evaluated boxes here and 2'
    ):
        read_examples(folder, annotations._replace(exclude_file=None))
    (folder / 'detections.parquet').unlink()
    with pytest.raises(FileNotFoundError, match='test_evaluator.dump=detections.parquet'):
        read_examples(folder, annotations)


def test_a_classifier_has_no_examples(tmp_path):
    row = {'id': 0, 'num_samples': 3, 'num_train': None, 'AP': 0.5, 'recall@1': 0.5,
           'recall@5': 1.0, 'group': None}  # fmt: skip
    means = dict.fromkeys(('mAP', 'acc@1', 'acc@5', 'mean_recall@1', 'mean_recall@5'), 0.5)
    metrics = {'task': 'classification', **means, 'num_samples': 3, 'train_counts_source': None,
               'split_source': None, 'groups': {}, 'per_class': {'sit': row}}  # fmt: skip
    write_results(metrics, tmp_path)
    with pytest.raises(ValueError, match='examples are of detectors, this is a classifier'):
        read_examples(tmp_path, None)
