"""Pictures for the examples of a report: keyframes read, people cut out, boxes drawn in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmlt.evaluation.examples import ClassExamples, Example, find_examples
from mmlt.evaluation.report.examples import Picture, choose_classes
from mmlt.evaluation.runs.compare import folder_of, read_dump
from mmlt.evaluation.runs.origin import find_annotations
from mmlt.evaluation.runs.read import read_run
from mmlt.evaluation.runs.tasks import DETECTION, get_task
from mmlt.fileio.evaluation_files import AnnotationFiles
from mmlt.fileio.keyframe_reader import ReadKeyframe
from mmlt.visualization.boxes import DETECTION_COLOR, GROUND_TRUTH_COLOR
from mmlt.visualization.thumbnails import (
    HEIGHT,
    Outline,
    encode_thumbnail,
    jpeg_uri,
    thumbnail_size,
)

QUALITIES = (70, 50, 35)


def picture_examples(
    examples: Mapping[str, ClassExamples],
    read_keyframe: ReadKeyframe,
    on_example: Callable[[], object] = lambda: None,
) -> dict[str, ClassExamples]:
    """Put a picture beside each example.

    Args:
        examples: Class name -> examples.
        read_keyframe: Gives the image (H, W, 3) uint8, BGR, of (video id, second); a ValueError,
            RuntimeError or OSError of it is told where the picture would be. Each keyframe is read
            once, by video and second.
        on_example: Called for each example.

    Returns:
        Class name -> :class:`ClassExamples` of (example, picture) pairs.
    """
    flat = [each for of_class in examples.values() for kind in of_class for each in kind]
    pictures: dict[int, Picture] = {}
    of_keyframe = itertools.groupby(
        sorted(range(len(flat)), key=lambda place: _keyframe(flat[place])),
        key=lambda place: _keyframe(flat[place]),
    )
    for keyframe, places in of_keyframe:
        try:
            frame, reason = read_keyframe(*keyframe), ''
        except (ValueError, RuntimeError, OSError) as error:
            frame, reason = None, str(error)
        for place in places:
            absent = Picture((), HEIGHT, HEIGHT, reason)
            pictures[place] = absent if frame is None else _picture(flat[place], frame)
            on_example()
    place = itertools.count()
    return {
        name: ClassExamples(
            *([(each, pictures[next(place)]) for each in kind] for kind in of_class)
        )
        for name, of_class in examples.items()
    }


def _keyframe(example: Example) -> tuple[str, int]:
    return example.video_id, example.timestamp


def read_examples(
    path: Path, annotations: AnnotationFiles | None, asked: Sequence[str] = ()
) -> dict[str, ClassExamples]:
    """The examples of a run folder.

    Args:
        path: The folder, or the ``metrics.json`` in it, of a detector that kept its detections.
        annotations: What it was evaluated on; None takes what its job's config names.
        asked: Names or ids of classes to show beside the worst.

    Raises:
        FileNotFoundError: It keeps no ``detections.parquet``, or no file of annotations is known.
        ValueError: No detector's run, a class that it has not, or other annotations.
    """
    metrics, folder = read_run(path).metrics, folder_of(path)
    if get_task(metrics) is not DETECTION:
        raise ValueError(f'{path}: examples are of detectors, this is a {get_task(metrics).name}')
    detections = read_dump(folder)
    annotations = annotations or find_annotations(folder)
    if annotations is None:
        raise FileNotFoundError(
            f'{folder}: its config is not there, or names no annotations that are: give '
            '--ground-truth'
        )
    names = choose_classes(metrics, asked)
    truth, excluded = annotations.read()
    try:
        return find_examples(metrics, detections, truth, names, excluded)
    except ValueError as error:
        raise ValueError(f'{folder}, {annotations.ann_file}: {error}') from None


def count_examples(examples: Mapping[str, ClassExamples]) -> int:
    """How many there are."""
    return sum(len(kind) for of_class in examples.values() for kind in of_class)


def absent_pictures(shown: Mapping[str, ClassExamples]) -> list[str]:
    """Why pictures are not there, a reason for each that is not."""
    pairs = (pair for of_class in shown.values() for kind in of_class for pair in kind)
    return [picture.reason for _, picture in pairs if picture.reason]


def _picture(example: Example, frame: np.ndarray) -> Picture:
    boxes = [(example.annotated_box, GROUND_TRUTH_COLOR), (example.detected_box, DETECTION_COLOR)]
    known = [Outline(box, color) for box, color in boxes if box is not None]
    # The annotated person is who it is about; else the one who is said to be there.
    around = known[0].box_xyxy_norm
    uris = (
        jpeg_uri(encode_thumbnail(frame, known, around=around, quality=quality))
        for quality in QUALITIES
    )
    return Picture(tuple(uris), *thumbnail_size(frame, around))
