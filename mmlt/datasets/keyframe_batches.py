"""The keyframe images of many videos, read by the processes of a loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from mmlt.fileio.feature_folder import Video
from mmlt.fileio.keyframe_images import read_keyframes


class KeyframeBatch(NamedTuple):
    """Some keyframes of a video; without any it is the video's end.

    Attributes:
        video: The video.
        seconds: Of each keyframe.
        samples: Of each, what the pipeline has made of the image.
        reason: Why the video could not be read to its end; None: it was.
    """

    video: Video
    seconds: Sequence[int] = ()
    samples: Sequence = ()
    reason: str | None = None


class KeyframeBatches(IterableDataset):
    """Batches of keyframes, each of one video; the processes of a loader share the videos.

    Args:
        videos: Files or folders of frames.
        rule: Which frames are taken.
        pipeline: Called with ``img``, (H, W, 3) uint8 BGR, and ``img_id``.
        batch_size: The most keyframes of a batch.
        read: Called with a video and the rule; gives (second, image) of its keyframes.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        rule: Any,
        pipeline: Callable[[dict], Any],
        batch_size: int,
        read: Callable[[Video, Any], Iterator] = read_keyframes,
    ) -> None:
        self.videos = videos
        self.rule = rule
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.read = read

    def load(self, num_workers: int) -> DataLoader:
        """Gives the batches; those of a video come in order, among those of others."""
        return DataLoader(self, batch_size=None, num_workers=num_workers, collate_fn=_as_it_is)

    def __iter__(self) -> Iterator[KeyframeBatch]:
        worker = get_worker_info()
        for video in self.videos[worker.id :: worker.num_workers] if worker else self.videos:
            try:
                yield from self._of_video(video)
            except Exception as error:  # whatever a decoder makes of a broken file
                reason = ' '.join(str(error).split())[:300] or type(error).__name__
                yield KeyframeBatch(video, reason=reason)

    def _of_video(self, video: Video) -> Iterator[KeyframeBatch]:
        seconds, samples = [], []
        for second, image in self.read(video, self.rule):
            seconds.append(second)
            samples.append(self.pipeline({'img': image, 'img_id': 0}))
            if len(samples) == self.batch_size:
                yield KeyframeBatch(video, seconds, samples)
                seconds, samples = [], []
        if samples:
            yield KeyframeBatch(video, seconds, samples)
        yield KeyframeBatch(video)


def _as_it_is(batch: KeyframeBatch) -> KeyframeBatch:
    return batch
