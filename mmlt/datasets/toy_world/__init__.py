"""A seeded world of drawn actors in the formats of the real sets, with a real tail.

Only numpy, OpenCV and the standard library: it starts fast and runs without mmaction2.
"""

from mmlt.datasets.toy_world.actor_clips import make_actor_clip_world
from mmlt.datasets.toy_world.ava import make_ava_world
from mmlt.datasets.toy_world.clips import make_clip_world
from mmlt.datasets.toy_world.config import ToyWorldConfig
from mmlt.datasets.toy_world.features import make_feature_world
from mmlt.datasets.toy_world.videos import make_video_world

__all__ = [
    'ToyWorldConfig',
    'make_actor_clip_world',
    'make_ava_world',
    'make_clip_world',
    'make_feature_world',
    'make_video_world',
]
