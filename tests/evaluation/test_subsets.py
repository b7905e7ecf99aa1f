"""The hand-made world of test_ava.py, video by video.

Of v are P1, P2 and P3, of w is P4:

- v, stand: .9*  .3*  .6   ranks P1 P3 P2: frame-AP (1 + 2/3)/2 = 5/6, SAP the same (1 of 1
  negatives), ROC-AUC 1 of 2 pairs
- v, sit:   .7   .4*  .2*  ranks P1 P2 P3: frame-AP 2/3 twice, SAP (1/2 + 2/3)/2 = 7/12, 0 of 2
- w, stand and lie: the one person there is: 1, and no ROC-AUC
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from mmlt.evaluation.ava import evaluate_ava
from mmlt.evaluation.metrics import AVALongTailMetric
from mmlt.evaluation.runs.read import read_run
from mmlt.evaluation.subsets import evaluate_subsets, read_subsets
from mmlt.functional import read_ava_csv

WORLD = Path(__file__).parents[1] / 'data' / 'hand_world'
LABEL_MAP = {1: 'stand', 2: 'sit', 5: 'wave (a hand)', 7: 'lie/sleep'}
VIDEOS = {'AVA': ['v'], 'KineticsBox': ['w']}


@pytest.fixture
def boxes():
    """Detections, annotations and classes."""
    files = ('detections.csv', 'ground_truth.csv')
    return (*(read_ava_csv(WORLD / name) for name in files), LABEL_MAP)


def test_every_number_by_hand(boxes):
    found = evaluate_subsets(*boxes, VIDEOS)
    assert list(found) == ['AVA', 'KineticsBox']
    expected = {
        'num_videos': 1,
        'num_keyframes': 2,
        'num_boxes': 3,
        'frame_mAP': 3 / 4,
        'frame_mAP_undetected_as_zero': 3 / 4,
        'mSAP': 17 / 24,
        'mAUC': 1 / 4,
    }
    assert found['AVA'] == pytest.approx(expected)
    expected = dict(num_videos=1, num_keyframes=1, num_boxes=1, frame_mAP=1.0, mSAP=1.0, mAUC=None)
    assert found['KineticsBox'] == pytest.approx(dict(expected, frame_mAP_undetected_as_zero=1.0))


def test_one_subset_of_all_is_the_whole(boxes):
    options = dict(protocol='official', excluded={('w', 1)})
    (found,) = evaluate_subsets(*boxes, {'all': ['v', 'w']}, **options).values()
    whole = evaluate_ava(*boxes, **options)
    assert found == {key: whole[key] for key in found}


def test_subsets_are_read_from_annotations_or_named(boxes, tmp_path):
    path = tmp_path / 'kinetics.csv'
    path.write_text('nobody,3.5\nw,1.000000,0,0,1,1,7\n')  # as AVA-Kinetics writes them
    found = read_subsets({'AVA': {'v', 'of no use'}, 'KineticsBox': path}, *boxes[1:])
    assert found == {'AVA': {'v', 'of no use'}, 'KineticsBox': {'w'}}


@pytest.mark.parametrize(
    'subsets, message',
    [
        ({'A': ['v']}, "the annotated video 'w' is in none of A"),
        ({'A': ['v', 'w'], 'B': ['w']}, "the annotated video 'w' is in A and B"),
        ({'A': ['v', 'w'], 'B': ['x']}, r"'B' \(1 videos\): .*no box of a class"),
        ({'head': ['v', 'w']}, "'head' is no name for a subset"),
        ({'A/B': ['v', 'w']}, "'A/B' is no name for a subset"),
        ({'': ['v', 'w']}, "'' is no name for a subset"),
    ],
)
def test_bad_subsets(boxes, subsets, message):
    with pytest.raises(ValueError, match=f'subsets: {message}'):
        read_subsets(subsets, *boxes[1:])


def test_a_file_that_is_not_there(boxes, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'val\.csv: no such file'):
        read_subsets({'A': str(tmp_path / 'val.csv')}, *boxes[1:])


# ------------------------------------------------------------------------------------ the metric


def _evaluated(out_dir, ann_file=WORLD / 'ground_truth.csv', **options):
    metric = AVALongTailMetric(
        ann_file=str(ann_file),
        label_file=str(WORLD / 'label_map.pbtxt'),
        out_dir=str(out_dir),
        **options,
    )
    rows = read_ava_csv(WORLD / 'detections.csv')
    keyframes = zip(rows.video_names[rows.video_index].tolist(), rows.timestamps.tolist())
    for keyframe in dict.fromkeys(keyframes):
        of_it = [
            i
            for i, index in enumerate(rows.video_index)
            if (rows.video_names[index], rows.timestamps[i]) == keyframe
        ]
        corners = rows.boxes_xyxy_norm[of_it][::4]  # four classes a box
        scores = torch.zeros(len(corners), 8)
        scores[:, sorted(LABEL_MAP)] = torch.from_numpy(rows.scores[of_it]).float().reshape(-1, 4)
        predicted = dict(bboxes=torch.from_numpy(corners), scores=scores)
        video_id, timestamp = keyframe
        metric.process({}, [dict(video_id=video_id, timestamp=timestamp, pred_instances=predicted)])
    return metric.evaluate(3)


def test_the_metric_logs_and_writes_them(tmp_path):
    result = _evaluated(tmp_path, subsets=VIDEOS)
    expected = {
        'ava/frame_mAP': 25 / 36,
        'ava/AVA/frame_mAP': 3 / 4,
        'ava/AVA/mSAP': 17 / 24,
        'ava/AVA/mAUC': 1 / 4,
        'ava/KineticsBox/frame_mAP': 1.0,
        'ava/KineticsBox/mAUC': math.nan,
    }
    assert {key: result[key] for key in expected} == pytest.approx(expected, nan_ok=True)
    written = json.loads((tmp_path / 'metrics.json').read_text())
    assert written['subsets']['AVA']['frame_mAP'] == pytest.approx(3 / 4)
    assert written['subsets']['KineticsBox']['mAUC'] is None
    assert read_run(tmp_path).metrics['subsets'] == written['subsets']


def test_without_subsets_nothing_is_added(tmp_path):
    result = _evaluated(tmp_path)
    assert not [key for key in result if 'AVA' in key]
    assert 'subsets' not in json.loads((tmp_path / 'metrics.json').read_text())


def test_bad_subsets_stop_the_job_before_it_starts(tmp_path):
    with pytest.raises(ValueError, match="the annotated video 'w' is in none of AVA"):
        _evaluated(tmp_path, subsets={'AVA': ['v']})


def test_annotations_as_ava_kinetics_has_them(tmp_path):
    text = (WORLD / 'ground_truth.csv').read_text()
    rows = [row.rpartition(',')[0] if row.startswith('w') else row for row in text.splitlines()]
    path = tmp_path / 'val.csv'
    path.write_text('\n'.join(['nobody,7.25', *rows]))  # w is of Kinetics: no person ids
    expected = _evaluated(tmp_path / 'ava')
    assert _evaluated(tmp_path / 'kinetics', path, ann_format='ava_kinetics') == expected
    with pytest.raises(ValueError, match=r'val\.csv: line 1 has 2 columns'):
        _evaluated(tmp_path, path)
    with pytest.raises(ValueError, match="ann_format must be .*, got 'kinetics'"):
        _evaluated(tmp_path, ann_format='kinetics')
