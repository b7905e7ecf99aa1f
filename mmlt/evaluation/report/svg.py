"""Drawing with one column per class: matplotlib in our style, out as a compact inline ``<svg>``.

Text stays text, so that a browser's search finds a class. An invisible strip over each class shows
its numbers when the pointer rests on it. The same input gives the same bytes.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from mmlt.evaluation.report.inline import inline_svg, plain_text
from mmlt.evaluation.report.shapes import INK, MAX_LABELLED, add_bars
from mmlt.fileio.class_split import GROUPS

# Paul Tol's "high contrast" scheme: apart for every kind of colour vision, and in grey print.
GROUP_COLORS = {'head': '#004488', 'medium': '#ddaa33', 'tail': '#bb5566'}
PLAIN_COLOR = '#004488'
#: The scores of a class with fewer evaluated boxes say little: it is drawn hollow.
MIN_BOXES = 10
_UNGROUPED_COLOR = '#8a929c'  # a class without a group among classes that have one
#: Of a figure of a page; shown from :data:`WIDTH` up to half as large, it can be read.
FONT_SIZE = 10.5
WIDTH = 11.9  # inches: as wide as the page, where the names of the classes leave the choice
_MAX_LABEL = 30  # characters; the pointer and the table tell the whole name
_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmlt',
    'text.parse_math': False,  # a class may be called '$5'
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
    'xtick.labelsize': 'medium',
    'xtick.major.size': 2,
    'ytick.major.size': 0,
    'ytick.minor.size': 0,
    'legend.frameon': False,
    'figure.constrained_layout.h_pad': 0.12,  # inches; the browser's font may be wider
}


@contextmanager
def drawing_style(font_size: float = 9) -> Iterator[None]:
    """Put matplotlib in our style for the ``with`` block.

    Args:
        font_size: In points.

    Raises:
        ImportError: matplotlib is not installed; says how to get it.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError("the report draws with matplotlib: pip install 'mmlt[report]'") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # nobody's matplotlibrc changes a report
        matplotlib.rcParams.update({**_STYLE, 'font.size': font_size})
        yield


class ClassFigure:
    """A figure whose columns are classes; a context manager that puts matplotlib in our style.

    Args:
        names: Class names, from left to right.
        groups: 'head', 'medium', 'tail' or None of each class.
        height: Height in inches with the names written below.
        panels: Number of axes, one above the other.
        few: Whether each class has so few evaluated boxes that its bars are hollow; None says no.
        noun: What is few: boxes or samples.
    """

    def __init__(
        self,
        names: Sequence[str],
        groups: Sequence[str | None],
        *,
        height: float,
        panels: int = 1,
        few: Sequence[bool] | None = None,
        noun: str = 'boxes',
    ):
        self.names, self.groups = list(names), list(groups)
        self.few = np.array([False] * len(self.names) if few is None else few, dtype=bool)
        self.noun = noun
        self.height, self.panels = height, panels
        self.labelled = len(self.names) <= MAX_LABELLED

    def __enter__(self) -> ClassFigure:
        self._style = drawing_style(FONT_SIZE)
        self._style.__enter__()
        from matplotlib.figure import Figure

        count = len(self.names)
        width = max(WIDTH, 1.4 + (0.175 if self.labelled else 0.03) * count)
        height = self.height if self.labelled else self.height - 1.1
        self.figure = Figure(figsize=(width, height), layout='constrained')
        self.axes = self.figure.subplots(self.panels, 1, sharex=True, squeeze=False)[:, 0]
        return self

    def __exit__(self, *error) -> None:
        self._style.__exit__(*error)

    def bars(self, axes, values: np.ndarray, color: str, label: str | None, **place) -> None:
        """Bars of one colour, hollow for classes with few boxes; ``place`` as in ``add_bars``."""
        for hollow in (False, True):
            shown = np.where(self.few == hollow, values, np.nan)
            add_bars(axes, shown, color, label, hollow=hollow, **place)
            if np.isfinite(shown).any():
                label = None  # told once

    def group_bars(self, axes, values: np.ndarray, label: str, **place) -> None:
        """Bars in the colour of each class's group, with a legend entry for each group."""
        is_grouped = any(self.groups)
        for group in (*GROUPS, None):
            mask = np.array([own == group for own in self.groups], dtype=bool)
            if not mask.any():
                continue
            color = GROUP_COLORS.get(group, _UNGROUPED_COLOR if is_grouped else PLAIN_COLOR)
            text = f'{label}: {group or "no group"}' if is_grouped else label
            self.bars(axes, np.where(mask, values, np.nan), color, text, **place)

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
            self._add_legend(axes)
        overlay = partial(self._hover_strips, hover_texts)
        return inline_svg(self.figure, key, label, overlay, self.labelled)

    def _add_legend(self, axes) -> None:
        from matplotlib.patches import Patch

        handles, labels = axes.get_legend_handles_labels()
        if axes is self.axes[0] and self.few.any():
            handles.append(Patch(facecolor='white', edgecolor=INK, linewidth=0.9))
            labels.append(f'hollow: fewer than {MIN_BOXES} evaluated {self.noun}')
        if labels:
            columns = _legend_columns(labels, self.figure.get_figwidth() - 0.5)
            place = dict(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0.2)
            axes.legend(handles, labels, ncols=columns, **place)

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


def _legend_columns(labels: Sequence[str], room: float) -> int:
    """The most columns, filled one after the other, that fit in ``room`` inches."""
    needed = [0.7 + 0.085 * len(label) for label in labels]  # about

    def total(columns: int) -> float:
        rows = -(-len(needed) // columns)
        return sum(max(needed[i : i + rows]) for i in range(0, len(needed), rows))

    return next((n for n in range(len(needed), 1, -1) if total(n) <= room), 1)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_LABEL else f'{text[: _MAX_LABEL - 1].rstrip()}…'
