"""The usual mistakes in somebody's own AVA-format data, through the real tool, one row each."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
NUM_CLASSES = 6
SECONDS = range(1, 13)
VIDEOS = ('clip_01', 'clip_02')
Rows = list[list]


def make_world(seed: int = 0) -> tuple[Rows, Rows]:
    """Rows of annotations and of dense detections: two videos, three persons a keyframe."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for video in VIDEOS:
        for second in SECONDS:
            for person in range(3):
                box = np.array([0.05, 0.1, 0.28, 0.9]) + [0.31 * person, 0, 0.31 * person, 0]
                classes = 1 + rng.choice(NUM_CLASSES, 2, replace=False, p=_PRIOR)
                for label in classes:
                    truth.append([video, second, *box.round(3), int(label), person])
                box = np.clip(box + rng.uniform(-0.02, 0.02, 4), 0, 1)
                for label in range(1, NUM_CLASSES + 1):
                    score = rng.normal(label in classes, 0.7)
                    score = 1 / (1 + np.exp(-score))
                    found.append([video, second, *box.round(6), label, float(score)])
    return truth, found


_PRIOR = np.array([0.4, 0.3, 0.15, 0.08, 0.04, 0.03])


def in_pixels(rows: Rows) -> Rows:
    return [[*r[:2], r[2] * 320, r[3] * 240, r[4] * 320, r[5] * 240, *r[6:]] for r in rows]


def from_zero(rows: Rows) -> Rows:
    return [[*r[:6], r[6] - 1, r[7]] for r in rows]


def renamed(rows: Rows, new: str) -> Rows:
    return [[new if r[0] == VIDEOS[1] else r[0], *r[1:]] for r in rows]


def same(rows: Rows) -> Rows:
    return rows


# what is done to annotations and detections, the exit code, and what is said
MISTAKES: dict[str, tuple[Callable, Callable, int, str]] = {
    'clean': (same, same, 0, ''),
    'ground truth in pixels': (in_pixels, same, 2, r'gt.csv, line 1: clip_01,1,.* in pixels?'),
    'detections in pixels': (same, in_pixels, 2, r'found.csv, line 1: clip_01,1,.* in pixels?'),
    'both in pixels': (in_pixels, in_pixels, 2, r'gt.csv, line 1: .* in pixels?'),
    'boxes of another layout': (
        same,
        lambda rows: [[*r[:2], 0.95, 0.95, 0.99, 0.99, *r[6:]] for r in rows],
        2,
        'found.csv: not one of its boxes overlaps an annotated box',
    ),
    'a video without detections': (
        same,
        lambda rows: [r for r in rows if r[0] == VIDEOS[0]],
        0,
        "1 of 2 videos has no detection on an annotated keyframe: 'clip_02'",
    ),
    'a mistyped video': (
        same,
        lambda rows: renamed(rows, 'Clip_2.mp4'),
        0,
        "'clip_02'; the detections have 'Clip_2.mp4' for 'clip_02', a name that differs",
    ),
    'repeated annotations': (
        lambda rows: rows + rows[:20],
        same,
        0,
        'gt.csv: 20 of 164 rows repeat the keyframe, box and label of an earlier row',
    ),
    'repeated detections': (
        same,
        lambda rows: rows + rows,
        0,
        'found.csv: 432 of 864 rows repeat',
    ),
    'detected classes from 0': (same, from_zero, 2, 'class id 0 in 72 of 432 rows; ids start at 1'),
    'annotated classes from 0': (from_zero, same, 2, 'gt.csv, line .*class id 0 in'),
}


def write(folder: Path, truth: Rows, found: Rows) -> list[str]:
    """Write a set; returns the arguments of evaluate_ava.py."""
    for name, rows in (('gt', truth), ('found', found)):
        text = '\n'.join(','.join(map(str, row)) for row in rows)
        (folder / f'{name}.csv').write_text(text + '\n')
    items = (f'item {{\n  name: "class {i}"\n  id: {i}\n}}\n' for i in range(1, NUM_CLASSES + 1))
    (folder / 'map.pbtxt').write_text(''.join(items))
    arguments = [str(folder / 'found.csv'), '--ground-truth', str(folder / 'gt.csv')]
    return [*arguments, '--label-map', str(folder / 'map.pbtxt'), '--out', str(folder / 'out')]


@pytest.fixture
def tool():
    path = ROOT / 'tools' / 'analysis' / 'evaluate_ava.py'
    spec = importlib.util.spec_from_file_location('evaluate_ava', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.mark.parametrize('mistake', MISTAKES)
def test_a_mistake_is_said(mistake, tool, tmp_path, capsys, assert_matches):
    of_truth, of_found, code, message = MISTAKES[mistake]
    truth, found = make_world()
    assert tool(write(tmp_path, of_truth(truth), of_found(found))) == code
    said = capsys.readouterr().err
    if not message:
        assert said == ''
    else:
        assert_matches(message, said)
    assert (tmp_path / 'out').exists() == (code == 0)


@pytest.fixture
def assert_matches():
    import re

    def check(pattern, text):
        pattern = '.*'.join(map(re.escape, pattern.split('.*')))
        assert re.search(pattern, text), text

    return check


@pytest.mark.parametrize('protocol', ['mmaction2', 'official'])
def test_rare_classes_that_were_never_detected(tool, tmp_path, capsys, protocol):
    truth, found = make_world()
    options = ['--protocol', protocol, '--overwrite']
    assert tool([*write(tmp_path, truth, found), *options]) == 0
    clean = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert (clean['undetected_classes'], clean['num_classes_averaged']) == ([], NUM_CLASSES)
    assert clean['frame_mAP_undetected_as_zero'] == pytest.approx(clean['frame_mAP'], abs=1e-15)
    assert 'never detected' not in capsys.readouterr().out

    few = [row for row in found if row[6] <= 4]
    assert tool([*write(tmp_path, truth, few), *options]) == 0
    metrics = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert metrics['undetected_classes'] == ['class 5', 'class 6']
    assert metrics['num_classes_with_boxes'] == NUM_CLASSES
    kept = [clean['per_class'][f'class {i}']['AP'] for i in range(1, 5)]
    as_zero = sum(kept) / NUM_CLASSES
    assert metrics['frame_mAP_undetected_as_zero'] == pytest.approx(as_zero, abs=1e-12)
    printed = ' '.join(capsys.readouterr().out.split())
    assert '2 were never detected (class 5, class 6)' in printed
    if protocol == 'official':
        assert metrics['frame_mAP'] == pytest.approx(as_zero, abs=1e-12)
        assert metrics['num_classes_averaged'] == NUM_CLASSES
    else:
        assert metrics['frame_mAP'] == pytest.approx(sum(kept) / 4, abs=1e-12)
        assert metrics['num_classes_averaged'] == 4
        assert metrics['frame_mAP'] > clean['frame_mAP']  # the trap
        assert 'is the mean of 4 of the 6 classes with boxes' in printed
        assert f'counted as 0 it is {100 * as_zero:.1f}' in printed


def test_thresholds_of_another_size_of_data(tool, tmp_path, capsys):
    arguments = write(tmp_path, *make_world())
    assert tool([*arguments, '--train-annotations', str(tmp_path / 'gt.csv')]) == 0
    said = capsys.readouterr().err
    assert 'warning: no class is in head or medium: head has more than 10,000' in said
    assert '(--head-min, --tail-max)' in said
    fitting = ['--head-min', '30', '--tail-max', '10', '--overwrite']
    assert tool([*arguments, '--train-annotations', str(tmp_path / 'gt.csv'), *fitting]) == 0
    assert 'no class is in' not in capsys.readouterr().err
