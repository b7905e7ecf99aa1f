"""What is drawn over a class: bars, lines and marks, few paths however many classes there are."""

from __future__ import annotations

import numpy as np

INK = '#20262e'
#: With more classes than this their names, and large marks, would run into one another.
MAX_LABELLED = 80


def add_bars(
    axes, heights, color, label, *, width=0.8, bottom=0.0, offset=0.0, hollow=False
) -> None:
    """Bars, all as one path: the drawing of a thousand classes stays small."""
    at = np.flatnonzero(np.isfinite(heights))
    left, right = at + offset - width / 2, at + offset + width / 2
    low, high = np.full(len(at), bottom), heights[at]
    corners = [(left, low), (left, high), (right, high), (right, low), (left, low)]
    style = dict(facecolor=color, linewidth=0)
    if hollow:
        style = dict(facecolor='white', edgecolor=color, linewidth=0.9)
    # move, three lines, close: matplotlib.path.Path's codes
    _add_path(axes, corners, [1, 2, 2, 2, 79], label=label, **style)


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
        markersize=4.2 if len(values) <= MAX_LABELLED else 2.4,
        markerfacecolor=face,
        markeredgecolor=edge,
        markeredgewidth=0.9 if len(values) <= MAX_LABELLED else 0.5,
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
