"""Projects of VIA 3, the VGG Image Annotator for video: boxes to be labelled, or that are.

A project is a JSON file of ``project``, ``config``, ``attribute`` (what is filled in of a box),
``file`` (images and videos), ``view`` (here one of each file) and ``metadata`` (the boxes).
Source: VIA 3's CodeDoc.md, "Structure of VIA Project JSON File", ``_via_file.js``,
``_via_attribute.js`` and ``_via_file_annotator.js``.

The attributes are ``person``, text, which VIA writes beside a box, and ``action``, checkboxes:
of the chosen options the ids with commas between them. (An attribute of several choices cannot be
written beside a box: VIA looks the whole list up among the options.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mmlt.fileio.json_files import read_json_object, write_json

PERSON, ACTION = 'person', 'action'
_PERSON_ID, _ACTION_ID = '1', '2'
_IMAGE, _VIDEO = 2, 4  # types of a file
_URI_OF_FILE = '3'  # where a file is: its prefix and its source are a URI of the local disk
_TEXT, _CHECKBOX = 1, 2  # types of an attribute
_RECTANGLE = 2
_VERSION = '3.1.1'
_DIGEST = 'mmlt_digest'  # of 'project'; without it actions alone tell that somebody has worked


class ViaFile(NamedTuple):
    """An image or a video.

    Attributes:
        source: The file, from the folder of the project on, with slashes.
        is_video: Which of the two it is.
    """

    source: str
    is_video: bool


class ViaBox(NamedTuple):
    """A box of a file.

    Attributes:
        source: Of the file.
        time_sec: When in the video; None: it is an image.
        corners: x1 y1 x2 y2, px of the file as it is shown.
        person: Name or number of the person.
        actions: Names of what the person does.
    """

    source: str
    time_sec: float | None
    corners: Sequence[float]
    person: str
    actions: Sequence[str] = ()


def write_via_project(
    path: str | Path,
    files: Iterable[ViaFile],
    boxes: Iterable[ViaBox],
    class_names: Sequence[str],
    *,
    overwrite: bool = False,
) -> None:
    """Write a project, whole or not at all.

    Args:
        path: The project; its name without the suffix is shown as its title.
        files: In the order in which they are shown, also those without a box.
        boxes: Of these files.
        class_names: The actions to choose from.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FileExistsError: ``path`` exists and ``overwrite`` is false.
        ValueError: A box has an action that is not in ``class_names``, or is of no file.
    """
    path = Path(path)
    kinds = {file.source: file.is_video for file in files}
    views = {source: str(number) for number, source in enumerate(kinds, start=1)}
    options = {name: str(number) for number, name in enumerate(class_names)}
    content = {
        'project': _project(path.stem, list(views.values())),
        'config': _config(path.parent),
        'attribute': _attributes(options, any(kinds.values())),
        'file': {view: _file(view, source, kinds[source]) for source, view in views.items()},
        'metadata': {
            f'{views.get(box.source)}_{number}': _metadata(box, views, options)
            for number, box in enumerate(boxes)
        },
        'view': {view: {'fid_list': [view]} for view in views.values()},
    }
    content['project'][_DIGEST] = _digest(content)
    write_json(path, content, overwrite=overwrite)


def is_worked_on(path: str | Path) -> bool:
    """Whether a project holds an action, or boxes or attributes other than it was written with.

    Raises:
        ValueError: It is there but no JSON.
    """
    if not Path(path).exists():
        return False
    content = read_json_object(path)
    entries = content.get('metadata', {})
    if any(entry.get('av', {}).get(_ACTION_ID) for entry in entries.values()):
        return True
    return content.get('project', {}).get(_DIGEST) not in (None, _digest(content))


def _digest(content: Mapping) -> str:
    """What the boxes and attributes are known by, also when VIA writes 3 for 3.0."""
    parts = [content.get(key) for key in ('attribute', 'metadata')]
    parts = json.loads(json.dumps(parts), parse_int=float)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _project(title: str, views: list[str]) -> dict:
    return {
        'pid': '__VIA_PROJECT_ID__',  # VIA's own marks of a project that is not shared
        'rev': '__VIA_PROJECT_REV_ID__',
        'rev_timestamp': '__VIA_PROJECT_REV_TIMESTAMP__',
        'pname': title,
        'creator': 'mmlt',
        'created': 0,
        'data_format_version': _VERSION,
        'vid_list': views,
    }


def _config(folder: Path) -> dict:
    prefixes = {'1': '', '2': '', '3': '', '4': ''}
    prefixes[_URI_OF_FILE] = f'{folder.resolve().as_uri()}/'
    return {
        'file': {'loc_prefix': prefixes},
        'ui': {
            'file_content_align': 'center',
            'file_metadata_editor_visible': True,
            'spatial_metadata_editor_visible': True,
            'temporal_segment_metadata_editor_visible': False,
            'spatial_region_label_attribute_id': _PERSON_ID,
            'gtimeline_visible_row_count': '4',
        },
    }


def _file(view: str, source: str, is_video: bool) -> dict:
    kind = _VIDEO if is_video else _IMAGE
    return {'fid': view, 'fname': source, 'type': kind, 'loc': int(_URI_OF_FILE), 'src': source}


def _attributes(options: dict[str, str], has_videos: bool) -> dict:
    # a box in a video's frame has a time, one in an image none
    anchor = 'FILE1_Z1_XY1' if has_videos else 'FILE1_Z0_XY1'
    common = {'anchor_id': anchor, 'default_option_id': ''}
    choices = {number: name for name, number in options.items()}
    what = {'aname': ACTION, 'type': _CHECKBOX, 'desc': 'what the person does', 'options': choices}
    who = {'aname': PERSON, 'type': _TEXT, 'desc': 'the track of the person', 'options': {}}
    return {_PERSON_ID: {**who, **common}, _ACTION_ID: {**what, **common}}


def _metadata(box: ViaBox, views: dict[str, str], options: dict[str, str]) -> dict:
    if box.source not in views:
        raise ValueError(f'a box of {box.source!r}, which is none of the {len(views)} files')
    unknown = [name for name in box.actions if name not in options]
    if unknown:
        raise ValueError(f'{box.source}: action {unknown[0]!r} is none of {list(options)}')
    x1, y1, x2, y2 = (round(float(corner), 2) for corner in box.corners)
    chosen = ','.join(options[name] for name in box.actions)
    return {
        'vid': views[box.source],
        'flg': 0,
        'z': [] if box.time_sec is None else [round(box.time_sec, 3)],
        'xy': [_RECTANGLE, x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)],
        'av': {_PERSON_ID: box.person, **({_ACTION_ID: chosen} if chosen else {})},
    }
