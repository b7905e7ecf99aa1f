"""Projects of VIA 3 (the VGG Image Annotator for video), as its button "save" writes them.

A JSON object with ``project``, ``config``, ``attribute``, ``file``, ``view`` and ``metadata``; an
entry of metadata is of a view (``vid``), a view of a file. Source: ``_via_data.js`` of VIA 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmlt.fileio.annotation_formats.annotated_box import AnnotationFile, ReadOptions
from mmlt.fileio.annotation_formats.via3_metadata import Entry, read_entries
from mmlt.fileio.json_files import read_json_object
from mmlt.fileio.json_schema import check_keys, check_object

_KEYS = ('attribute', 'file', 'metadata', 'view')
_INLINE = 4  # ``loc`` of a file whose bytes are in ``src``


def recognises(path: str | Path) -> bool:
    """Whether a file seems to be such a project."""
    start = Path(path).read_bytes().lstrip(b'\xef\xbb\xbf \t\r\n')
    return start[:1] == b'{' and all(f'"{key}"'.encode() in start for key in _KEYS)


def read(path: str | Path, options: ReadOptions) -> AnnotationFile:
    """The boxes of a project.

    Raises:
        ValueError: No strict JSON, or an entry is wrong. Names file, key and value.
    """
    content = read_json_object(path)
    check_keys(content, dict.fromkeys(_KEYS, 'object'), str(path))
    return read_entries(str(path), content['attribute'], _entries(content, path), options)


def _entries(content: Mapping[str, Any], path: str | Path) -> Iterator[Entry]:
    for key, values in content['metadata'].items():
        where = f'{path}: metadata {key!r}'
        check_object(values, where)
        view = str(values.get('vid'))
        media = _media(content, view, where)
        values = {'z': [], 'xy': [], 'av': {}, **values}
        yield Entry(where, media, values['z'], values['xy'], values['av'])


def _media(content: Mapping[str, Any], view: str, where: str) -> str:
    """The file of a view: where it is from, or its name."""
    if view not in content['view']:
        raise ValueError(f"{where}: key 'vid': there is no view {view!r}")
    of_view = content['view'][view]
    check_object(of_view, f'{where}: view {view!r}')
    files = of_view.get('fid_list')
    if not isinstance(files, list) or len(files) != 1:
        raise ValueError(f'{where}: view {view!r} shows {files!r:.80}, not one file')
    file = content['file'].get(str(files[0]))
    if not isinstance(file, dict):
        raise ValueError(f'{where}: there is no file {files[0]!r}')
    source = file.get('src')
    if file.get('loc') == _INLINE or not isinstance(source, str) or not source.strip():
        source = file.get('fname')
    if not isinstance(source, str) or not source.strip():
        raise ValueError(
            f"{where}: file {files[0]!r}: key 'fname' must be text, got {source!r:.80}"
        )
    return source
