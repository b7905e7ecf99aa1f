"""The page that every report is put into: its looks, and the script of its table of classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template

from mmlt.evaluation.report.html import escape, tag

_TEMPLATE = Path(__file__).with_name('page.html')


def render_page(title: str, facts: str, notes: Iterable[str], main: str) -> str:
    """A whole page that opens offline.

    Args:
        title: Heading, as text.
        facts: HTML below it.
        notes: What a reader must know first, a sentence each, as text.
        main: HTML of the sections.
    """
    return Template(_TEMPLATE.read_text(encoding='utf-8')).substitute(
        title=escape(title),
        facts=facts,
        notes=''.join(tag('p', escape(note), 'note') for note in notes),
        main=main,
    )
