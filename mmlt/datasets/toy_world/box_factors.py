"""Boxes and clips of known factors: what a trunk can carry from clips to AVA's rare classes.

A world's factors are the common ones, the tail's own (which head and medium never show) and foreign
ones (which AVA never shows); every second one is a factor of motion. Boxes and clips are seen
through the same fixed non-linear mixing, as videos are through the same camera.

Shapes: N samples, D channels, C classes, F factors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmlt.datasets.toy_world.box_labels import ava_priors, draw_targets, fill_up
from mmlt.functional import split_head_medium_tail
from mmlt.functional.checks import check_choice, check_integer, check_real

SPLITS = ('train', 'val', 'test')
CLIP_SETS = ('A', 'B')
#: AVA's groups of the paper, in training labels.
HEAD_MIN, TAIL_MAX = 10_000, 999


class FactorConfig(NamedTuple):
    """Sizes of a world; the defaults are those of the tables.

    Attributes:
        shared: Share of the tail's own factors that the clip sets show, 0 to 1; foreign factors
            take the place of the others.
        num_boxes: Boxes of train, val and test, of AVA v2.2's prior.
        min_positives: Positives of each class in val and test, filled up for SAP alone.
        num_clips: Set -> clips of train, val and test; A stands for Kinetics and Moments in Time,
            B for Something-Something v2.
        num_clip_classes: Set -> its classes, all equally frequent.
        num_common: Factors of head and medium.
        num_own: Factors that only tail classes show.
        factors_per_class: Of a box's or a clip's class; half of a tail class's are the tail's own.
        shown_prob: Probability that a sample shows a factor of its label.
        background_prob: Probability of any other factor.
        foreign_background_prob: In set B, of the factors of appearance, which tell nothing there.
        scene_size: Boxes of a tail class that share a scene.
        num_channels: D.
    """

    shared: float = 0.5
    num_boxes: Sequence[int] = (15_360, 4_000, 16_000)
    min_positives: Sequence[int] = (0, 60, 200)
    num_clips: dict = {'A': (30_720, 2_000, 4_000), 'B': (15_360, 2_000, 4_000)}
    num_clip_classes: dict = {'A': 80, 'B': 40}
    num_common: int = 16
    num_own: int = 8
    factors_per_class: int = 4
    shown_prob: float = 0.95
    background_prob: float = 0.02
    foreign_background_prob: float = 0.2
    scene_size: int = 4
    noise: float = 0.15
    num_channels: int = 64


class Boxes(NamedTuple):
    """Boxes of a split.

    Attributes:
        features: (N, D) float32.
        targets: (N, C) uint8.
        valid: (N, C) bool: a box of the prior counts in every column, one that fills a class up in
            that class's alone, the last ones of the N.
        num_natural: Boxes of the prior; AP is defined on these alone.
    """

    features: np.ndarray
    targets: np.ndarray
    valid: np.ndarray
    num_natural: int


class Clips(NamedTuple):
    """Clips of a split: features (N, D) float32 and labels (N,) int64."""

    features: np.ndarray
    labels: np.ndarray


class FactorWorld:
    """Classes, factors and the mixing of one world.

    Args:
        seed: Of the world. Worlds that differ in ``shared`` alone have the same AVA.
        config: Its sizes.

    Attributes:
        box_factors: (C, F) bool, the factors of AVA's classes.
        clip_factors: Set -> (classes, F) bool.
        groups: 'head', 'medium' and 'tail' -> columns of AVA's classes.

    Raises:
        ValueError: A seed below 0, ``shared`` outside 0 to 1.
    """

    def __init__(self, seed: int, config: FactorConfig = FactorConfig()) -> None:  # noqa: B008
        self.seed = check_integer('seed', seed, 0)
        check_real('shared', config.shared, 0, 1)
        self.config = config
        self.priors = ava_priors()
        groups = split_head_medium_tail(self.priors.counts, head_min=HEAD_MIN, tail_max=TAIL_MAX)
        self.groups = {name: part.tolist() for name, part in groups._asdict().items()}
        common, own = config.num_common, config.num_own
        self.common, self.own, self.foreign = np.split(
            np.arange(common + 2 * own), (common, common + own)
        )
        self.num_factors = common + 2 * own
        self.is_motion = np.arange(self.num_factors) % 2 == 1
        self.box_factors = self._draw_box_factors()
        self.clip_factors = {name: self._draw_clip_factors(name) for name in CLIP_SETS}
        self._draw_mixing()

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *stream])

    def _draw_box_factors(self) -> np.ndarray:
        rng, size = self._rng(1), self.config.factors_per_class
        tail = np.isin(np.arange(len(self.priors.counts)), self.groups['tail'])
        pools = [(self.common, self.own) if is_tail else (self.common,) for is_tail in tail]
        return _distinct_rows(pools, self.num_factors, size, rng)

    def _draw_clip_factors(self, name: str) -> np.ndarray:
        """Half of each class's factors are common, half own or foreign ones."""
        rng, config = self._rng(2, CLIP_SETS.index(name)), self.config
        of_set = self.is_motion if name == 'B' else np.ones(self.num_factors, bool)
        common, own, foreign = (
            part[of_set[part]] for part in (self.common, self.own, self.foreign)
        )
        order = rng.permutation(len(own))
        num_shared = round(config.shared * len(own))
        special = np.concatenate([own[order[:num_shared]], foreign[order[num_shared:]]])
        pools = [(common, special)] * config.num_clip_classes[name]
        return _distinct_rows(pools, self.num_factors, config.factors_per_class, rng)

    def _draw_mixing(self) -> None:
        rng, num_hidden, num_scene = self._rng(3), 2 * self.config.num_channels, 12
        self._scene_of_b = rng.standard_normal(num_scene)
        num_inputs = self.num_factors + num_scene
        self._first = rng.standard_normal((num_inputs, num_hidden)) / 4
        self._bias = 0.5 * rng.standard_normal(num_hidden)
        self._second = rng.standard_normal((num_hidden, self.config.num_channels))
        self._mean, self._std = 0.0, 1.0
        probe = draw_targets(self.priors, 4_000, rng)
        features = self._see(
            self._show(probe, self.box_factors, rng), self._scenes(probe, rng), rng
        )
        self._mean, self._std = features.mean(0), features.std(0)

    def boxes(self, split: str, sample: int = 0) -> Boxes:
        """Boxes of a split.

        Args:
            split: 'train', 'val' or 'test'.
            sample: Which draw of it.
        """
        index = SPLITS.index(check_choice('split', split, SPLITS))
        rng = self._rng(4, index, check_integer('sample', sample, 0))
        natural = draw_targets(self.priors, self.config.num_boxes[index], rng)
        more, columns = fill_up(self.priors, natural, self.config.min_positives[index], rng)
        targets = np.concatenate([natural, more])
        valid = np.ones(targets.shape, bool)
        valid[len(natural) :] = np.arange(targets.shape[1]) == columns[:, None]
        scenes = self._scenes(targets, rng)
        features = self._see(self._show(targets, self.box_factors, rng), scenes, rng)
        return Boxes(features, targets, valid, len(natural))

    def clips(self, name: str, split: str, sample: int = 0) -> Clips:
        """Clips of set 'A' or 'B', as :meth:`boxes`."""
        which = CLIP_SETS.index(check_choice('name', name, CLIP_SETS))
        index = SPLITS.index(check_choice('split', split, SPLITS))
        rng = self._rng(5, which, index, check_integer('sample', sample, 0))
        factors, num_clips = self.clip_factors[name], self.config.num_clips[name][index]
        labels = rng.permutation(np.arange(num_clips) % len(factors))
        background = np.full(self.num_factors, self.config.background_prob)
        scenes = rng.standard_normal((num_clips, len(self._scene_of_b)))
        if name == 'B':  # another domain: any object, other places
            background[~self.is_motion] = self.config.foreign_background_prob
            scenes = 0.5 * scenes + self._scene_of_b
        targets = np.eye(len(factors), dtype=np.uint8)[labels]
        return Clips(self._see(self._show(targets, factors, rng, background), scenes, rng), labels)

    def _scenes(self, targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A scene for each box, one for every few boxes of a tail class."""
        scenes = rng.standard_normal((len(targets), len(self._scene_of_b)))
        for column in self.groups['tail']:
            rows = np.flatnonzero(targets[:, column])
            scenes[rows] = scenes[rows[np.arange(len(rows)) // self.config.scene_size]]
        return scenes

    def _show(
        self,
        targets: np.ndarray,
        class_factors: np.ndarray,
        rng: np.random.Generator,
        background: np.ndarray | None = None,
    ) -> np.ndarray:
        """Which factors each sample shows, (N, F) bool: each label shows its own by itself."""
        if background is None:
            background = np.full(self.num_factors, self.config.background_prob)
        num_labels = targets.astype(np.int64) @ class_factors.astype(np.int64)
        hidden_prob = (1 - background) * (1 - self.config.shown_prob) ** num_labels
        return rng.random(hidden_prob.shape) >= hidden_prob

    def _see(self, shown: np.ndarray, scenes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(N, D) features: a factor has any sign, so that no linear classifier finds it."""
        sign = rng.choice((-1.0, 1.0), shown.shape)
        noise = rng.standard_normal((2, *shown.shape))
        factors = shown * sign * (1 + self.config.noise * noise[0]) + self.config.noise * noise[1]
        hidden = np.tanh(np.hstack([factors, 0.7 * scenes]) @ self._first + self._bias)
        features = hidden @ self._second
        features += 0.05 * features.std() * rng.standard_normal(features.shape)
        return ((features - self._mean) / self._std).astype(np.float32)


def _distinct_rows(
    pools: Sequence[Sequence[np.ndarray]],
    num_factors: int,
    size: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(C, F) bool, all rows different: ``size`` factors a class, evenly from each of its pools."""
    rows: dict[bytes, np.ndarray] = {}
    for of_class in pools:
        while True:
            row = np.zeros(num_factors, bool)
            for pool in of_class:
                row[rng.choice(pool, size // len(of_class), replace=False)] = True
            if row.tobytes() not in rows:
                break
        rows[row.tobytes()] = row
    return np.array(list(rows.values()))
