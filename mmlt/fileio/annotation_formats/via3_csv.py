"""CSV files that VIA 3 exports: comments with the attributes, then a row an entry of metadata.

    # ATTRIBUTE = {"1":{"aname":"action",...}}
    # CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
    "1_ab","[""street.mp4""]",0,"[12]","[2,10,20,50,80]","{""1"":""3""}"

Source: ``_via_import_export.js`` of VIA 3.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlt.fileio.annotation_formats.annotated_box import AnnotationFile, ReadOptions
from mmlt.fileio.annotation_formats.via3_metadata import Entry, read_entries
from mmlt.functional.detection.text_files import read_lines, tell_csv_error

_COLUMNS = (
    'metadata_id',
    'file_list',
    'flags',
    'temporal_coordinates',
    'spatial_coordinates',
    'metadata',
)
_AGAIN = 'export it again from VIA, and open it with no spreadsheet, or import the project (json)'


def recognises(path: str | Path) -> bool:
    """Whether a file seems to be such an export."""
    with open(path, 'rb') as stream:
        return b'metadata_id,file_list' in stream.read(1 << 20)


def read(path: str | Path, options: ReadOptions) -> AnnotationFile:
    """The boxes of an export.

    Raises:
        ValueError: A row is wrong, or the attributes are not there. Names file, line and value.
    """
    lines = list(enumerate(read_lines(path), start=1))
    attributes = None
    for number, line in lines:
        found = re.match(r'#\s*ATTRIBUTE\s*=\s*(.*?)\s*$', line)
        if found:
            attributes = _loads(found[1], 'ATTRIBUTE', f'{path}, line {number}')
    if attributes is None:
        raise ValueError(f'{path}: no line "# ATTRIBUTE = ...", which names the labels; {_AGAIN}')
    return read_entries(str(path), attributes, _entries(path, lines), options)


def _entries(path: str | Path, lines: list[tuple[int, str]]) -> Iterator[Entry]:
    for number, line in lines:
        if not line.strip() or line.startswith(('#', '"#')):
            continue
        where = f'{path}, line {number}'
        try:
            fields = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise ValueError(f'{where}: {tell_csv_error(error)}; {_AGAIN}') from None
        if len(fields) != len(_COLUMNS):
            raise ValueError(
                f'{where} has {len(fields)} columns where {len(_COLUMNS)} are due '
                f'({", ".join(_COLUMNS)}): {fields!r:.80}; {_AGAIN}'
            )
        of_column = dict(zip(_COLUMNS, fields))
        files, times, shape, values = (
            _loads(of_column[name], name, where) for name in (*_COLUMNS[1:2], *_COLUMNS[3:])
        )
        if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], str):
            raise ValueError(f'{where}: file_list must name one file, got {files!r:.80}')
        yield Entry(where, files[0], times, shape, values)


def _loads(text: str, name: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f'{where}: {name} is no JSON: {text!r:.80}; {_AGAIN}') from None
