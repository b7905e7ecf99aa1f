"""Which detections of a class to look at: the best hits, the worst misses, the worst false alarms.

The boxes are matched as for sampled AP, see :func:`mmlt.functional.match_scores`: a detection
belongs to the annotated person with whom it overlaps most, if that reaches an IoU of 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mmlt.evaluation.scenes import Scene, choose_scenes
from mmlt.functional import AVABoxes
from mmlt.functional.detection.box_matches import BoxMatches, match_boxes, winners

MOST_EXAMPLES = 4  # of a kind and class
#: What a detection or an annotated box turned out to be.
HIT = 'hit'
LOW_SCORE = 'low score'  # a miss: detected with the label, but scored low
OTHER_LABELS = 'other labels'  # a miss: detected, but not with the label
UNDETECTED = 'undetected'  # a miss: no detection meets the box
WRONG_LABEL = 'wrong label'  # a false alarm: the person is annotated without the label
REPEAT = 'repeat'  # a false alarm: a better-scored detection has the person already
NOBODY = 'nobody'  # a false alarm: no annotated person is met
_MOST_LABELS = 3  # of what a person was detected as


class Example(NamedTuple):
    """A person on a keyframe.

    Attributes:
        verdict: HIT; LOW_SCORE, OTHER_LABELS, UNDETECTED; WRONG_LABEL, REPEAT, NOBODY.
        video_id: The video.
        timestamp: The second.
        score: Of the class; NaN where it has none.
        detected_box: (4,) xyxy in fractions of the frame; None where there is no detection.
        annotated_box: The same; None where nobody is annotated.
        annotated_ids: The classes the person is annotated with, ascending.
        best_scores: (class id, score) of the detected box, the best three.
    """

    verdict: str
    video_id: str
    timestamp: int
    score: float
    detected_box: np.ndarray | None
    annotated_box: np.ndarray | None
    annotated_ids: tuple[int, ...]
    best_scores: tuple[tuple[int, float], ...]


class ClassExamples(NamedTuple):
    """The examples of one class, each kind the most telling first."""

    hits: list[Example]
    misses: list[Example]
    false_alarms: list[Example]


def find_examples(
    metrics: Mapping,
    detections: AVABoxes,
    ground_truth: AVABoxes,
    names: Sequence[str],
    excluded: Iterable[tuple[str, int]] | None = None,
) -> dict[str, ClassExamples]:
    """At most 4 hits, 4 misses and 4 false alarms of each class.

    Hits and misses are annotated boxes of the class: hits from the better-scored half of them,
    highest first, misses from the rest, lowest first (not detected at all is the lowest). False
    alarms are the other detections of the class on evaluated keyframes, highest first. Where there
    is a choice no two of a kind show the same person, or the same place of a video, or keyframe.

    Args:
        metrics: The content of the run's ``metrics.json``.
        detections: All that the run was evaluated on.
        ground_truth: The annotated boxes.
        names: Of the classes.
        excluded: (video id, timestamp) of the keyframes to leave out.

    Returns:
        Name -> examples, in the order of ``names``.

    Raises:
        ValueError: ``metrics`` came from other annotated boxes.
    """
    rows = metrics['per_class']
    class_ids = [row['id'] for row in rows.values()]
    matches = match_boxes(detections, ground_truth, class_ids=class_ids, excluded=excluded)
    for (name, row), count in zip(rows.items(), matches.targets.sum(0).tolist()):
        if count != row['num_boxes']:
            raise ValueError(
                f'{name} has {count} evaluated boxes here and {row["num_boxes"]} in metrics.json; '
                'another ground truth, or other excluded keyframes?'
            )
    finder = _Finder(detections, ground_truth, matches)
    columns = {name: column for column, name in enumerate(rows)}
    return {name: finder.find(columns[name]) for name in names}


class _Finder:
    """Finds the examples of one class after the other.

    Args:
        detections: n rows.
        ground_truth: The annotated boxes.
        matches: Of the two.
    """

    def __init__(self, detections: AVABoxes, truth: AVABoxes, matches: BoxMatches) -> None:
        self.detections, self.truth, self.matches = detections, truth, matches
        self.num_classes = matches.targets.shape[1]
        self.is_near = matches.is_near()
        self.scores = np.append(detections.scores, -np.inf)  # -inf: that of row -1, none
        self.knows_persons = len(np.unique(truth.scores[matches.pool_rows])) > 1
        matched = np.flatnonzero(matches.cells >= 0)
        self.best_rows = matched[winners(matches.cells[matched], detections.scores[matched])]
        box_of_best = matches.cells[self.best_rows] // self.num_classes
        by_box = winners(box_of_best, detections.scores[self.best_rows])
        #: Of each box of the pool, the best-scored detection of any class; -1: none.
        self.any_row = np.full(len(matches.pool_rows), -1)
        self.any_row[box_of_best[by_box]] = self.best_rows[by_box]

    def find(self, column: int) -> ClassExamples:
        """The examples of one class."""
        boxes = np.flatnonzero(self.matches.targets[:, column])
        row_of_box, hit_rows = self._best_rows(column)
        rows = row_of_box[boxes]
        scores = self.scores[rows]
        better = np.lexsort((boxes, -scores))[: (len(boxes) + 1) // 2]
        hits = boxes[better[rows[better] >= 0]]
        misses = boxes[np.lexsort((boxes, scores))]
        misses = misses[~np.isin(misses, hits)]
        alarms = self._alarms(column, hit_rows)
        met = self.matches.cells[alarms] // self.num_classes
        return ClassExamples(
            [self._example(HIT, row_of_box[box], box) for box in self._choose(hits)],
            [self._miss(row_of_box[box], box) for box in self._choose(misses)],
            [self._alarm(*pair) for pair in zip(*self._choose_alarms(alarms, met))],
        )

    def _best_rows(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each box the best-scored detection of the class, -1: none; and the rows that hit."""
        cells = self.matches.cells[self.best_rows]
        own = self.best_rows[cells % self.num_classes == column]
        boxes = self.matches.cells[own] // self.num_classes
        row_of_box = np.full(len(self.matches.pool_rows), -1)
        row_of_box[boxes] = own
        return row_of_box, own[self.matches.targets[boxes, column]]

    def _alarms(self, column: int, hits: np.ndarray) -> np.ndarray:
        """Rows of the class that are no hits, best first; equal ones by keyframe."""
        found = self.detections
        rows = np.flatnonzero(self.is_near & (found.labels == self.matches.ids[column]))
        rows = rows[~np.isin(rows, hits)]
        names = np.asarray(found.video_names)[found.video_index[rows]]
        return rows[np.lexsort((rows, found.timestamps[rows], names, -found.scores[rows]))]

    def _choose(self, boxes: np.ndarray) -> np.ndarray:
        return boxes[choose_scenes(map(self._scene, boxes), MOST_EXAMPLES)]

    def _choose_alarms(self, rows: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = self.detections
        scenes = (
            Scene(
                str(found.video_names[found.video_index[row]]),
                int(found.timestamps[row]),
                found.boxes_xyxy_norm[row],
                None if box < 0 else self._scene(box).person_id,
            )
            for row, box in zip(rows, boxes)
        )
        places = choose_scenes(scenes, MOST_EXAMPLES)
        return rows[places], boxes[places]

    def _scene(self, box: int) -> Scene:
        truth, row = self.truth, self.matches.pool_rows[box]
        return Scene(
            str(truth.video_names[truth.video_index[row]]),
            int(truth.timestamps[row]),
            truth.boxes_xyxy_norm[row],
            int(truth.scores[row]) if self.knows_persons else None,
        )

    def _miss(self, row: int, box: int) -> Example:
        if row >= 0:
            return self._example(LOW_SCORE, row, box)
        row = self.any_row[box]
        missed = self._example(UNDETECTED if row < 0 else OTHER_LABELS, row, box)
        return missed._replace(score=math.nan)

    def _alarm(self, row: int, box: int) -> Example:
        if box < 0:
            return self._example(NOBODY, row, box)
        column = self.matches.cells[row] % self.num_classes
        return self._example(REPEAT if self.matches.targets[box, column] else WRONG_LABEL, row, box)

    def _example(self, verdict: str, row: int, box: int) -> Example:
        """From a detection and a box of the pool, -1 where there is none."""
        truth_row = self.matches.pool_rows[box] if box >= 0 else None
        source, place = (self.detections, row) if box < 0 else (self.truth, truth_row)
        return Example(
            verdict,
            str(source.video_names[source.video_index[place]]),
            int(source.timestamps[place]),
            float(self.detections.scores[row]) if row >= 0 else math.nan,
            self.detections.boxes_xyxy_norm[row] if row >= 0 else None,
            None if box < 0 else self.truth.boxes_xyxy_norm[truth_row],
            () if box < 0 else self._labels(truth_row),
            self._best_scores(row) if row >= 0 else (),
        )

    def _labels(self, row: int) -> tuple[int, ...]:
        """All labels of an annotated box, those that are not evaluated too."""
        keys = self.matches.keys.ground_truth
        same = np.flatnonzero(keys == keys[row])
        boxes = self.truth.boxes_xyxy_norm
        same = same[(boxes[same] == boxes[row]).all(axis=1)]
        return tuple(np.unique(self.truth.labels[same]).tolist())

    def _best_scores(self, row: int) -> tuple[tuple[int, float], ...]:
        """What a detected box is most: of the rows of its keyframe with its very corners."""
        keys, found = self.matches.keys, self.detections
        run = np.searchsorted(keys.detection_run_ends, row, side='right')
        own = keys.detection_runs == keys.detection_runs[run]
        ends = zip(keys.detection_run_ends[own], keys.detection_run_lengths[own])
        rows = np.concatenate([np.arange(end - length, end) for end, length in ends])
        rows = rows[(found.boxes_xyxy_norm[rows] == found.boxes_xyxy_norm[row]).all(axis=1)]
        rows = rows[np.isin(found.labels[rows], self.matches.ids)]
        rows = rows[np.lexsort((found.labels[rows], -found.scores[rows]))]
        best: dict[int, float] = {}
        for label, score in zip(found.labels[rows].tolist(), found.scores[rows].tolist()):
            best.setdefault(label, score)
        return tuple(best.items())[:_MOST_LABELS]
