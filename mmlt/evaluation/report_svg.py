"""Drawing with one column per class: matplotlib in our style, out as a compact inline ``<svg>``.

Text stays text, so that a browser's search finds a class. An invisible strip over each class shows
its numbers when the pointer rests on it. The same input gives the same bytes.
"""

from __future__ import annotations

import html
import io
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from mmlt.functional.class_files import GROUPS

# Paul Tol's "high contrast" scheme: apart for every kind of colour vision, and in grey print.
GROUP_COLORS = {'head': '#004488', 'medium': '#ddaa33', 'tail': '#bb5566'}
PLAIN_COLOR = '#004488'
INK = '#20262e'
_UNGROUPED_COLOR = '#8a929c'  # a class without a group among classes that have one
_MAX_LABELLED = 80  # with more classes the names would be too small to read
_MAX_LABEL = 30  # characters; the pointer and the table tell the whole name
_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmlt',
    'text.parse_math': False,  # a class may be called '$5'
    'font.size': 9,
    'text.color': INK,
    'axes.labelcolor': INK,
    'axes.edgecolor': '#8a929c',
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.grid.axis': 'y',
    'axes.axisbelow': True,
    'grid.color': '#e3e6ea',
    'xtick.color': INK,
    'ytick.color': INK,
    'xtick.labelsize': 8.5,
    'xtick.major.size': 2,
    'ytick.major.size': 0,
    'ytick.minor.size': 0,
    'legend.frameon': False,
    'figure.constrained_layout.h_pad': 0.12,  # inches; the browser's font may be wider
}


@contextmanager
def drawing_style() -> Iterator[None]:
    """Put matplotlib in our style for the ``with`` block.

    Raises:
        ImportError: matplotlib is not installed; says how to get it.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("the report draws with matplotlib: pip install 'mmlt[report]'") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # nobody's matplotlibrc changes a report
        matplotlib.rcParams.update(_STYLE)
        yield


class ClassFigure:
    """A figure whose columns are classes; a context manager that puts matplotlib in our style.

    Args:
        names: Class names, from left to right.
        groups: 'head', 'medium', 'tail' or None of each class.
        height: Height in inches with the names written below.
        panels: Number of axes, one above the other.
    """

    def __init__(
        self,
        names: Sequence[str],
        groups: Sequence[str | None],
        *,
        height: float,
        panels: int = 1,
    ):
        self.names, self.groups = list(names), list(groups)
        self.height, self.panels = height, panels
        self.labelled = len(self.names) <= _MAX_LABELLED

    def __enter__(self) -> ClassFigure:
        self._style = drawing_style()
        self._style.__enter__()
        from matplotlib.figure import Figure

        count = len(self.names)
        width = max(6.5, 1.4 + 0.175 * count) if self.labelled else max(12.0, 1.4 + 0.03 * count)
        height = self.height if self.labelled else self.height - 1.1
        self.figure = Figure(figsize=(width, height), layout='constrained')
        self.axes = self.figure.subplots(self.panels, 1, sharex=True, squeeze=False)[:, 0]
        return self

    def __exit__(self, *error) -> None:
        self._style.__exit__(*error)

    def group_bars(
        self, axes, values: np.ndarray, label: str, *, width=0.8, bottom=0.0, offset=0.0
    ) -> None:
        """Bars in the colour of each class's group, with a legend entry for each group."""
        is_grouped = any(self.groups)
        for group in (*GROUPS, None):
            mask = np.array([own == group for own in self.groups], dtype=bool)
            if not mask.any():
                continue
            color = GROUP_COLORS.get(group, _UNGROUPED_COLOR if is_grouped else PLAIN_COLOR)
            text = f'{label}: {group or "no group"}' if is_grouped else label
            shown = np.where(mask, values, np.nan)
            add_bars(axes, shown, color, text, width=width, bottom=bottom, offset=offset)

    def to_svg(self, key: str, label: str, hover_texts: Sequence[str]) -> str:
        """Name the classes, draw, and return the ``<svg>``.

        Args:
            key: Unique in the page; ids inside the drawing begin with it.
            label: What a screen reader says.
            hover_texts: One for each class.
        """
        last, count = self.axes[-1], len(self.names)
        last.set_xlim(-0.8, count - 0.2)
        if self.labelled:
            names = [_shorten(plain_text(name)) for name in self.names]
            # anchored, so that the browser's font, not matplotlib's, decides where a name begins
            place = dict(rotation=90, ha='right', va='center', rotation_mode='anchor')
            last.set_xticks(range(count), names, **place)
        else:
            last.set_xlabel(f'{count:,} classes; point at one for its name and numbers', loc='left')
        for axes in self.axes:
            labels = axes.get_legend_handles_labels()[1]
            if labels:
                needed = [0.5 + 0.065 * len(label) for label in labels]  # inches, about
                room = self.figure.get_figwidth() - 0.5
                columns = len(labels) if sum(needed) <= room else max(1, int(room / max(needed)))
                place = dict(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0.2)
                axes.legend(ncols=columns, **place)
        buffer = io.StringIO()
        with warnings.catch_warnings():  # which glyphs exist is the browser's affair
            warnings.filterwarnings('ignore', message='.*missing from.*font.*')
            warnings.filterwarnings('ignore', message='.*does not support.*natively.*')
            self.figure.savefig(buffer, format='svg')
        return self._inline(buffer.getvalue(), key, label, self._hover_strips(hover_texts))

    def _hover_strips(self, texts: Sequence[str]) -> str:
        """A strip as high as the drawing over each class; the page's style knows their height."""
        to_share = self.figure.transFigure.inverted().transform
        ends = [[index - 0.5, 0.5] for index in range(len(texts) + 1)]
        edges = to_share(self.axes[-1].transData.transform(ends))[:, 0]
        edges = edges * self.figure.get_figwidth() * 72  # matplotlib's SVG counts in points
        strips = (
            f'<rect x="{left:.1f}"><title>{html.escape(plain_text(text))}</title></rect>'
            for left, text in zip(edges, texts)
        )
        return f'<g class="strips" style="--w:{edges[1] - edges[0]:.2f}px">{"".join(strips)}</g>'

    def _inline(self, svg: str, key: str, label: str, strips: str) -> str:
        """The drawing alone: no prolog, metadata or namespace, ids that stay unique in a page."""
        body = svg[svg.index('</metadata>') + len('</metadata>') : svg.rindex('</svg>')]
        body = body.replace('xlink:href', 'href')
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', body))

        def rename(match):
            return f' id="{key}-{match[1]}"' if match[1] in used else ''

        body = re.sub(r' id="([^"]*)"', rename, body)
        body = re.sub(r'(url\(#|href="#)', rf'\g<1>{key}-', body)
        width, height = self.figure.get_size_inches()
        return (
            f'<svg role="img" aria-label="{html.escape(plain_text(label))}" '
            f'viewBox="0 0 {width * 72:g} {height * 72:g}" '
            f'width="{width * 96:.0f}" height="{height * 96:.0f}">{_compact(body)}{strips}</svg>'
        )


def plain_text(text: str) -> str:
    """The text without what no font draws: control characters and half surrogates."""
    return ''.join('\ufffd' if unicodedata.category(c) in ('Cc', 'Cs') else c for c in text)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else f'{text[: _MAX_LABEL - 1].rstrip()}…'


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


def add_bars(axes, heights, color, label, *, width=0.8, bottom=0.0, offset=0.0) -> None:
    """Bars, all as one path: the drawing of a thousand classes stays small."""
    at = np.flatnonzero(np.isfinite(heights))
    left, right = at + offset - width / 2, at + offset + width / 2
    low, high = np.full(len(at), bottom), heights[at]
    corners = [(left, low), (left, high), (right, high), (right, low), (left, low)]
    # move, three lines, close: matplotlib.path.Path's codes
    _add_path(axes, corners, [1, 2, 2, 2, 79], facecolor=color, linewidth=0, label=label)


def add_lines(axes, lows, highs, color, linewidth, *, offset=0.0) -> None:
    """A vertical line from ``lows`` to ``highs`` for each class where both are known."""
    at = np.flatnonzero(np.isfinite(lows) & np.isfinite(highs))
    corners = [(at + offset, lows[at]), (at + offset, highs[at])]
    _add_path(axes, corners, [1, 2], fill=False, edgecolor=color, linewidth=linewidth)


def add_marks(axes, values, label, *, marker='D', face='white', edge=INK) -> None:
    """A mark for each class whose value is known."""
    axes.plot(
        np.arange(len(values)),
        values,
        linestyle='none',
        marker=marker,
        markersize=4.2 if len(values) <= _MAX_LABELLED else 2.4,
        markerfacecolor=face,
        markeredgecolor=edge,
        markeredgewidth=0.9 if len(values) <= _MAX_LABELLED else 0.5,
        label=label,
    )


def _add_path(axes, corners, codes, **style) -> None:
    """Many equal shapes as one path; ``corners`` lists (x (n,), y (n,)) along the shape."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    vertices = np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)
    if len(vertices):
        path = Path(vertices.reshape(-1, 2), np.tile(codes, len(vertices)))
        axes.add_patch(PathPatch(path, **style))
