"""The options of a tool that finds the persons of a data set of one's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.datasets.own_data.class_list import read_class_file
from mmlt.functional.detection.fields import name_fault


class PersonOptions(NamedTuple):
    """How persons are found.

    Attributes:
        config: Of a detector of mmdet; None: OpenCV's HOG detector, a stand-in.
        checkpoint: Its weights.
        person_label: Name or index of its class.
        score_thr: Boxes scored lower are left out; None: .05 of mmdet's scores, .5 of HOG's.
        class_names: Of the actions that persons_via.json offers.
        num_workers: Reading processes; with HOG each detects.
        batch_size: Images a pass of mmdet's detector.
        device: Where it runs; None: a GPU where there is one.
        overwrite: Whether proposals that were not made here may be replaced.
    """

    config: str | None = None
    checkpoint: str | None = None
    person_label: str = 'person'
    score_thr: float | None = None
    class_names: Sequence[str] = ()
    num_workers: int = 2
    batch_size: int = 8
    device: str | None = None
    overwrite: bool = False


def add_person_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of persons to a tool, which has ``--num-workers`` and ``--overwrite``."""
    group = parser.add_argument_group('persons')
    group.add_argument('--no-persons', action='store_true', help='look for none')
    what = "of a detector of mmdet (default: OpenCV's HOG detector, a stand-in)"
    group.add_argument('--detector-config', metavar='CONFIG', help=f'config {what}')
    group.add_argument('--detector-checkpoint', metavar='FILE', help='its weights')
    label = 'name or index of its class (default: person)'
    group.add_argument('--person-label', metavar='CLASS', help=label)
    score = 'boxes scored lower are left out (default: 0.05, of HOG 0.5)'
    group.add_argument('--score-thr', type=float, help=score)
    classes = (
        'actions to be labelled: a,b,c, or a file with one a line, or a label map (default: none)'
    )
    group.add_argument('--classes', default='', metavar='NAMES', help=classes)
    group.add_argument(
        '--batch-size', type=int, default=8, help="images a pass of mmdet's detector"
    )
    group.add_argument('--device', help='such as cpu (default: a GPU where there is one)')


def person_options(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> PersonOptions | None:
    """The options of a command line, None with ``--no-persons``; wrong ones end the tool.

    Args:
        parser: Tells what is wrong.
        args: Parsed, with those of :func:`add_person_options`.
    """
    given = (args.detector_config, args.detector_checkpoint)
    if (given[0] is None) != (given[1] is None):
        parser.error('--detector-config and --detector-checkpoint are needed together')
    if args.no_persons and given[0] is not None:
        parser.error('--no-persons finds none: it takes no --detector-config')
    if args.person_label is not None and given[0] is None:
        parser.error("--person-label is of mmdet's detectors: give --detector-config")
    lowest = 'from 0' if given[0] else 'above 0'  # HOG's margin has no end
    is_right = args.score_thr is None or 0 <= args.score_thr < 1
    if not is_right or (given[0] is None and args.score_thr == 0):
        parser.error(f'--score-thr must be {lowest} and below 1, not {args.score_thr}')
    if args.batch_size < 1:
        parser.error('--batch-size must be at least 1')
    try:
        class_names = parse_class_names(args.classes)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if args.no_persons:
        return None
    return PersonOptions(
        *given,
        person_label=args.person_label or 'person',
        score_thr=args.score_thr,
        class_names=class_names,
        num_workers=args.num_workers,
        batch_size=args.batch_size,
        device=args.device,
        overwrite=args.overwrite,
    )


def parse_class_names(text: str) -> list[str]:
    """The names of actions: of a file, see ``read_class_file``, or those with commas between.

    Raises:
        ValueError: A name is empty or there twice; or the file is wrong, which is named.

    Example:
        >>> parse_class_names('stand, walk')
        ['stand', 'walk']
        >>> parse_class_names('')
        []
    """
    if not text.strip():
        return []
    if Path(text).is_file():
        return list(read_class_file(text).values())
    if ',' not in text and Path(text).suffix in ('.txt', '.pbtxt', '.csv'):
        raise FileNotFoundError(f'--classes {text}: no such file')
    names = [name.strip() for name in text.split(',')]
    for number, name in enumerate(names):
        fault = name_fault(name) or ('it is there twice' if name in names[:number] else None)
        if fault:
            raise ValueError(f'--classes {text}: name {name!r}: {fault}')
    return names
