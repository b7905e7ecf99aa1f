r"""Put a classifier trained on cached RoI features into the detector they came from.

Example:
    python tools/convert/write_classifier_back.py DETECTOR.pth work_dirs/stage2/epoch_1.pth \
        --out two_stage.pth --features work_dirs/features/train

The result is a full detector checkpoint for ``tools/test.py``: the detector's weights and meta
with another ``fc_cls``, into which the scales of ``classifier='lws'`` are multiplied. What belongs
to a training (optimizer, schedules, logs) is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.extraction_folder import META_FILE
from mmlt.fileio.json_files import read_json_object
from mmlt.weights_only import read_checkpoint

CLASSIFIER = 'bbox_head.fc_cls.'
IN_DETECTOR = 'roi_head.bbox_head.fc_cls.'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('detector', type=Path, help='checkpoint the features were extracted with')
    parser.add_argument('classifier', type=Path, help='checkpoint of mmlt.BoxFeatureClassifier')
    parser.add_argument('--out', type=Path, required=True, help='checkpoint to write')
    parser.add_argument(
        '--features', type=Path, help='folder of a split: make sure that it is of this detector'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    return parser.parse_args(argv)


def with_classifier(detector: Mapping, classifier: Mapping, names: tuple[str, str]) -> dict:
    """State dict of ``detector`` with the linear layer of ``classifier``, its scales merged in.

    Args:
        detector: State dict of an AVA detector.
        classifier: State dict of a ``BoxFeatureClassifier``.
        names: What to call the two in errors.

    Raises:
        ValueError: A layer is absent, or weight or bias has another shape; names file and key.
    """
    scale = classifier.get(f'{CLASSIFIER}scale')  # of learnable weight scaling
    inside = CLASSIFIER if scale is None else f'{CLASSIFIER}linear.'
    result = dict(detector)
    for part in ('weight', 'bias'):
        source, target = inside + part, IN_DETECTOR + part
        for state, key, name in ((detector, target, names[0]), (classifier, source, names[1])):
            if key not in state:
                raise ValueError(f'{name}: no {key} in its state_dict')
        new, old = classifier[source], detector[target]
        if new.shape != old.shape:
            raise ValueError(
                f'{names[1]}: {source} has shape {tuple(new.shape)}, but {target} of {names[0]} '
                f'has {tuple(old.shape)}'
            )
        if scale is not None:
            new = new * scale.reshape(-1, *[1] * (new.ndim - 1))
        if not torch.isfinite(new).all():
            raise ValueError(f'{names[1]}: {source} holds values that are not finite')
        result[target] = new.to(old.dtype)
    foreign = [key for key in classifier if not key.startswith('bbox_head.')]
    if foreign:
        raise ValueError(f'{names[1]}: {foreign[0]} is not of a BoxFeatureClassifier')
    return result


def check_features(folder: Path, detector: Path) -> None:
    """Raise if the features are of another checkpoint."""
    if not (folder / META_FILE).is_file():
        raise ValueError(f'{folder} has no {META_FILE}: --features is the folder of one split')
    found = read_json_object(folder / META_FILE).get('checkpoint_sha256')
    expected = hashlib.sha256(detector.read_bytes()).hexdigest()
    if found != expected:
        raise ValueError(
            f'{folder / META_FILE}: checkpoint_sha256 is {str(found)[:16]}, that of {detector} is '
            f'{expected[:16]}: the classifier was trained on features of another detector'
        )


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    if args.features:
        check_features(args.features, args.detector)
    detector = read_checkpoint(args.detector)
    classifier = read_checkpoint(args.classifier)
    names = (str(args.detector), str(args.classifier))
    state = with_classifier(detector['state_dict'], classifier['state_dict'], names)
    full = {'meta': detector.get('meta', {}), 'state_dict': state}
    with atomic_write(args.out, overwrite=args.overwrite) as file:
        torch.save(full, file)
    print(args.out)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
