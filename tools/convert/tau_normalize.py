r"""Even out the norms of a detector's classifier: w / |w|^tau (tau-normalisation).

Example:
    python tools/convert/tau_normalize.py work_dirs/baseline/epoch_20.pth --tau 0.5 \
        --out baseline_tau.pth

The result is a full checkpoint for ``tools/test.py``: the weights and meta of the given one with
another classifier. What belongs to a training (optimizer, schedules, logs) is left out. With one
sigmoid a class, no class's AP or SAP changes; see mmlt.functional.tau_normalize.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from mmlt.command_line import HelpFormatter, tool_main
from mmlt.fileio.atomic_write import atomic_write
from mmlt.functional import tau_normalize
from mmlt.weights_only import read_checkpoint


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=HelpFormatter)
    parser.add_argument('checkpoint', type=Path, help='checkpoint of a trained model')
    parser.add_argument('--tau', type=float, required=True, help='0 changes nothing, 1: norms of 1')
    parser.add_argument('--out', type=Path, required=True, help='checkpoint to write')
    parser.add_argument(
        '--key', default='roi_head.bbox_head.fc_cls', help='the classifier (default: %(default)s)'
    )
    parser.add_argument(
        '--drop-bias', action='store_true', help='set the biases to zero, as the paper does'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an existing --out')
    return parser.parse_args(argv)


def with_normalized_classifier(
    state: Mapping, key: str, name: str, *, tau: float, drop_bias: bool
) -> dict:
    """A copy of a state dict with the linear layer ``key`` tau-normalised.

    Raises:
        ValueError: There is no such layer, or its weights are no finite matrix; names file and key.
    """
    weight_key, bias_key = f'{key}.weight', f'{key}.bias'
    if weight_key not in state:
        layers = [
            other.removesuffix('.weight')
            for other, value in state.items()
            if other.endswith('.weight') and value.ndim == 2
        ]
        listed = ', '.join(layers) or 'none'
        raise ValueError(f'{name}: no {weight_key} in its state_dict; linear layers: {listed}')
    result = dict(state)
    try:
        result[weight_key] = tau_normalize(state[weight_key], tau=tau)
    except ValueError as error:
        raise ValueError(f'{name}, {weight_key}: {error}') from None
    if drop_bias and bias_key in state:
        result[bias_key] = torch.zeros_like(state[bias_key])
    return result


def run(args: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    checkpoint = read_checkpoint(args.checkpoint)
    state = with_normalized_classifier(
        checkpoint['state_dict'],
        args.key,
        str(args.checkpoint),
        tau=args.tau,
        drop_bias=args.drop_bias,
    )
    with atomic_write(args.out, overwrite=args.overwrite) as file:
        torch.save({'meta': checkpoint.get('meta', {}), 'state_dict': state}, file)
    print(args.out)


main = tool_main(parse_args, run)


if __name__ == '__main__':
    sys.exit(main())
