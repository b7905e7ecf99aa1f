from __future__ import annotations

import pytest
from known_persons import write_frames

from mmlt.datasets.keyframe_batches import KeyframeBatches
from mmlt.fileio.feature_folder import Video
from mmlt.fileio.keyframe_images import KeyframeRule


def _shape(results):
    return {'shape': results['img'].shape}


@pytest.mark.parametrize('num_workers', [0, 2])
def test_batches_of_each_video_in_order(tmp_path, num_workers):
    """7 keyframes in batches of 3, 1 keyframe, and a video that breaks off after two."""
    for name, count in (('a', 35), ('b', 3), ('c', 15)):
        write_frames(tmp_path / name, count)
    (tmp_path / 'c' / 'img_00012.jpg').write_bytes(b'')
    videos = [Video(name, str(tmp_path / name)) for name in 'abc']
    rule = KeyframeRule(5, 1, 900, None, 'img_{:05}.jpg')
    found = {name: [] for name in 'abc'}
    for batch in KeyframeBatches(videos, rule, _shape, 3).load(num_workers):
        assert [sample['shape'] for sample in batch.samples] == [(48, 80, 3)] * len(batch.seconds)
        found[batch.video.video_id].append((list(batch.seconds), batch.reason))
    whole = [([900, 901, 902], None), ([903, 904, 905], None), ([906], None), ([], None)]
    reason = f'{tmp_path / "c" / "img_00012.jpg"}: not a readable image'
    assert found == {'a': whole, 'b': [([900], None), ([], None)], 'c': [([], reason)]}
