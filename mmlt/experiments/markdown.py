"""Tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown, a line each for the head and for every row.

    Example:
        >>> print(markdown_table(('method', 'mAP'), [('baseline', '41.2'), ('focal', '42.0')]))
        | method | mAP |
        |---|---|
        | baseline | 41.2 |
        | focal | 42.0 |
    """
    lines = [f'| {" | ".join(row)} |' for row in (head, *rows)]
    return '\n'.join([lines[0], '|' + '---|' * len(head), *lines[1:]])
