"""HTML that all sections of a report have in common."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from mmlt.evaluation.report.inline import plain_text

_MOST_UNBROKEN = 12  # characters of a run's name


def escape(text: str) -> str:
    """Text made safe for HTML, quotes included.

    Example:
        >>> escape('hit <an "object">')
        'hit &lt;an &quot;object&quot;&gt;'
    """
    return html.escape(plain_text(text))


def tag(start: str, content: str, classes: str = '') -> str:
    """An element: ``start`` is its name and attributes.

    Example:
        >>> tag('td id="a"', '1.5', 'edge')
        '<td id="a" class="edge">1.5</td>'
    """
    classes = f' class="{classes.strip()}"' if classes.strip() else ''
    return f'<{start}{classes}>{content}</{start.split()[0]}>'


def run_name(name: str, shown: str | None = None) -> str:
    """The name of a run in a heading of a table; a long one is wrapped, best at an underscore.

    Args:
        name: The whole name, which the pointer tells.
        shown: A shorter form of it.
    """
    shown = name if shown is None else shown
    text = escape(shown)
    if len(shown) > _MOST_UNBROKEN:
        text = re.sub('[_/]', r'\g<0><wbr>', text)
    title = '' if shown == name else f' title="{escape(name)}"'
    return f'<span class="run"{title}>{text}</span>'


def section(heading: str, *parts: str) -> str:
    """A section of the page."""
    return f'<section><h2>{escape(heading)}</h2>{"".join(parts)}</section>\n'


def scrolled(label: str, content: str) -> str:
    """A box of its own for what may be wider than the page."""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}">'
        f'{content}</div>'
    )


def figure(label: str, drawing: str, caption: str) -> str:
    """A drawing with its caption, which is HTML."""
    return f'<figure>{scrolled(label, drawing)}<figcaption>{caption}</figcaption></figure>'


def table(kind: str, head: Sequence[str], body: Sequence[str | tuple[str, str]]) -> str:
    """A table of class ``kind`` from rows of cells that are HTML.

    A row of the body may be a pair: its classes and its cells.
    """
    pairs = (('', row) if isinstance(row, str) else row for row in body)
    head, body = (f'<tr>{row}</tr>' for row in head), (tag('tr', row, own) for own, row in pairs)
    return (
        f'<table class="{kind}"><thead>{"".join(head)}</thead>'
        f'<tbody>{"".join(body)}</tbody></table>'
    )
