"""Which prepared video, and which time of it, a box is of.

Annotations name a video file as somebody opened it, the id of a prepared video, or the image of a
frame: ``rawframes/VIDEO/img_00030.jpg``, or ``VIDEO_0003.jpg`` with the number of a second or of a
frame.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

import cv2

from mmlt.fileio.annotation_formats.annotated_box import AnnotatedBox
from mmlt.fileio.image_frames import IMAGE_SUFFIXES
from mmlt.fileio.keyframe_match import listed, plain_name
from mmlt.fileio.video_table import VideoTable

_NUMBERED = re.compile(r'(.+)_([0-9]+)')
_SECOND_DIGITS = 4  # AVA writes a keyframe as VIDEO,%04d


class UnknownMediaError(ValueError):
    """A box is of something that no prepared video is."""


class ImageRule(NamedTuple):
    """What a person may say of images of frames.

    Attributes:
        fps: Of the numbers in ``VIDEO_000031.jpg``, if they are frames; None: see ``are_seconds``.
        first: The number of the frame at the start of the video.
        are_seconds: The numbers are seconds; otherwise those of four digits are.
        size: Width and height of images that are not at hand; None: such are refused.
    """

    fps: float | None = None
    first: int = 0
    are_seconds: bool = False
    size: tuple[int, int] | None = None


class Place(NamedTuple):
    """Where a box is.

    Attributes:
        video_id: The prepared video.
        time_sec: From the start of it.
        size: Width and height of what the box was drawn on, px.
        reading: What an image's name was taken for, in words; None of a video.
    """

    video_id: str
    time_sec: float
    size: tuple[int, int]
    reading: str | None


class MediaFinder:
    """Finds prepared videos by what annotations call them.

    Args:
        table: The prepared videos.
        rule: For images.
        folders: Where images may lie that are named by relative paths.
        rounds: Times between seconds are of the nearer one.
    """

    def __init__(
        self, table: VideoTable, rule: ImageRule, folders: Iterable[Path] = (), *, rounds=False
    ) -> None:
        self.table, self.rule, self.rounds = table, rule, rounds
        self.folders = (*folders, table.folder)
        self._of_media: dict[str, tuple] = {}
        self._sizes: dict[tuple[Path, str], tuple[int, int]] = {}
        tmpl = table.filename_tmpl
        self._frame_name = None if tmpl is None else _pattern(tmpl)

    def find(self, box: AnnotatedBox) -> Place:
        """The place of a box.

        Raises:
            UnknownMediaError: No prepared video is like its media.
            ValueError: Which video is meant, its time or the size of its image cannot be told.
        """
        path = PurePosixPath(_path_of(box.media).replace('\\', '/'))
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return self._of_image(box, path)
        videos = self._videos(box.media, path, box.where)
        if box.timestamp is not None:
            time_sec = float(box.timestamp - self.table.timestamp_start)
        elif box.time_sec is None:
            why = f'a box on the video {box.media!r} without a time'
            raise ValueError(f'{box.where}: {why}; draw it on a frame of the video in VIA 3')
        else:
            time_sec = box.time_sec
        video_id, time_sec = self._part(videos, time_sec, box.media)
        entry = self.table.videos[video_id]
        # VIA draws on what a player shows; rows of AVA are of frames as they are stored
        size = entry.player_size if box.timestamp is None else (entry.width, entry.height)
        return Place(video_id, time_sec, size, None)

    def _videos(self, media: str, path: PurePosixPath, where: str) -> list[str]:
        """The video of a name; the parts of it where it was cut."""
        if media not in self._of_media:
            self._of_media[media] = self._search(media, path)
        videos, why, is_unknown = self._of_media[media]
        if why:
            raise (UnknownMediaError if is_unknown else ValueError)(f'{where}: {why}')
        return videos

    def _search(self, media: str, path: PurePosixPath) -> tuple[list[str], str, bool]:
        """Videos; or else what is wrong, and whether nothing like it was prepared."""
        videos = self.table.videos
        media = _composed(media)  # as ids are
        if media in videos:
            return [media], '', False
        of_file: dict[PurePosixPath, list[str]] = {}
        for video_id, entry in videos.items():
            file = PurePosixPath(_composed(entry.file).replace('\\', '/'))
            of_file.setdefault(file, []).append(video_id)
        alike = [file for file in of_file if path.name in (file.name, file.stem)]
        most = max((_common_tail(path, file) for file in alike), default=0)
        files = [file for file in alike if _common_tail(path, file) == most]
        if len(files) == 1:
            return of_file[files[0]], '', False
        if files:
            shown = listed(list(map(str, files)))
            return [], f'{media!r} may be {shown}: write more of its path', False
        names = [*sorted({file.name for file in of_file}), *videos]
        if not path.suffix:
            names.reverse()  # ids first
        near = [name for name in names if plain_name(name) == plain_name(media)]
        why = f'{media!r} is no prepared video'
        if near:
            why += f', but {near[0]!r} is: they differ in case, extension or padding; rename one'
            return [], f'{why} of the two', False
        why += f' ({listed(list(videos))}); prepare it, or leave its boxes out with '
        return [], f'{why}--ignore-unknown', True

    def _part(self, videos: list[str], time_sec: float, name: str) -> tuple[str, float]:
        """The part of a video that a time is in, and the time from the start of the part."""
        if videos == [_composed(name)]:
            return videos[0], time_sec
        starts = sorted((self.table.videos[each].start_sec, each) for each in videos)
        slack = 0.5 if self.rounds else 0.5 / self.table.fps
        begun = [each for each in starts if each[0] <= time_sec + slack]
        start_sec, video_id = begun[-1] if begun else starts[0]
        return video_id, time_sec - start_sec

    def _of_image(self, box: AnnotatedBox, path: PurePosixPath) -> Place:
        table, folder = self.table, str(path.parent)
        owners = [video_id for video_id in table.videos if _is_tail(folder, video_id)]
        number = self._frame_name.fullmatch(path.name) if self._frame_name else None
        if owners and number:
            video_id = max(owners, key=len)
            reading = f'images VIDEO/{table.filename_tmpl}: frames, {table.fps} a second from 0'
            time_sec = int(number[1]) / table.fps
            own = table.frame_folder / video_id / path.name
        elif number and path.parent == PurePosixPath('.'):
            raise ValueError(
                f'{box.where}: of which video is the image {box.media!r}? VIA keeps no folder of '
                'files that are chosen by hand: label persons_via.json, or name images '
                'VIDEO_0003.jpg by their second'
            )
        else:
            video_id, time_sec, reading = self._numbered(box, path)
            own = None
        return Place(video_id, time_sec, self._image_size(box, path, video_id, own), reading)

    def _numbered(self, box: AnnotatedBox, path: PurePosixPath) -> tuple[str, float, str]:
        found = _NUMBERED.fullmatch(path.stem)
        if not found:
            raise UnknownMediaError(
                f'{box.where}: the image {box.media!r} tells no video and time: name it '
                'VIDEO_0003.jpg by its second, or VIDEO/IMAGE as in rawframes'
            )
        name, digits, rule = found[1], found[2], self.rule
        videos = self._videos(name, PurePosixPath(name), box.where)
        if rule.fps is not None:
            reading = f'frames, {rule.fps:g} a second from {rule.first}'
            time_sec = (int(digits) - rule.first) / rule.fps
        elif rule.are_seconds or len(digits) == _SECOND_DIGITS:
            reading = f'seconds from {self.table.timestamp_start}'
            time_sec = float(int(digits) - self.table.timestamp_start)
        else:
            raise ValueError(
                f'{box.where}: is {digits} of {box.media!r} a second or a frame? Say '
                '--image-numbers seconds, or RATE:FIRST, such as 30:1 for frames of 30 a second '
                'counted from 1'
            )
        return *self._part(videos, time_sec, name), f'images VIDEO_NUMBER: {reading}'

    def _image_size(
        self, box: AnnotatedBox, path: PurePosixPath, video_id: str, own: Path | None
    ) -> tuple[int, int]:
        places = [*([own] if own else []), *(folder / path for folder in self.folders)]
        for place in places:
            key = place.parent, video_id  # the frames of a video are of one size
            if key in self._sizes:
                return self._sizes[key]
            if place.is_file():
                image = cv2.imread(str(place))
                if image is None:
                    raise ValueError(f'{place}: an image that cannot be read')
                self._sizes[key] = image.shape[1], image.shape[0]
                return self._sizes[key]
        if self.rule.size is not None:
            return self.rule.size
        raise ValueError(
            f'{box.where}: how large is the image {box.media!r}? It is not in '
            f'{listed([str(each.parent) for each in places])}; say --image-size WIDTH HEIGHT'
        )


def _path_of(media: str) -> str:
    """The path of a file that may be written as an address, in composed letters."""
    address = re.fullmatch(r'(\w+)://(.*)', media)
    if not address:
        return _composed(media)
    is_file = address[1].lower() == 'file'  # a server is asked for something behind ? or #
    return _composed(unquote(address[2] if is_file else re.split('[?#]', address[2])[0]))


def _composed(text: str) -> str:
    """With one character where a file system may have a letter and its accent."""
    return unicodedata.normalize('NFC', text)


def _pattern(tmpl: str) -> re.Pattern:
    """A file name with any number, from a template such as ``img_{:05}.jpg``."""
    start, end = re.split(r'\{[^}]*\}', tmpl, maxsplit=1)
    return re.compile(f'{re.escape(start)}([0-9]+){re.escape(end)}')


def _common_tail(path: PurePosixPath, other: PurePosixPath) -> int:
    """How many folders above the file two paths have in common."""
    pairs = zip(reversed(path.parent.parts), reversed(other.parent.parts))
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_tail(path: str, tail: str) -> bool:
    return path == tail or path.endswith(f'/{tail}')
