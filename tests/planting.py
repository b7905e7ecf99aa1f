"""How mistakes are planted in a copy of the small good set."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from small_own_data import HEIGHT, WIDTH


class Trap(NamedTuple):
    """A planted mistake.

    Attributes:
        plant: Changes the files of a set.
        kind: Of the finding.
        file: Its file, relative to the set.
        place: (line, part of the value) of its first place; None where it has none.
        training: Part of the error or warning of a training.
        table: Whether the set has a videos.json.
    """

    plant: Callable[[Path], None]
    kind: str
    file: str
    place: tuple[int | None, str] | None
    training: str
    table: bool = False


def csv_of(split: str) -> str:
    return f'annotations/{split}.csv'


def edit_lines(file: str, change: Callable[[list[str]], list[str]], end: str = '\n') -> Callable:
    """Change the lines of a text file."""

    def plant(root: Path) -> None:
        lines = (root / file).read_text().splitlines()
        (root / file).write_bytes(end.join([*change(lines), '']).encode())

    return plant


def edit_column(file: str, index: int, change: Callable[[str], str], rows=slice(None)) -> Callable:
    """Change a column of some rows."""

    def edit(lines: list[str]) -> list[str]:
        for at in range(len(lines))[rows]:
            fields = lines[at].split(',')
            fields[index] = change(fields[index])
            lines[at] = ','.join(fields)
        return lines

    return edit_lines(file, edit)


def edit_corners(
    file: str, change: Callable[[list[float]], list[float]], rows=slice(None)
) -> Callable:
    def edit(lines: list[str]) -> list[str]:
        for at in range(len(lines))[rows]:
            video, second, *corners, label, person = lines[at].split(',')
            shown = [f'{value:g}' for value in change([float(c) for c in corners])]
            lines[at] = ','.join([video, second, *shown, label, person])
        return lines

    return edit_lines(file, edit)


def edit_proposals(change: Callable[[dict], dict]) -> Callable:
    def plant(root: Path) -> None:
        path = root / 'proposals.pkl'
        path.write_bytes(pickle.dumps(change(pickle.loads(path.read_bytes()))))

    return plant


def remove_frames(video: str, numbers: range) -> Callable:
    def plant(root: Path) -> None:
        for number in numbers:
            (root / 'rawframes' / video / f'img_{number:05d}.jpg').unlink()

    return plant


def rename(old: str, new: str) -> Callable:
    return lambda root: (root / old).rename(root / new)


def edit_config(old: str, new: str) -> Callable:
    def plant(root: Path) -> None:
        text = (root / 'config.py').read_text()
        assert old in text
        (root / 'config.py').write_text(text.replace(old, new))

    return plant


def edit_label_map(change: Callable[[str], str]) -> Callable:
    def plant(root: Path) -> None:
        path = root / 'annotations' / 'label_map.pbtxt'
        path.write_text(change(path.read_text()))

    return plant


def edit_table(change: Callable[[dict], None]) -> Callable:
    def plant(root: Path) -> None:
        content = json.loads((root / 'videos.json').read_text())
        change(content)
        (root / 'videos.json').write_text(json.dumps(content))

    return plant


def all_of(*plants: Callable) -> Callable:
    def plant(root: Path) -> None:
        for each in plants:
            each(root)

    return plant


def seconds_later(proposals: dict) -> dict:
    moved = {}
    for key, boxes in proposals.items():
        video, second = key.split(',')
        moved[f'{video},{int(second) + 1:04d}'] = boxes
    return moved


SPLITS = ('train', 'val', 'test')
PIXELS = np.array([WIDTH, HEIGHT, WIDTH, HEIGHT])
TRAIN, VAL, MAP = csv_of('train'), csv_of('val'), 'annotations/label_map.pbtxt'
