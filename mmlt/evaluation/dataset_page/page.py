"""One HTML file about a data set that opens offline."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mmlt.evaluation.dataset_page.classes import (
    class_rows,
    class_table_section,
    histogram_section,
)
from mmlt.evaluation.dataset_page.findings import findings_section, split_section, summary_facts
from mmlt.evaluation.dataset_page.pictures import Draw, picture_sections
from mmlt.evaluation.report.template import render_page
from mmlt.fileio.atomic_write import atomic_write
from mmlt.fileio.dataset_checks.settings import GroupRule
from mmlt.fileio.dataset_checks.whole import DatasetCheck

MAX_BYTES = 4_000_000


def write_dataset_page(
    check: DatasetCheck,
    out_path: str | os.PathLike,
    *,
    title: str,
    rule: GroupRule | None = None,
    draw_at: Callable[[int], Draw] | None = None,
) -> Path:
    """Write the page about a data set; an earlier one is replaced.

    Args:
        check: What was read and found.
        out_path: The HTML file.
        title: Its heading.
        rule: What makes head, medium and tail; None: AVA's limits. A split file that leaves
            classes out, as that of a data set with other mistakes may, counts as none.
        draw_at: Gives, for a quality from 1 to 100, what draws a keyframe; None: no pictures.

    Raises:
        ValueError: The page would take more than 4 MB.
    """
    out_path, rule = Path(out_path), rule or GroupRule()
    try:
        rows = class_rows(check, rule)
    except (OSError, ValueError):
        rule = rule._replace(split_file=None)
        rows = class_rows(check, rule)
    before = findings_section(check) + split_section(check) + histogram_section(check, rows, rule)
    for quality in (70, 45, 25):
        pictures = '' if draw_at is None else picture_sections(check, rows, draw_at(quality))
        main = before + pictures + class_table_section(check, rows)
        content = render_page(title, summary_facts(check), [], main).encode('utf-8')
        if len(content) <= MAX_BYTES:
            with atomic_write(out_path, overwrite=True) as temporary:
                temporary.write_bytes(content)
            return out_path
    raise ValueError(
        f'{out_path}: the page would take {len(content) / 1e6:.1f} MB, more than '
        f'{MAX_BYTES / 1e6:.0f} MB'
    )
