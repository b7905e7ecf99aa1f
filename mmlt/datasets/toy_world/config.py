"""Every setting of the toy world, in one place."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

SPLITS = ('train', 'val', 'test')

# Least and greatest value of a setting, and of each number of a tuple; the others must be >= 0.
_ANY = (-math.inf, math.inf)
_COUNT = (1, math.inf)
_SHARE = (0, 1)
_LENGTH = (0.01, math.inf)  # pixels; also a divisor
_RANGES = {
    **dict.fromkeys(('train_boxes', 'val_boxes', 'test_boxes'), _COUNT),
    **dict.fromkeys(('rarest_pose', 'rarest_object', 'rarest_interaction'), _LENGTH),
    **dict.fromkeys(('object_prob', 'interaction_prob', 'context_share', 'excluded_ratio'), _SHARE),
    **dict.fromkeys(('share', 'keyframes_per_video', 'fps', 'clip_len'), _COUNT),
    **dict.fromkeys(('actors_probs', 'features_shown_range'), _SHARE),
    **dict.fromkeys(('height', 'width', 'clips_size', 'actor_clips_size'), (16, math.inf)),
    **dict.fromkeys(('clutter', 'actor', 'drift'), _ANY),
    **dict.fromkeys(('contrast_range', 'size_range', 'body_radius', 'box_half'), _LENGTH),
    **dict.fromkeys(('shake_period', 'object_radius', 'partner_radius'), _LENGTH),
    **dict.fromkeys(('proposal_miss_prob', 'proposal_duplicate_prob'), _SHARE),
    'jpeg_quality': (1, 100),
    **dict.fromkeys(('clips_train', 'clips_val', 'clips_test'), _COUNT),
    **dict.fromkeys(('clips_frames', 'clips_fps'), _COUNT),
    **dict.fromkeys(('actor_clips_train', 'actor_clips_val', 'actor_clips_test'), _COUNT),
    'actor_clips_size_range': _LENGTH,
    **dict.fromkeys(('features_classes', 'features_most', 'features_fewest'), _COUNT),
    **dict.fromkeys(('features_eval', 'features_dim', 'features_length_range'), _COUNT),
}


@dataclass(frozen=True)
class ToyWorldConfig:
    """Settings of the toy world.

    Brightness is on a scale on which a pixel is ``128 + 64 * value``; lengths are pixels at actor
    size 1; times are frames. The fields that begin with ``clips_`` belong to the clip sets that
    differ by motion or appearance, ``actor_clips_`` to that of the AVA set's actors, ``features_``
    to the feature set; all the others describe the AVA set.

    Args:
        seed: Changes the world (scenes, noise, which box carries which label), never how many boxes
            a class has.
        scale: Factor, in (0, 1], on the number of boxes, clips and feature sequences; .02 makes a
            world for tests.
        train_boxes: Annotated boxes in training at scale 1; ``val_boxes`` and ``test_boxes``
            likewise.
        val_floor: Fewest boxes of a class in val at scale 1; ``test_floor`` likewise.
        rarest_pose: Expected training boxes, at scale 1, of the rarest pose; it sets the exponent
            of the Zipf law. ``rarest_object`` and ``rarest_interaction`` likewise for their kinds.
        object_prob: Share of the actors that hold an object; ``interaction_prob`` likewise that
            have a partner.
        context_share: Share of the object labels whose side only the scene or the past tells; see
            :mod:`mmlt.datasets.toy_world.context_labels`.
        head_min: A class expected at least this often in training is a head class.
        tail_max: A class expected less often than this in training is a tail class.
        share: Mean length of the runs in which training boxes of a class that is not head fall into
            one video (a run is ``share - 2`` to ``share + 2`` boxes long); 1 spreads them.
        keyframes_per_video: Annotated seconds of a video.
        actors_probs: Shares of the keyframes with one, two, ... actors.
        excluded_ratio: Share of the keyframes named in the exclusion list (at least one keyframe).
        fps: Frames of a second, at least ``clip_len``.
        clip_len: Frames a detector is expected to sample around a keyframe, one by one.
        first_timestamp: Timestamp of a video's first keyframe, in seconds.
        height: Frame height; ``width`` likewise.
        background_std: Standard deviation of the static, low-frequency background.
        texture: Amplitude of the stripes on actors, one pattern a video.
        num_clutter: Unlabelled static blobs in a video's frames.
        clutter: Brightness of a blob.
        noise_std: Standard deviation of the Gaussian noise, drawn anew for each frame.
        actor: Brightness of an actor, its object and its partner, before the video's contrast.
        contrast_range: Factors on ``actor``, one drawn a video.
        size_range: Factors on all lengths of an actor, one drawn a video.
        body_radius: Radius of an actor's body at size 1.
        box_half: Half the width and half the height of an actor's box at size 1.
        drift: Distance a drifting actor covers in ``clip_len`` frames.
        shake: Amplitude of a shaking actor, and ``shake_period`` its period.
        object_radius: Half the width of a held object at size 1; ``partner_radius`` likewise.
        partner_near: Shortest distance of a partner from its actor's centre; ``partner_far`` the
            longest.
        proposal_miss_prob: Share of the boxes without a proposal.
        proposal_jitter: Standard deviation of a proposal's centre and log size, in box sizes.
        proposal_false_rate: Mean number of false proposals a keyframe.
        proposal_duplicate_prob: Share of the boxes with a second, looser proposal.
        jpeg_quality: Quality of the frames, 1 to 100.
        clips_train: Training clips of a class at scale 1; ``clips_val`` and ``clips_test``
            likewise.
        clips_frames: Frames of a clip, ``clips_fps`` a second, ``clips_size`` pixels square.
        clips_noise_std: Standard deviation of the noise in clips.
        actor_clips_train: Training clips of a class of actors at scale 1; ``actor_clips_val`` and
            ``actor_clips_test`` likewise.
        actor_clips_size: Height and width of a clip of actors.
        actor_clips_size_range: ``size_range`` of the actors of clips, which fill the frame.
        features_classes: Classes of the feature set.
        features_most: Training videos of the commonest feature class; ``features_fewest`` likewise
            the rarest.
        features_eval: Fewest videos of a feature class in val and in test at scale 1.
        features_dim: Channels of a frame's feature.
        features_length_range: Fewest and most frames of a feature sequence.
        features_shown_range: Smallest and largest share of a video's frames that show one of its
            classes.
        features_noise_std: Noise of a frame's feature, a class prototype having unit norm.
    """

    seed: int = 0
    scale: float = 1.0
    train_boxes: int = 6000
    val_boxes: int = 3000
    test_boxes: int = 3000
    val_floor: int = 45
    test_floor: int = 60
    rarest_pose: float = 6.0
    rarest_object: float = 8.0
    rarest_interaction: float = 10.0
    object_prob: float = 0.5
    interaction_prob: float = 0.35
    context_share: float = 0.0
    head_min: float = 100.0
    tail_max: float = 40.0
    share: int = 6
    keyframes_per_video: int = 24
    actors_probs: tuple[float, ...] = (0.15, 0.4, 0.45)
    excluded_ratio: float = 0.003
    fps: int = 8
    clip_len: int = 8
    first_timestamp: int = 902
    height: int = 64
    width: int = 96
    background_std: float = 0.3
    texture: float = 0.3
    num_clutter: int = 2
    clutter: float = 0.5
    noise_std: float = 0.3
    actor: float = 0.5
    contrast_range: tuple[float, float] = (0.8, 1.2)
    size_range: tuple[float, float] = (0.85, 1.15)
    body_radius: float = 7.0
    box_half: tuple[float, float] = (12.0, 11.0)
    drift: float = 8.0
    shake: float = 2.5
    shake_period: float = 4.0
    object_radius: float = 2.8
    partner_radius: float = 4.5
    partner_near: float = 10.0
    partner_far: float = 17.0
    proposal_miss_prob: float = 0.06
    proposal_jitter: float = 0.05
    proposal_false_rate: float = 0.5
    proposal_duplicate_prob: float = 0.1
    jpeg_quality: int = 92
    clips_train: int = 40
    clips_val: int = 20
    clips_test: int = 20
    clips_frames: int = 48
    clips_fps: int = 16
    clips_size: int = 64
    clips_noise_std: float = 0.15
    actor_clips_train: int = 200
    actor_clips_val: int = 20
    actor_clips_test: int = 40
    actor_clips_size: int = 32
    actor_clips_size_range: tuple[float, float] = (0.9, 1.3)
    features_classes: int = 40
    features_most: int = 500
    features_fewest: int = 3
    features_eval: int = 15
    features_dim: int = 64
    features_length_range: tuple[int, int] = (60, 200)
    features_shown_range: tuple[float, float] = (0.15, 0.5)
    features_noise_std: float = 0.25

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_setting(field.name, field.type, getattr(self, field.name))
        if not 0 < self.scale <= 1:
            raise ValueError(f'scale must be in (0, 1], got {self.scale}')
        if not sum(self.actors_probs):
            raise ValueError(f'actors_probs must not all be 0, got {self.actors_probs}')
        for low, high in (('partner_near', 'partner_far'), ('features_fewest', 'features_most')):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f'{low}={getattr(self, low)} must not exceed {high}={getattr(self, high)}'
                )
        if self.fps < self.clip_len:
            raise ValueError(
                f'fps={self.fps} must be at least clip_len={self.clip_len}, or clips of '
                'neighbouring keyframes overlap'
            )
        for split in SPLITS:
            if self.num_boxes(split) < self.keyframes_per_video:
                raise ValueError(
                    f'{split}: {self.num_boxes(split)} boxes do not fill one video of '
                    f'{self.keyframes_per_video} keyframes; raise scale={self.scale}'
                )

    def num_boxes(self, split: str) -> int:
        """Annotated boxes of ``split`` at this scale."""
        return round(getattr(self, f'{split}_boxes') * self.scale)

    def floor(self, split: str) -> int:
        """Fewest boxes of a class in ``split`` at this scale."""
        return (
            1 if split == 'train' else max(1, round(getattr(self, f'{split}_floor') * self.scale))
        )

    @property
    def timestamp_start(self) -> int:
        """``timestamp_start`` for mmaction2's AVADataset: one second before the first keyframe."""
        return self.first_timestamp - 1

    @property
    def timestamp_end(self) -> int:
        """``timestamp_end`` for mmaction2's AVADataset: start plus the whole seconds on disk."""
        return self.timestamp_start + self.keyframes_per_video + 1

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON knows them (tuples as lists)."""
        settings = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


def _check_setting(name: str, annotation: str, value: Any) -> None:
    """Raise unless a value is of its field's type and its numbers are in range."""
    numbers = (value,)
    if annotation.startswith('tuple'):
        kind = annotation[len('tuple[') :].split(',')[0]
        is_pair = not annotation.endswith('...]')
        due = f'a tuple of {"two numbers" if is_pair else "numbers"}'
        if not isinstance(value, tuple) or not value or (is_pair and len(value) != 2):
            raise ValueError(f'{name} must be {due}, got {value!r}')
        numbers = value
    else:
        kind = annotation
    types = int if kind == 'int' else (int, float)
    low, high = _RANGES.get(name, (0, math.inf))
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, types) or not math.isfinite(number):
            what = 'a whole number' if kind == 'int' else 'a finite number'
            raise ValueError(f'{name} must be {what}, got {value!r}')
        if not low <= number <= high:
            limits = f'from {low} to {high}' if high < math.inf else f'at least {low}'
            raise ValueError(f'{name} must be {limits}, got {value!r}')
    if name.endswith('_range') and numbers[0] > numbers[1]:
        raise ValueError(f'{name} must not fall from its first number to its second, got {value!r}')
