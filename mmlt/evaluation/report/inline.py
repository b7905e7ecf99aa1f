"""A matplotlib figure as a compact ``<svg>`` inside a page."""

from __future__ import annotations

import html
import io
import re
import unicodedata
import warnings
from collections.abc import Callable

_LEAST_SCALE = 0.55  # a narrower page scrolls: the names would be too small to read


def inline_svg(
    figure, key: str, label: str, overlay: Callable[[], str] = str, scales: bool = True
) -> str:
    """Draw a matplotlib figure as an ``<svg>`` for a page, as wide as there is room.

    Args:
        figure: The figure.
        key: Unique in the page; ids inside the drawing begin with it.
        label: What a screen reader says.
        overlay: Gives further elements, on top; called when everything has its place.
        scales: Whether it may be shown smaller than it is; else a narrow page scrolls.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    with warnings.catch_warnings():  # which glyphs exist is the browser's affair
        warnings.filterwarnings('ignore', message='.*missing from.*font.*')
        warnings.filterwarnings('ignore', message='.*does not support.*natively.*')
        # Not savefig, which draws twice: once for the layout, which the drawing itself makes too.
        FigureCanvasSVG(figure).print_svg(buffer)
    svg = buffer.getvalue()
    # The drawing alone: no prolog, metadata or namespace, ids that stay unique in a page.
    body = svg[svg.index('</metadata>') + len('</metadata>') : svg.rindex('</svg>')]
    body = body.replace('xlink:href', 'href')
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', body))

    def rename(match):
        return f' id="{key}-{match[1]}"' if match[1] in used else ''

    body = re.sub(r' id="([^"]*)"', rename, body)
    body = re.sub(r'(url\(#|href="#)', rf'\g<1>{key}-', body)
    width, height = figure.get_size_inches()
    return (
        f'<svg role="img" aria-label="{html.escape(plain_text(label))}" '
        f'viewBox="0 0 {width * 72:g} {height * 72:g}" '
        f'width="{width * 96:.0f}" height="{height * 96:.0f}" '
        f'style="min-width: {width * 96 * (_LEAST_SCALE if scales else 1):.0f}px">'
        f'{_compact(body)}{overlay()}</svg>'
    )


def plain_text(text: str) -> str:
    """The text without what no font draws: control characters and half surrogates."""
    return ''.join('\ufffd' if unicodedata.category(c) in ('Cc', 'Cs') else c for c in text)


def _compact(body: str) -> str:
    """Two decimals for coordinates, and the style of many equal marks said once."""

    def round_numbers(tag):
        return re.sub(r'\d+\.\d{3,}', lambda number: f'{float(number[0]):.2f}', tag[0])

    def hoist_style(group):
        styles = set(re.findall(r'<use[^>]* style="([^"]*)"', group[2]))
        if len(styles) != 1:
            return group[0]
        marks = re.sub(r' style="[^"]*"', '', group[2])
        return f'{group[1]} style="{styles.pop()}">{marks}</g>'

    body = re.sub(r'<(?:path|use)[^>]*>', round_numbers, body)
    return re.sub(r'(<g[^>]*)>((?:\s*<use[^>]*>)+)\s*</g>', hoist_style, body)
