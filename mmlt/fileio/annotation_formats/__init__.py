"""Annotations of labelling tools, a file a format; all are read into :class:`AnnotatedBox`.

Another format is a module with ``recognises(path)`` and ``read(path, options)``, and a line in
:data:`FORMATS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from mmlt.fileio.annotation_formats import ava_annotations, via3_csv, via3_project
from mmlt.fileio.annotation_formats.annotated_box import AnnotationFile, ReadOptions

#: Name -> module; the first one that recognises a file reads it.
FORMATS: dict[str, ModuleType] = {
    'VIA 3 project': via3_project,
    'VIA 3 CSV': via3_csv,
    'AVA CSV': ava_annotations,
}
_SUFFIXES = ('.csv', '.json')


def find_format(path: str | Path) -> str:
    """The name of the format of a file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of none of the formats; names them.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path}: no such file')
    for name, module in FORMATS.items():
        if module.recognises(path):
            return name
    hint = ''
    head = Path(path).read_bytes()[:4096]
    if not head.strip(b'\xef\xbb\xbf \t\r\n'):
        hint = ': it is empty'
    elif b'_via_img_metadata' in head:
        hint = ': it is a project of VIA 2, an annotator of images; label in VIA 3'
    raise ValueError(f'{path}: none of the formats that can be read ({", ".join(FORMATS)}){hint}')


def read_annotations(
    path: str | Path, options: ReadOptions | None = None
) -> tuple[str, AnnotationFile]:
    """The name of the format of a file, and what is in it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of no known format, or wrong. Names file, line or key, and value.
    """
    name = find_format(path)
    return name, FORMATS[name].read(path, options or ReadOptions())


def annotation_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files themselves, and of folders the CSV and JSON files that lie in them, by name.

    Raises:
        FileNotFoundError: A path leads nowhere, or a folder has no such file.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
        if not inside:
            raise FileNotFoundError(f'{path}: a folder without a {" or ".join(_SUFFIXES)} file')
        files += inside
    return files
